"""Sharing: which part of one rendered view another shows too."""

import numpy as np

from medcl.evaluation.measures.view_map import ViewMap
from medcl.geometry.affine import transform_points
from medcl.geometry.polytope import Parts, Sides, box_sides, common_mm3, part_within
from medcl.shapes import Affine, Points

_MOST_CELLS = 24
_DIGITS = 3  # a rendered place is known to about a thousandth of a voxel


def shared_fraction(first: ViewMap, second: ViewMap, *, measured: bool = False) -> float:
    """Return the part of one view that another shows too, the smaller of both ways.

    Args:
        first: Where one view lies.
        second: Where the other does; in the same volume, or in another in the same world.
        measured: Ask of what lies in the volume of either view only.

    Returns:
        A fraction from 0 to 1, in thousandths: exact where both maps are straight, else estimated
        over 24 cells along each axis, whose displaced places are looked up in the other view; 0
        where nothing is measured.
    """
    if first.is_straight and second.is_straight:
        own, its = (_bodies(each, measured) for each in (first, second))
        larger = max(common_mm3(*own), common_mm3(*its))
        shared = common_mm3(*own, *its) / larger if larger > 0 else 0.0
    else:
        shared = min(_part(first, second, measured), _part(second, first, measured))
    return min(round(shared, _DIGITS), 1.0)


def _bodies(view: ViewMap, measured: bool) -> list[Sides]:
    bodies = [box_sides(np.linalg.inv(view.view_to_world), view.shape)]
    if measured:
        bodies.append(box_sides(np.linalg.inv(view.source_affine), view.source_shape))
    return bodies


def _part(view: ViewMap, other: ViewMap, measured: bool) -> float:
    """Return which part of a view another shows, cell by cell."""
    numbers = [min(size, _MOST_CELLS) for size in view.shape]
    sizes = np.divide(view.shape, numbers)
    steps = [(np.arange(n) + 0.5) * size - 0.5 for n, size in zip(numbers, sizes, strict=True)]
    cells = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    cell = view.view_to_world @ np.diag([*sizes, 1.0])
    world = view.world_of(cells)
    weights = np.ones(len(world))
    if measured:
        weights = _held_by_volume(view, world, cell)
    to_voxel = np.linalg.inv(other.view_to_world)
    kept = weights * _within(other.voxels_of(world), to_voxel, cell, other.shape)
    if measured:
        kept = kept * _held_by_volume(other, world, cell)
    return float(kept.sum() / weights.sum()) if weights.any() else 0.0


def _held_by_volume(view: ViewMap, world: Points, cell: Affine) -> Parts:
    to_voxel = np.linalg.inv(view.source_affine)
    return _within(transform_points(to_voxel, world), to_voxel, cell, view.source_shape)


def _within(voxels: Points, to_voxel: Affine, cell: Affine, shape: tuple[int, int, int]) -> Parts:
    widths = np.abs(to_voxel[:3, :3] @ cell[:3, :3]).sum(axis=1)
    return part_within(voxels, widths, np.full(3, -0.5), np.asarray(shape) - 0.5)
