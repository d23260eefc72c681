"""Worst cases of several maps of values together: gains multiply, offsets go through later gains.

Like the spatial bounds these are intervals that hold for every draw. Noise and blur are the other
part: variances add, so two noises of 20 HU are one of 28 HU and not of 40.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from medcl.augment.worst_case import Line


@dataclass(frozen=True, slots=True)
class LineStep:
    """One transform of values, in the order of application.

    Attributes:
        line: Its worst gains and offsets where it is applied.
        is_independent: Whether two views may differ in it.
        is_certain: Whether every view has it.
    """

    line: Line
    is_independent: bool = True
    is_certain: bool = True

    @property
    def gain(self) -> tuple[float, float]:
        """Gains over all views, those it is not applied to included."""
        low, high = self.line.gain
        return (low, high) if self.is_certain else (min(low, 1.0), max(high, 1.0))

    @property
    def offset(self) -> tuple[float, float]:
        """Offsets over all views, those it is not applied to included."""
        low, high = self.line.offset
        return (low, high) if self.is_certain else (min(low, 0.0), max(high, 0.0))


@dataclass(frozen=True, slots=True)
class Departure:
    """How far a value may lie from the truth, and from itself in another view.

    Attributes:
        view: Largest departure within a view.
        between: Largest difference between two views.
    """

    view: float
    between: float


def departure_of(value: float, steps: Iterable[LineStep]) -> Departure:
    """Return how far one true value may be moved.

    Args:
        value: The true value, such as 0 HU for water.
        steps: In the order of application.

    Returns:
        In the unit of the value.

    Example:
        >>> offset = LineStep(Line(offset=(0.0, 4.0)))
        >>> departure_of(0.0, [offset, LineStep(Line(gain=(2.0, 2.0)))])
        Departure(view=8.0, between=8.0)
        >>> departure_of(0.0, [LineStep(offset.line, is_independent=False)])
        Departure(view=4.0, between=0.0)
    """
    low = high = value
    apart = 0.0
    for step in steps:
        gain, offset = step.gain, step.offset
        if step.is_independent:
            widest = max(abs(low), abs(high))
            apart = gain[1] * apart + (gain[1] - gain[0]) * widest + (offset[1] - offset[0])
        else:
            apart = gain[1] * apart
        ends = [factor * end for factor in gain for end in (low, high)]
        low, high = min(ends) + offset[0], max(ends) + offset[1]
    return Departure(max(high - value, value - low), apart)


def gain_of(steps: Iterable[LineStep]) -> tuple[float, float, float]:
    """Return the smallest and largest product of gains, and their largest ratio between views.

    Example:
        >>> step = LineStep(Line(gain=(0.5, 2.0)))
        >>> gain_of([step, step])
        (0.25, 4.0, 16.0)
    """
    low, high, ratio = 1.0, 1.0, 1.0
    for step in steps:
        low, high = low * step.gain[0], high * step.gain[1]
        if step.is_independent:
            ratio *= step.gain[1] / step.gain[0]
    return low, high, ratio


def spread_of(spreads: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the standard deviations of all transforms together, by what they spread.

    Example:
        >>> spread_of([{"noise_hu": 3.0}, {"noise_hu": 4.0, "blur_mm": 0.5}])
        {'noise_hu': 5.0, 'blur_mm': 0.5}
    """
    squares: dict[str, float] = {}
    for spread in spreads:
        for what, sd in spread.items():
            squares[what] = squares.get(what, 0.0) + sd**2
    return {what: math.sqrt(square) for what, square in squares.items()}


def contrast_left(noisy: Iterable[float], others: Iterable[float]) -> float:
    """Return the part of the contrast-to-noise ratio that is left at worst.

    Args:
        noisy: Parts of it that each noise takes alone; their variances add.
        others: Parts of it that each other transform takes alone; what they leave multiplies.

    Returns:
        From 0 to 1.

    Example:
        >>> round(contrast_left([1 - 1 / 1.25**0.5] * 2, []), 6) == round(1.5**-0.5, 6)
        True
    """
    variance = 1 + sum((1 / (1 - lost) ** 2 - 1 if lost < 1 else math.inf) for lost in noisy)
    return math.prod((1 - lost for lost in others), start=1.0) / math.sqrt(variance)
