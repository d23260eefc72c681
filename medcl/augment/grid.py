"""The grid of voxels a view has."""

import math
from dataclasses import dataclass

import numpy as np

from medcl.shapes import Vector3


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewGrid:
    """Size and spacing of every view of a policy.

    Attributes:
        size_voxels: Voxels along patient left → right, posterior → anterior, inferior → superior.
        spacing_mm: Distance in mm between voxel centres along the same axes.

    Example:
        >>> ViewGrid(size_voxels=(32, 32, 16), spacing_mm=(1.0, 1.0, 2.0)).extent_mm.tolist()
        [32.0, 32.0, 32.0]
    """

    size_voxels: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    def __post_init__(self) -> None:
        """Refuse an empty grid.

        Raises:
            ValueError: A size is below 1, or a spacing is not a positive finite number.
        """
        if any(size < 1 for size in self.size_voxels):
            raise ValueError(f"size_voxels must be three sizes of at least 1: {self.size_voxels}.")
        if not all(math.isfinite(mm) and mm > 0 for mm in self.spacing_mm):
            raise ValueError(f"spacing_mm must be three lengths above 0 mm: {self.spacing_mm}.")

    @property
    def extent_mm(self) -> Vector3:
        """Length of the view along each axis in mm, voxel edge to voxel edge."""
        return np.multiply(self.size_voxels, self.spacing_mm, dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalViews:
    """Small views inside the others: a part of the anatomy, to be matched with the whole.

    Attributes:
        count: How many of each volume; each lies inside one of its two global views in turn.
        size_voxels: Voxels along each axis, as of `ViewGrid`.
        spacing_mm: Distance in mm between voxel centres.

    Example:
        >>> local = LocalViews(count=4, size_voxels=(16, 16, 16), spacing_mm=(1.0, 1.0, 1.0))
        >>> local.grid.extent_mm.tolist()
        [16.0, 16.0, 16.0]
    """

    count: int
    size_voxels: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    def __post_init__(self) -> None:
        """Refuse a count or grid of nothing.

        Raises:
            ValueError: The count is below 1, or the grid is none.
        """
        if self.count < 1:
            raise ValueError(f"count must be at least 1, got {self.count}.")
        _ = self.grid

    @property
    def grid(self) -> ViewGrid:
        """The grid of a local view."""
        return ViewGrid(size_voxels=self.size_voxels, spacing_mm=self.spacing_mm)
