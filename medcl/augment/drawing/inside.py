"""Inside: where a small view lies in a large one of the same volume."""

import numpy as np

from medcl.augment.chance import Chance
from medcl.augment.drawing.placing import ATTEMPTS, NEARER, Place, body_ends, holds_body
from medcl.augment.drawing.pose import Move, Pose, on_lattice
from medcl.augment.grid import ViewGrid
from medcl.augment.warp import Warp
from medcl.geometry.affine import transform_points
from medcl.shapes import Points, Vector3


def draw_inside(chance: Chance, place: Place, move: Move, *, outer: Pose, around: ViewGrid) -> Pose:
    """Return the pose of a small view at a random place inside of a large one.

    Places that hold too little of the body are tried again nearer to its middle, or to where the
    large view comes nearest to that; the last of them is taken, as for large views.

    Args:
        chance: Where numbers come from.
        place: The volume, the grid of the small view, and the crop, whose overlap and lesions are
            no matter of a small view.
        move: What the spatial transforms of the small view amount to; where it does not fit into
            the large one as it is turned, it is turned as that one is.
        outer: The pose of the large view.
        around: The grid of the large view.

    Returns:
        The pose.
    """
    grid = place.grid
    room = _room(move, grid, outer, around)
    if (room < 0).any():
        move = Move(outer.linear, move.offset_mm)
        room = np.maximum(_room(move, grid, outer, around), 0.0)
    lower, upper = -room, room
    middle = np.clip(outer.linear @ (_body_middle(place) - outer.centre_mm), lower, upper)
    pose = _at(chance, lower, upper, place, move, outer, around)
    for _ in range(ATTEMPTS - 1):
        if holds_body(pose, place):
            break
        lower, upper = (middle + (end - middle) * NEARER for end in (lower, upper))
        pose = _at(chance, lower, upper, place, move, outer, around)
    return pose


def _at(
    chance: Chance,
    lower: Vector3,
    upper: Vector3,
    place: Place,
    move: Move,
    outer: Pose,
    around: ViewGrid,
) -> Pose:
    ends = zip(lower.tolist(), upper.tolist(), strict=True)
    aside = np.array([chance.between(low, high) for low, high in ends])
    centre = outer.centre_mm + np.linalg.inv(outer.linear) @ aside
    pose = Pose(centre, move.linear, move.warp)
    rounded = on_lattice(pose, place.source, place.grid)
    corners = rounded.world_of(_corners(place.grid), place.grid)
    return rounded if outer.shows(corners, around).all() else pose


def _body_middle(place: Place) -> Vector3:
    """Return the middle of the body in world mm."""
    low, high = body_ends(place.source)
    return np.asarray(transform_points(place.source.affine, (low + high)[None] / 2)[0])


def _room(move: Move, grid: ViewGrid, outer: Pose, around: ViewGrid) -> Vector3:
    """Return how far the centre of a small view may lie from that of a large one, per axis."""
    reach = grid.extent_mm / 2 + _reach_mm(move.warp, grid)
    half = np.abs(outer.linear @ np.linalg.inv(move.linear)) @ reach
    return np.asarray(around.extent_mm / 2 - half - _reach_mm(outer.warp, around))


def _reach_mm(warp: Warp | None, grid: ViewGrid) -> Vector3:
    return np.zeros(3) if warp is None else warp.reach_voxels * np.asarray(grid.spacing_mm)


def _corners(grid: ViewGrid) -> Points:
    ends = [(-0.5, size - 0.5) for size in grid.size_voxels]
    return np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
