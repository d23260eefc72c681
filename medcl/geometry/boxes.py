"""Boxes: axis-aligned ranges of voxels."""

from dataclasses import dataclass

import numpy as np

from medcl.shapes import Points


@dataclass(frozen=True, slots=True)
class Box:
    """Voxels with ``lower <= index < upper`` along each axis.

    Example:
        >>> Box((0, 0, 0), (2, 3, 4)).shape
        (2, 3, 4)
    """

    lower: tuple[int, int, int]
    upper: tuple[int, int, int]

    def __post_init__(self) -> None:
        """Refuse a box that ends before it starts.

        Raises:
            ValueError: Along some axis ``upper`` is below ``lower``.
        """
        if any(low > high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ValueError(
                f"A box must not end before it starts, got {self.lower}, {self.upper}."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        x, y, z = (high - low for low, high in zip(self.lower, self.upper, strict=True))
        return x, y, z

    @property
    def num_voxels(self) -> int:
        """Voxels in all; 0 for an empty box."""
        x, y, z = self.shape
        return x * y * z

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index that cuts the box out of an array ``(X, Y, Z)``."""
        x, y, z = (slice(low, high) for low, high in zip(self.lower, self.upper, strict=True))
        return x, y, z

    def intersect(self, other: "Box") -> "Box":
        """Return the common part, an empty box where there is none.

        Example:
            >>> Box((0, 0, 0), (4, 4, 4)).intersect(Box((2, 2, 2), (9, 9, 9))).shape
            (2, 2, 2)
        """
        lower = [max(a, b) for a, b in zip(self.lower, other.lower, strict=True)]
        upper = [min(a, b) for a, b in zip(self.upper, other.upper, strict=True)]
        x, y, z = (max(low, high) for low, high in zip(lower, upper, strict=True))
        return Box((lower[0], lower[1], lower[2]), (x, y, z))


def box_around(points: Points, *, margin: int, shape: tuple[int, int, int]) -> Box:
    """Return the smallest box of a grid that holds all points and a margin.

    Args:
        points: Voxel coordinates, shape ``(P, 3)``.
        margin: Voxels added on every side.
        shape: Shape of the grid the box is cut to.

    Returns:
        A box inside the grid; empty along an axis where the points lie outside of it.

    Example:
        >>> box_around(np.array([[1.2, 1.0, 1.0], [2.7, 1.0, 1.0]]), margin=0, shape=(9, 9, 9))
        Box(lower=(1, 1, 1), upper=(4, 2, 2))
    """
    low = np.floor(points.min(axis=0)).astype(int) - margin
    high = np.ceil(points.max(axis=0)).astype(int) + 1 + margin
    lower = [int(np.clip(low[axis], 0, shape[axis])) for axis in range(3)]
    upper = [int(np.clip(high[axis], lower[axis], shape[axis])) for axis in range(3)]
    return Box((lower[0], lower[1], lower[2]), (upper[0], upper[1], upper[2]))
