"""Where drawn parameters come from: at random, or from the corners of their ranges.

Random draws rarely visit the corners of a range, so an audit asks the same transforms for corner
draws. A transform sees only this interface and cannot tell the two apart.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from medcl.shapes import Vector3


@runtime_checkable
class Chance(Protocol):
    """Something that chooses parameters."""

    def happens(self, probability: float) -> bool:
        """Return whether a transform of this probability is applied."""

    def between(self, low: float, high: float) -> float:
        """Return a number in ``[low, high]``."""

    def many(self, low: float, high: float, count: int) -> Float64[np.ndarray, "count"]:
        """Return so many numbers in ``[low, high]``."""

    def direction(self) -> Vector3:
        """Return a unit vector."""


@dataclass(frozen=True, slots=True)
class RandomChance:
    """Uniform draws.

    Example:
        >>> chance = RandomChance(np.random.default_rng(1))
        >>> 2.0 <= chance.between(2.0, 3.0) <= 3.0
        True
    """

    random: np.random.Generator

    def happens(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self.random.random() < probability)

    def between(self, low: float, high: float) -> float:
        """Return a uniform number in ``[low, high]``."""
        return float(self.random.uniform(low, high))

    def many(self, low: float, high: float, count: int) -> Float64[np.ndarray, "count"]:
        """Return uniform numbers in ``[low, high]``."""
        return self.random.uniform(low, high, count)

    def direction(self) -> Vector3:
        """Return a unit vector, uniform on the sphere."""
        vector = self.random.standard_normal(3)
        return np.asarray(vector / np.linalg.norm(vector))


@dataclass(frozen=True, slots=True)
class CornerChance:
    """Only ends of ranges, every transform applied, directions along the axes.

    Example:
        >>> CornerChance(np.random.default_rng(1)).between(2.0, 3.0) in (2.0, 3.0)
        True
    """

    random: np.random.Generator

    def happens(self, probability: float) -> bool:
        """Return whether the transform can happen at all."""
        return probability > 0

    def between(self, low: float, high: float) -> float:
        """Return one of both ends."""
        return float(low if self.random.random() < 0.5 else high)

    def many(self, low: float, high: float, count: int) -> Float64[np.ndarray, "count"]:
        """Return one of both ends, for each."""
        return np.where(self.random.random(count) < 0.5, low, high)

    def direction(self) -> Vector3:
        """Return one of the three axes."""
        return np.asarray(np.eye(3)[self.random.integers(3)])
