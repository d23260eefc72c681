"""Poses: where in the patient a view looks, and how the anatomy is turned and scaled in it."""

from dataclasses import dataclass

import numpy as np

from medcl.augment.chance import Chance
from medcl.augment.grid import ViewGrid
from medcl.augment.source import Source
from medcl.augment.transform import Linear
from medcl.augment.warp import Warp
from medcl.geometry import affine as affines
from medcl.shapes import Affine, Points, Vector3

_ATTEMPTS = 16
_LATTICE = 10
_SAFETY = 0.02  # the overlap is estimated on a lattice; this keeps the true one above the bound


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

    def view_to_world(self, grid: ViewGrid) -> Affine:
        """Return view voxel, as displaced → anatomical world point in mm, 4 x 4."""
        placed = affines.grid_affine(
            centre_mm=np.zeros(3),
            shape=grid.size_voxels,
            spacing=np.asarray(grid.spacing_mm, dtype=float),
        )
        back = np.eye(4)
        back[:3, :3] = np.linalg.inv(self.linear)
        back[:3, 3] = self.centre_mm
        return np.asarray(back @ placed)


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """What the spatial transforms of a view amount to.

    Attributes:
        linear: Anatomy → view, in world mm.
        offset_mm: How far the centre of the view moves.
    """

    linear: Linear
    offset_mm: Vector3


def overlap(first: Pose, second: Pose, extent_mm: Vector3) -> float:
    """Return the part of one view that the other one shows too, the smaller of both ways.

    Args:
        first: A pose.
        second: Another pose in the same volume.
        extent_mm: Extent of both views.

    Returns:
        A fraction from 0 to 1, estimated on a 10 x 10 x 10 lattice.

    Example:
        >>> still = Pose(np.zeros(3), np.eye(3))
        >>> aside = Pose(np.array([5.0, 0.0, 0.0]), np.eye(3))
        >>> overlap(still, aside, np.full(3, 10.0))
        0.5
    """
    steps = (np.arange(_LATTICE) + 0.5) / _LATTICE - 0.5
    lattice = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    points = lattice * extent_mm
    return min(_seen(first, second, points), _seen(second, first, points))


def _seen(first: Pose, second: Pose, points: Points) -> float:
    move = second.linear @ np.linalg.inv(first.linear)
    shift = second.linear @ (first.centre_mm - second.centre_mm)
    limits = np.abs(points).max(axis=0) * _LATTICE / (_LATTICE - 1)
    moved = points @ move.T + shift
    return float((np.abs(moved) <= limits + 1e-9).all(axis=1).mean())


def centre_pose(source: Source, grid: ViewGrid) -> Pose:
    """Return the pose at the middle of a volume, moved by less than a voxel onto its lattice."""
    pose = Pose(affines.centre_mm(source.affine, source.shape), np.eye(3))
    return _on_lattice(pose, source, grid)


def moved_pose(pose: Pose, source: Source, grid: ViewGrid, move: Move) -> Pose:
    """Return the pose with its centre moved and its anatomy turned and scaled anew."""
    return _on_lattice(Pose(pose.centre_mm + move.offset_mm, move.linear), source, grid)


def draw_pose(chance: Chance, source: Source, grid: ViewGrid, move: Move) -> Pose:
    """Return a pose at a random place.

    Along axes on which the volume is longer than the view, the view stays inside the volume; along
    the others the volume stays inside the view.

    Args:
        chance: Where numbers come from.
        source: The volume.
        grid: The grid of the view.
        move: What the spatial transforms amount to.

    Returns:
        The pose.
    """
    lower, upper = _places(source, grid, move.linear)
    voxel = [chance.between(low, high) for low, high in zip(lower, upper, strict=True)]
    centre = affines.transform_points(source.affine, np.array([voxel]))[0]
    return moved_pose(Pose(centre, move.linear), source, grid, move)


def draw_partner(
    chance: Chance, source: Source, grid: ViewGrid, move: Move, *, first: Pose, bound: float
) -> Pose:
    """Return a pose that shares at least ``bound`` of its volume with the first one.

    Places are tried at random, each nearer to the first pose than the one before; the last resort
    is the first pose itself.

    Args:
        chance: Where numbers come from.
        source: The volume.
        grid: The grid of the views.
        move: What the spatial transforms of the new view amount to.
        first: The pose of the volume's first view.
        bound: Smallest overlap, from 0 to below 1.

    Returns:
        The pose.
    """
    extent = grid.extent_mm
    reach = extent * (1 - bound)
    wanted = min(bound + _SAFETY, 1.0) if bound > 0 else 0.0
    for _ in range(_ATTEMPTS):
        free = draw_pose(chance, source, grid, move)
        step = np.clip(free.centre_mm - first.centre_mm, -reach, reach)
        candidate = _on_lattice(Pose(first.centre_mm + step, move.linear), source, grid)
        if overlap(first, candidate, extent) >= wanted:
            return candidate
        reach = reach * 0.75
    candidate = Pose(first.centre_mm, move.linear)
    return candidate if overlap(first, candidate, extent) >= wanted else first


def _places(source: Source, grid: ViewGrid, linear: Linear) -> tuple[Vector3, Vector3]:
    box = source.body
    low = np.zeros(3) if box is None else np.asarray(box.lower, dtype=float)
    high = np.asarray(source.shape if box is None else box.upper, dtype=float)
    low, high = low - 0.5, high - 0.5
    to_voxel = np.linalg.inv(source.affine[:3, :3]) @ np.linalg.inv(linear)
    half = np.abs(to_voxel) @ (grid.extent_mm / 2)
    ends = np.stack([low + half, high - half])
    return ends.min(axis=0), ends.max(axis=0)


def _on_lattice(pose: Pose, source: Source, grid: ViewGrid) -> Pose:
    """Return the pose moved by half a voxel at most so that no interpolation is needed.

    It can be so when the axes and the spacing of volume and view agree: interpolating at sub-voxel
    offsets would only take noise and texture away.
    """
    to_source = np.linalg.inv(source.affine) @ pose.view_to_world(grid)
    linear = to_source[:3, :3]
    if np.abs(linear - np.rint(linear)).max() > 1e-6 or round(float(np.abs(linear).sum())) != 3:
        return pose
    residue = np.rint(to_source[:3, 3]) - to_source[:3, 3]
    return Pose(pose.centre_mm + source.affine[:3, :3] @ residue, pose.linear)
