"""Regions: the part of the world that a view or a volume takes up, and what they have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from medcl.augment.warp import Warp, inverse
from medcl.geometry.affine import transform_points
from medcl.geometry.polytope import Sides, common_mm3, half_spaces, part_within
from medcl.shapes import Affine, Points, Vector3

SAFETY = 0.02
"""What bent regions share is estimated; so much more keeps the true part above a bound."""

_LATTICE = 10
_DIGITS = 9
_ENOUGH_VOXELS = 1e-3

Parts = Float64[np.ndarray, "P"]


@dataclass(frozen=True, eq=False)
class Region:
    """A box of voxels in the world, its sides bent where the view is displaced.

    Attributes:
        to_voxel: World point in mm → voxel index, 4 x 4; as displaced.
        low: Lower end in voxels along each axis, edges included.
        high: Upper end.
        warp: Displaces its voxels; ``None`` where the sides are plane.
    """

    to_voxel: Affine
    low: Vector3
    high: Vector3
    warp: Warp | None = None

    @cached_property
    def sides(self) -> Sides:
        """Its sides as half-spaces of the world, before they are bent."""
        return half_spaces(self.to_voxel, self.low, self.high)

    @cached_property
    def mm3(self) -> float:
        """Its volume, before it is bent."""
        return float((self.high - self.low).prod() / abs(np.linalg.det(self.to_voxel[:3, :3])))

    @cached_property
    def lattice(self) -> tuple[Points, Affine]:
        """World points of 10 x 10 x 10 equal cells of it, and voxel of one cell → world in mm."""
        size = (self.high - self.low) / _LATTICE
        x, y, z = (
            low + (np.arange(_LATTICE) + 0.5) * step
            for low, step in zip(self.low, size, strict=True)
        )
        points = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)
        if self.warp is not None:
            points = points + self.warp.on_axes(x, y, z).reshape(-1, 3)
        to_world = np.linalg.inv(self.to_voxel)
        return transform_points(to_world, points), to_world @ np.diag([*size, 1.0])

    def limits(self, points: Points, cell: Affine) -> tuple[Parts, Parts]:
        """Return which part of each cell lies within for sure, and which may at most."""
        voxels, widths = self._seen(points, cell)
        if self.warp is None:
            parts = part_within(voxels, widths, self.low, self.high)
            return parts, parts
        reach = self.warp.reach_voxels
        inner = part_within(voxels, widths, self.low + reach, self.high - reach)
        return inner, part_within(voxels, widths, self.low - reach, self.high + reach)

    def holds(self, points: Points, cell: Affine) -> Parts:
        """Return which part of each cell around world points lies within, see `part_within`."""
        least, most = self.limits(points, cell)
        if self.warp is None:
            return least
        open_rows = least < most
        voxels, widths = self._seen(points[open_rows], cell)
        straight = inverse(self.warp, voxels, tolerance_voxels=_ENOUGH_VOXELS)
        found = least.copy()
        found[open_rows] = part_within(straight, widths, self.low, self.high)
        return found

    def _seen(self, points: Points, cell: Affine) -> tuple[Points, Vector3]:
        widths = np.abs(self.to_voxel[:3, :3] @ cell[:3, :3]).sum(axis=1)
        return transform_points(self.to_voxel, points), widths


def part(of: Sequence[Region], also: Sequence[Region]) -> float:
    """Return which part of what some regions have in common others hold too.

    Args:
        of: Regions.
        also: Others.

    Returns:
        A fraction from 0 to 1, 0 where the former have nothing in common: exact where no region is
        bent, see `common_mm3`, else estimated over 10 x 10 x 10 cells of the first of them.

    Example:
        >>> here = Region(np.eye(4), np.zeros(3), np.full(3, 4.0))
        >>> aside = Region(np.eye(4), np.array([1.0, 0.0, 0.0]), np.full(3, 9.0))
        >>> part([here], [aside])
        0.75
    """
    if all(region.warp is None for region in (*of, *also)):
        whole = common_mm3(*(region.sides for region in of))
        if whole <= 0:
            return 0.0
        return _rounded(common_mm3(*(region.sides for region in (*of, *also))) / whole)
    points, cell = of[0].lattice
    weights = np.ones(len(points))
    for region in of[1:]:
        weights = weights * region.holds(points, cell)
    kept = weights
    for region in also:
        kept = kept * region.holds(points, cell)
    return float(kept.sum() / weights.sum()) if weights.any() else 0.0


def is_shared(one: Region, another: Region, least: float) -> bool:
    """Return whether each of two regions lies in the other by at least such a part.

    Where `part` is an estimate, so much more is asked for that the true one is at least that.

    Example:
        >>> here = Region(np.eye(4), np.zeros(3), np.full(3, 4.0))
        >>> aside = Region(np.eye(4), np.array([1.0, 0.0, 0.0]), np.array([5.0, 4.0, 4.0]))
        >>> is_shared(here, aside, 0.75), is_shared(here, aside, 0.76)
        (True, False)
    """
    if one.warp is None and another.warp is None:
        larger = max(one.mm3, another.mm3)
        return _rounded(common_mm3(one.sides, another.sides) / larger) >= least
    asked = min(least + SAFETY, 1.0)
    return _is_part(one, another, asked) and _is_part(another, one, asked)


def _is_part(of: Region, also: Region, least: float) -> bool:
    """Return whether `part` of one region in another is at least so much.

    Most of the time a bent region takes is that of cells near its sides, which seldom matter.
    """
    points, cell = of.lattice
    surely, at_most = (limit.mean() for limit in also.limits(points, cell))
    if surely >= least or at_most < least:
        return bool(surely >= least)
    return bool(also.holds(points, cell).mean() >= least)


def _rounded(fraction: float) -> float:
    """Return a fraction without its last digits: what just keeps a bound is not to miss it."""
    return min(round(fraction, _DIGITS), 1.0)
