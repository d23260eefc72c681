"""Poses: where in the patient a view looks, and how the anatomy is turned and scaled in it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool

from medcl.augment.drawing.region import Region, is_shared, part
from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.transforms.transform import Linear
from medcl.augment.warp import Warp, inverse
from medcl.geometry import affine as affines
from medcl.shapes import Affine, Points, Vector3

_RECENT = 8

Inside = Bool[np.ndarray, "P"]


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
        straight = affines.transform_points(self.world_to_view(grid), world)
        if self.warp is None:
            return _inside(straight, grid)
        reach = self.warp.reach_voxels
        shown = _inside(straight, grid, margin=-reach)
        # Only what lies near the sides may be drawn in or pushed out.
        near = _inside(straight, grid, margin=reach) & ~shown
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
        A fraction from 0 to 1: exact where neither is displaced, else estimated, see `part`.

    Example:
        >>> still = Pose(np.zeros(3), np.eye(3))
        >>> aside = Pose(np.array([5.0, 0.0, 0.0]), np.eye(3))
        >>> grid = ViewGrid(size_voxels=(10, 10, 10), spacing_mm=(1.0, 1.0, 1.0))
        >>> overlap(still, aside, grid)
        0.5
    """
    one, another = region_of(first, grid), region_of(second, other or grid)
    return min(part([one], [another]), part([another], [one]))


def is_overlap(first: Pose, second: Pose, grid: ViewGrid, least: float) -> bool:
    """Return whether `overlap` of two views of one grid is at least so much.

    Displaced views are asked for a little more, see `is_shared`.

    Example:
        >>> still, aside = (Pose(np.array([x, 0.0, 0.0]), np.eye(3)) for x in (0.0, 5.0))
        >>> grid = ViewGrid(size_voxels=(10, 10, 10), spacing_mm=(1.0, 1.0, 1.0))
        >>> is_overlap(still, aside, grid, 0.5), is_overlap(still, aside, grid, 0.6)
        (True, False)
    """
    return is_shared(region_of(first, grid), region_of(second, grid), least)


@lru_cache(maxsize=_RECENT)
def region_of(pose: Pose, grid: ViewGrid) -> Region:
    """Return the region that a view takes up; one view is compared with several in turn."""
    last = np.asarray(grid.size_voxels) - 0.5
    return Region(pose.world_to_view(grid), np.full(3, -0.5), last, pose.warp)


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
