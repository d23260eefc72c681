"""Placing: where in a volume a view may lie, and where its partners may."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from medcl.augment.chance import Chance
from medcl.augment.drawing.pose import Move, Pose, is_overlap, moved_pose, on_lattice, region_of
from medcl.augment.drawing.region import Region, part
from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.transforms.crop import LESION_KEPT, Crop
from medcl.augment.transforms.transform import Linear
from medcl.geometry.affine import transform_points
from medcl.shapes import Vector3

ATTEMPTS = 16
"""Places that are tried for one view."""
_RECENT = 8  # answers about so many views are kept: one is compared with several in turn
NEARER = 0.75
"""Each place that is tried lies nearer to a safe one than that before."""


@dataclass(frozen=True, slots=True)
class Place:
    """A volume, the grid of a view in it, and what a crop asks of it."""

    source: Source
    grid: ViewGrid
    crop: Crop


def draw_pose(chance: Chance, place: Place, move: Move) -> Pose:
    """Return a pose at a random place, for the first view of a volume.

    Along axes on which the volume is longer than the view, the view stays inside the volume; along
    the others the volume stays inside the view. Places that hold too little of the body, or that
    cut a lesion, are tried again nearer to the middle of body or lesion.

    Args:
        chance: Where numbers come from.
        place: The volume, the grid, and the crop.
        move: What the spatial transforms amount to.

    Returns:
        The pose.
    """
    tried: list[tuple[int, int, Pose]] = []
    for pose in _tried(chance, place, move):
        cut = _cuts(pose, place)
        if cut == 0 and holds_body(pose, place):
            return pose
        tried.append((cut, -len(tried), pose))
    # The last of those that cut fewest lesions: it lies nearest to the middle.
    return min(tried, key=lambda each: each[:2])[2]


def draw_partner(chance: Chance, place: Place, move: Move, *, first: Pose) -> Pose:
    """Return a pose that shares with the first one what the crop asks for.

    Places are tried at random, each nearer to the first pose than the one before; the last resort
    is the first pose itself.

    Args:
        chance: Where numbers come from.
        place: The volume, the grid, and the crop.
        move: What the spatial transforms of the new view amount to.
        first: The pose of the volume's first view.

    Returns:
        The pose.
    """
    poses = near_poses(chance, place, move, first=first)
    return next((pose for pose in poses if fits(pose, first, place)), first)


def near_poses(chance: Chance, place: Place, move: Move, *, first: Pose) -> Iterator[Pose]:
    """Yield poses at random, each nearer to the first pose than the one before, then just there.

    Args:
        chance: Where numbers come from.
        place: The volume, the grid, and the crop.
        move: What the spatial transforms of the new view amount to.
        first: The pose of the first view.

    Yields:
        Poses.
    """
    reach = place.grid.extent_mm * (1 - place.crop.min_overlap)
    lower, upper = _places(place, move.linear)
    for _ in range(ATTEMPTS):
        free = _at(chance, lower, upper, place, move)
        step = np.clip(free.centre_mm - first.centre_mm, -reach, reach)
        near = Pose(first.centre_mm + step, move.linear, move.warp)
        yield on_lattice(near, place.source, place.grid)
        reach = reach * NEARER
    yield Pose(first.centre_mm, move.linear, move.warp)


def body_ends(source: Source) -> tuple[Vector3, Vector3]:
    """Return both ends of the body in voxels, edges included; of the volume where it is unknown."""
    box = source.body
    low = np.zeros(3) if box is None else np.asarray(box.lower, dtype=float)
    high = np.asarray(source.shape if box is None else box.upper, dtype=float)
    return low - 0.5, high - 0.5


@lru_cache(maxsize=_RECENT)
def body_fraction(pose: Pose, place: Place) -> float:
    """Return the part of a view that lies in the body, or in the volume where that is unknown."""
    body = Region(place.source.to_voxel, *body_ends(place.source))
    return part([region_of(pose, place.grid)], [body])


@lru_cache(maxsize=_RECENT)
def lesions_shown(pose: Pose, source: Source, grid: ViewGrid) -> tuple[float, ...]:
    """Return which part of each lesion of a volume a view shows."""
    world = (transform_points(source.affine, lesion) for lesion in source.lesions)
    return tuple(float(pose.shows(points, grid).mean()) for points in world)


def _tried(chance: Chance, place: Place, move: Move) -> Iterator[Pose]:
    """Yield poses at random places, each nearer to the middle of the body or of one lesion."""
    lower, upper = _places(place, move.linear)
    lesions = place.source.lesions if place.crop.lesions == "both" else ()
    if lesions:
        chosen = lesions[min(int(chance.between(0.0, float(len(lesions)))), len(lesions) - 1)]
        middle = np.clip(chosen.mean(axis=0), lower, upper)
        half = _half_voxels(place, move.linear)
        lower, upper = np.maximum(lower, middle - half), np.minimum(upper, middle + half)
    else:
        middle = (lower + upper) / 2
    for _ in range(ATTEMPTS):
        yield _at(chance, lower, upper, place, move)
        lower, upper = (middle + (end - middle) * NEARER for end in (lower, upper))


def _at(chance: Chance, lower: Vector3, upper: Vector3, place: Place, move: Move) -> Pose:
    voxel = [chance.between(low, high) for low, high in zip(lower, upper, strict=True)]
    centre = transform_points(place.source.affine, np.array([voxel]))[0]
    return moved_pose(Pose(centre, move.linear), place.source, place.grid, move)


def _half_voxels(place: Place, linear: Linear) -> Vector3:
    to_voxel = place.source.to_voxel[:3, :3] @ np.linalg.inv(linear)
    return np.asarray(np.abs(to_voxel) @ (place.grid.extent_mm / 2))


def _places(place: Place, linear: Linear) -> tuple[Vector3, Vector3]:
    low, high = body_ends(place.source)
    half = _half_voxels(place, linear)
    ends = np.stack([low + half, high - half])
    return ends.min(axis=0), ends.max(axis=0)


def holds_body(pose: Pose, place: Place) -> bool:
    """Return whether a view holds as much of the body as its crop asks for."""
    least = place.crop.min_body_fraction
    return least == 0 or body_fraction(pose, place) >= least


def _cuts(pose: Pose, place: Place) -> int:
    """Return how many lesions a first view cuts; showing none where it should is worse than all."""
    if place.crop.lesions == "ignore" or not place.source.lesions:
        return 0
    shown = lesions_shown(pose, place.source, place.grid)
    wanted = place.crop.lesions == "both" and max(shown) < LESION_KEPT
    return sum(0 < part < LESION_KEPT for part in shown) + int(wanted) * (len(shown) + 1)


def fits(candidate: Pose, first: Pose, place: Place) -> bool:
    """Return whether a pose shares with the first one what the crop asks for."""
    crop = place.crop
    if crop.min_overlap > 0 and not is_overlap(first, candidate, place.grid, crop.min_overlap):
        return False
    if crop.min_body_fraction > 0:
        most = min(crop.min_body_fraction, body_fraction(first, place))
        if body_fraction(candidate, place) < most:
            return False
    if crop.lesions == "ignore":
        return True
    both = zip(
        lesions_shown(first, place.source, place.grid),
        lesions_shown(candidate, place.source, place.grid),
        strict=True,
    )
    return all(_is_consistent(one, other) for one, other in both)


def _is_consistent(one: float, other: float) -> bool:
    """Return whether two views show a lesion alike: both, neither, or the same part of it."""
    if one == 0 or other == 0:
        return one == other
    if max(one, other) >= LESION_KEPT:
        return min(one, other) >= LESION_KEPT
    return abs(one - other) <= 1 - LESION_KEPT
