"""Poses: where in the patient a view looks, and how the anatomy is turned and scaled in it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float64

from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.transforms.transform import Linear
from medcl.augment.warp import Warp, inverse
from medcl.geometry import affine as affines
from medcl.shapes import Affine, Points, Vector3

_LATTICE = 10
_RECENT = 8

Inside = Bool[np.ndarray, "P"]
_Axis = Float64[np.ndarray, "_"]


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A view's place.

    Attributes:
        centre_mm: World point at the centre of the view.
        linear: Anatomy → view about that centre, in world mm.
        warp: Displaces the view's voxels before all else; ``None`` for a view without one.
    """

    centre_mm: Vector3
    linear: Linear
    warp: Warp | None = None

    def __reduce__(self) -> tuple[object, ...]:
        """Return how another process gets it: a batch has many, and dataclasses are slow at it."""
        return Pose, (self.centre_mm, self.linear, self.warp)

    def view_to_world(self, grid: ViewGrid) -> Affine:
        """Return view voxel, as displaced → anatomical world point in mm, 4 x 4."""
        linear = np.linalg.inv(self.linear) * np.asarray(grid.spacing_mm)
        return _affine(linear, self.centre_mm - linear @ _middle(grid))

    def world_to_view(self, grid: ViewGrid) -> Affine:
        """Return anatomical world point in mm → view voxel, as displaced, 4 x 4."""
        linear = self.linear / np.asarray(grid.spacing_mm)[:, None]
        return _affine(linear, _middle(grid) - linear @ self.centre_mm)

    def world_of(self, voxels: Points, grid: ViewGrid) -> Points:
        """Return the anatomical world points in mm that voxels of the view show."""
        moved = voxels if self.warp is None else voxels + self.warp.at(voxels)
        return affines.transform_points(self.view_to_world(grid), moved)

    def voxels_of(self, world: Points, grid: ViewGrid) -> Points:
        """Return where in the view world points are seen, in its voxels, inside of it or not."""
        voxels = affines.transform_points(self.world_to_view(grid), world)
        return voxels if self.warp is None else inverse(self.warp, voxels)

    def shows(self, world: Points, grid: ViewGrid) -> Inside:
        """Return which world points lie inside of the view, edges included, shape ``(P,)``."""
        straight, shown, near = self._sorted(world, grid)
        return self._decided(straight, shown, near, grid)

    def shows_part(self, world: Points, grid: ViewGrid, least: float) -> bool:
        """Return whether at least such a part of world points lies inside of the view."""
        straight, shown, near = self._sorted(world, grid)
        # Most of the time is spent on points near the sides, and mostly they do not matter.
        if near is not None and not shown.mean() >= least:
            if (shown | near).mean() < least:
                return False
            shown = self._decided(straight, shown, near, grid)
        return bool(shown.mean() >= least)

    def _sorted(self, world: Points, grid: ViewGrid) -> tuple[Points, Inside, Inside | None]:
        """Return places before they are displaced, which are surely inside, and which may be."""
        straight = affines.transform_points(self.world_to_view(grid), world)
        if self.warp is None:
            return straight, _inside(straight, grid), None
        reach = self.warp.reach_voxels
        shown = _inside(straight, grid, margin=-reach)
        # Only what lies near the sides may be drawn in or pushed out.
        return straight, shown, _inside(straight, grid, margin=reach) & ~shown

    def _decided(
        self, straight: Points, shown: Inside, near: Inside | None, grid: ViewGrid
    ) -> Inside:
        if self.warp is not None and near is not None:
            places = inverse(self.warp, straight[near], tolerance_voxels=1e-3)
            shown[near] = _inside(places, grid)
        return shown


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """What the spatial transforms of a view amount to.

    Attributes:
        linear: Anatomy → view, in world mm.
        offset_mm: How far the centre of the view moves.
        warp: How it is displaced, or ``None``.
    """

    linear: Linear
    offset_mm: Vector3
    warp: Warp | None = None


def _inside(voxels: Points, grid: ViewGrid, margin: Vector3 | None = None) -> Inside:
    """Return which places lie in a view grown by a margin; sides that coincide are inside."""
    middle = _middle(grid)
    half = middle + 0.5 + 1e-6 + (0.0 if margin is None else margin)
    x, y, z = (np.abs(voxels - middle) <= half).T
    return np.asarray(x & y & z)


def overlap(first: Pose, second: Pose, grid: ViewGrid, other: ViewGrid | None = None) -> float:
    """Return the part of one view that the other one shows too, the smaller of both ways.

    Args:
        first: A pose.
        second: Another pose in the same volume.
        grid: The grid of the first view.
        other: The grid of the second view; the same by default.

    Returns:
        A fraction from 0 to 1: exact where the views lie parallel at one spacing and neither is
        displaced, else estimated on a 10 x 10 x 10 lattice.

    Example:
        >>> still = Pose(np.zeros(3), np.eye(3))
        >>> aside = Pose(np.array([5.0, 0.0, 0.0]), np.eye(3))
        >>> overlap(still, aside, ViewGrid(size_voxels=(10, 10, 10), spacing_mm=(1.0, 1.0, 1.0)))
        0.5
    """
    other = other or grid
    return min(seen(first, grid, second, other), seen(second, other, first, grid))


def is_overlap(first: Pose, second: Pose, grid: ViewGrid, least: float) -> bool:
    """Return whether `overlap` of two views of one grid is at least so much.

    Example:
        >>> still, aside = (Pose(np.array([x, 0.0, 0.0]), np.eye(3)) for x in (0.0, 5.0))
        >>> grid = ViewGrid(size_voxels=(10, 10, 10), spacing_mm=(1.0, 1.0, 1.0))
        >>> is_overlap(still, aside, grid, 0.5), is_overlap(still, aside, grid, 0.6)
        (True, False)
    """
    if (shared := _seen_parallel(first, grid, second, grid)) is not None:
        return shared >= least
    pairs = ((first, second), (second, first))
    return all(other.shows_part(spread_over(one, grid), grid, least) for one, other in pairs)


def seen(first: Pose, grid: ViewGrid, second: Pose, other: ViewGrid) -> float:
    """Return the part of the first view that the second one shows too, see `overlap`."""
    shared = _seen_parallel(first, grid, second, other)
    if shared is not None:
        return shared
    return float(second.shows(spread_over(first, grid), other).mean())


def _seen_parallel(first: Pose, grid: ViewGrid, second: Pose, other: ViewGrid) -> float | None:
    """Return what `seen` does where both views lie parallel at one spacing, else ``None``.

    Planes of a lattice leave a parallel view as a whole: an estimate would err by up to half a
    tenth along each axis, far more than where the views are turned.
    """
    to_other = second.world_to_view(other) @ first.view_to_world(grid)
    is_parallel = np.abs(to_other[:3, :3] - np.eye(3)).max() < 1e-9
    if not is_parallel or first.warp is not None or second.warp is not None:
        return None
    own, its = np.asarray(grid.size_voxels), np.asarray(other.size_voxels)
    low, high = to_other[:3, 3], to_other[:3, 3] + own
    shared = np.minimum(high, its) - np.maximum(low, 0)
    return float((np.clip(shared, 0, None) / own).prod())


@lru_cache(maxsize=_RECENT)
def spread_over(pose: Pose, grid: ViewGrid) -> Points:
    """Return the world points of a 10 x 10 x 10 lattice over a view, shape ``(1000, 3)``.

    They are not to be written to: one view is compared with several others in turn.
    """
    (x, y, z), points = _lattice(grid)
    if pose.warp is not None:
        points = points + pose.warp.on_axes(x, y, z).reshape(-1, 3)
    spread = affines.transform_points(pose.view_to_world(grid), points)
    spread.flags.writeable = False
    return spread


@lru_cache(maxsize=_RECENT)
def _lattice(grid: ViewGrid) -> tuple[tuple[_Axis, _Axis, _Axis], Points]:
    """Return the view voxels of a lattice over a grid, per axis and all of them."""
    steps = (np.arange(_LATTICE) + 0.5) / _LATTICE
    x, y, z = (steps * size - 0.5 for size in grid.size_voxels)
    return (x, y, z), np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)


def _middle(grid: ViewGrid) -> Vector3:
    return (np.asarray(grid.size_voxels) - 1) / 2


def _affine(linear: Linear, offset: Vector3) -> Affine:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, offset
    return affine


def centre_pose(source: Source, grid: ViewGrid) -> Pose:
    """Return the pose at the middle of a volume, moved by less than a voxel onto its lattice."""
    pose = Pose(affines.centre_mm(source.affine, source.shape), np.eye(3))
    return on_lattice(pose, source, grid)


def moved_pose(pose: Pose, source: Source, grid: ViewGrid, move: Move) -> Pose:
    """Return the pose with its centre moved and its anatomy turned, scaled and bent anew."""
    moved = Pose(pose.centre_mm + move.offset_mm, move.linear, move.warp)
    return on_lattice(moved, source, grid)


def on_lattice(pose: Pose, source: Source, grid: ViewGrid) -> Pose:
    """Return the pose moved by half a voxel at most so that no interpolation is needed.

    It can be so when the axes and the spacing of volume and view agree: interpolating at sub-voxel
    offsets would only take noise and texture away.
    """
    if pose.warp is not None:
        return pose
    to_source = source.to_voxel @ pose.view_to_world(grid)
    linear = to_source[:3, :3]
    if np.abs(linear - np.rint(linear)).max() > 1e-6 or round(float(np.abs(linear).sum())) != 3:
        return pose
    residue = np.rint(to_source[:3, 3]) - to_source[:3, 3]
    return Pose(pose.centre_mm + source.affine[:3, :3] @ residue, pose.linear)
