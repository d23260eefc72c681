"""Worst cases of several spatial transforms together: intervals for the product of their maps.

Everything is a guaranteed bound, none an estimate. Let a transform turn no direction by more than
its ``degrees``, and let its singular values lie in ``stretch``. Then angles of a product add (the
angle between directions is a metric), singular values and determinants multiply, and between two
views of one volume the maps of shared transforms cancel as far as what lies before them allows.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from medcl.augment.worst_case import Extremes, turning

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SpatialStep:
    """One transform of a policy, in the order of application.

    Attributes:
        ends: Its worst cases where it is applied.
        is_independent: Whether two views may differ in it.
        is_certain: Whether every view has it.
    """

    ends: Extremes
    is_independent: bool = True
    is_certain: bool = True

    @property
    def stretch(self) -> Interval:
        """Singular values over all views, those it is not applied to included."""
        return self.ends.stretch if self.is_certain else _with_one(self.ends.stretch)

    @property
    def volume(self) -> Interval:
        """Determinants over all views, those it is not applied to included."""
        return self.ends.volume if self.is_certain else _with_one(self.ends.volume)

    @property
    def condition(self) -> float:
        """Largest singular value over the smallest, of one draw at most."""
        low, high = self.ends.stretch
        return high / low if self.ends.degrees > 0 else 1.0


@dataclass(frozen=True, slots=True)
class SpatialBounds:
    """What the maps of a policy can amount to.

    Attributes:
        degrees: Largest angle between a direction in the patient and its image.
        degrees_between: Largest angle between the images of one direction in two views.
        stretch: Smallest and largest singular value.
        stretch_between: Largest ratio of one length in two views.
        volume: Smallest and largest determinant, in size.
        volume_between: Largest ratio of one volume in two views.
        signs: Signs that the determinant can have.
    """

    degrees: float
    degrees_between: float
    stretch: Interval
    stretch_between: float
    volume: Interval
    volume_between: float
    signs: frozenset[int]


def compose(steps: Iterable[SpatialStep]) -> SpatialBounds:
    """Return the bounds of all steps together.

    Args:
        steps: In the order of application.

    Returns:
        Guaranteed bounds of the product and of the difference between two views.

    Example:
        >>> turn = SpatialStep(Extremes(degrees=10.0))
        >>> bounds = compose([turn, turn])
        >>> bounds.degrees, bounds.degrees_between
        (20.0, 40.0)
    """
    steps = list(steps)
    return SpatialBounds(
        degrees=sum((step.ends.degrees for step in steps), 0.0),
        degrees_between=_degrees_between(steps),
        stretch=_product(step.stretch for step in steps),
        stretch_between=_stretch_between(steps),
        volume=_product(step.volume for step in steps),
        volume_between=math.prod(
            (step.volume[1] / step.volume[0] for step in steps if step.is_independent), start=1.0
        ),
        signs=_signs(steps),
    )


def seen_in(bounds: SpatialBounds, enlarged: tuple[float, float, float]) -> SpatialBounds:
    """Return the bounds between a view and one of another spacing, as a network counts voxels.

    No network is told the spacing: what has more voxels in one of two views looks larger in it.

    Args:
        bounds: Of what a policy does to views of one spacing.
        enlarged: Per axis, voxels of a length in the second view by those in the first.

    Returns:
        The same bounds within a view, and wider ones between two.

    Example:
        >>> wider = seen_in(compose([]), (1.5, 1.5, 1.5))
        >>> wider.stretch_between, wider.volume_between, wider.degrees_between
        (1.5, 3.375, 0.0)
    """
    low, high = min(enlarged), max(enlarged)
    volume = math.prod(enlarged)
    return replace(
        bounds,
        degrees_between=bounds.degrees_between + turning(high / low),
        stretch_between=bounds.stretch_between * max(high, 1 / low),
        volume_between=bounds.volume_between * max(volume, 1 / volume),
    )


def _degrees_between(steps: Iterable[SpatialStep]) -> float:
    apart = 0.0
    for step in steps:
        if step.is_independent:
            apart += 2 * step.ends.degrees
        elif 0 < apart < 180:
            # A stretch that both views share opens the angle between two images of a direction.
            half = math.atan(step.condition * math.tan(math.radians(apart / 2)))
            apart = math.degrees(2 * half)
    return apart


def _stretch_between(steps: Iterable[SpatialStep]) -> float:
    ratio, is_turned = 1.0, False
    for step in steps:
        if step.is_independent:
            ratio *= step.stretch[1] / step.stretch[0]
            is_turned = is_turned or step.ends.degrees > 0
        elif is_turned:
            # Shared stretches only cancel where nothing was turned between them.
            ratio *= step.condition
    return ratio


def _signs(steps: Iterable[SpatialStep]) -> frozenset[int]:
    signs = {1}
    for step in steps:
        if step.ends.mirrored:
            turned = {-sign for sign in signs}
            signs = turned if step.is_certain else signs | turned
    return frozenset(signs)


def _product(intervals: Iterable[Interval]) -> Interval:
    low, high = 1.0, 1.0
    for first, last in intervals:
        low, high = low * first, high * last
    return low, high


def _with_one(interval: Interval) -> Interval:
    return min(interval[0], 1.0), max(interval[1], 1.0)
