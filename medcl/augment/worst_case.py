"""What a transform says of its worst cases, so that those of several can be put together."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Extremes:
    """Worst cases of a spatial transform, anatomy → view, for composing policies.

    Attributes:
        degrees: Largest angle between a direction in the patient and its image.
        stretch: Smallest and largest singular value: how much any length may shrink or grow.
        volume: Smallest and largest size of the determinant.
        mirrored: Whether the determinant is negative.
    """

    degrees: float = 0.0
    stretch: tuple[float, float] = (1.0, 1.0)
    volume: tuple[float, float] = (1.0, 1.0)
    mirrored: bool = False

    @property
    def off_scale(self) -> float:
        """Largest departure of a length from the truth, as a fraction."""
        return round(max(self.stretch[1] - 1, 1 - self.stretch[0]), 12)

    @property
    def off_volume(self) -> float:
        """Largest departure of a volume from the truth, as a fraction."""
        return round(max(self.volume[1] - 1, 1 - self.volume[0]), 12)


@dataclass(frozen=True, slots=True)
class Line:
    """Worst cases of a map of values ``gain * value + offset``.

    Attributes:
        gain: Smallest and largest gain.
        offset: Smallest and largest offset, in the unit of the values.
    """

    gain: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)


@runtime_checkable
class HasLine(Protocol):
    """A transform of values that is a gain and an offset: several of them propagate exactly."""

    def line(self) -> Line:
        """Return the worst gains and offsets over all draws."""


@runtime_checkable
class HasSpread(Protocol):
    """A transform of values that adds a variance: several of them add up to one."""

    def spread(self) -> Mapping[str, float]:
        """Return the largest standard deviation by what it spreads.

        ``noise_hu``, ``noise_fraction`` and ``noise_liver_cov`` are of values, ``blur_mm`` of the
        point spread.
        """


@runtime_checkable
class HasResampling(Protocol):
    """A transform of values that interpolates once more, as a simulated thick slice does."""

    def resamples(self) -> bool:
        """Return whether any draw interpolates."""


@runtime_checkable
class HasPresumedNoise(Protocol):
    """A transform that adds noise; what that drowns depends on the noise there is already."""

    def presumed_noise(self) -> float:
        """Return the least noise of a scan that its contract speaks of, 0 for any.

        A standard deviation in the unit of values.
        """


def turning(condition: float) -> float:
    """Return the largest angle in degrees by which a stretch turns a direction.

    Args:
        condition: Largest singular value over the smallest, 1 or more.

    Returns:
        The angle whose sine is ``(condition - 1) / (condition + 1)`` (Kantorovich, Wielandt).

    Example:
        >>> turning(1.0), round(turning(3.0), 9)
        (0.0, 30.0)
    """
    return math.degrees(math.asin((condition - 1) / (condition + 1)))
