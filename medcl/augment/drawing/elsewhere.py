"""Elsewhere: the second view of a pair from another volume of the patient, at the same place."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from medcl.augment.chance import Chance
from medcl.augment.drawing.placing import SAFETY, Place, fits, near_poses
from medcl.augment.drawing.pose import Move, Pose, on_lattice, spread_over
from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.partner import OtherSeries
from medcl.geometry.affine import transform_points
from medcl.runtime.seeds import generator
from medcl.shapes import Points


def wished(
    partner: OtherSeries, others: Sequence[Source], *, seed: int, step: int, word: str
) -> list[Source]:
    """Return the volumes that a second view may be taken from, in the order they are tried.

    Args:
        partner: How often one is looked for.
        others: Volumes of the same patient in the same frame, in a fixed order.
        seed: Seed of the run.
        step: Training step.
        word: Of the volume of the first view.

    Returns:
        All of them shuffled, or none: a pure function of seed, step and word.
    """
    random = generator(seed, step, "partner", word)
    if random.random() >= partner.probability:
        return []
    return [others[place] for place in random.permutation(len(others)).tolist()]


def draw_elsewhere(
    chance: Chance, place: Place, move: Move, *, first: Pose, shown: Source
) -> Pose | None:
    """Return a pose in another volume that shares with the first view what the crop asks for.

    Both have to show it: places outside of their volumes, which two views of one volume may have
    in common, do not count here.

    Args:
        chance: Where numbers come from.
        place: The other volume, the grid, and the crop.
        move: What the spatial transforms of the new view amount to.
        first: The pose of the first view.
        shown: The volume of the first view.

    Returns:
        The pose; ``None`` where the other volume does not show enough of that place.
    """
    least = min(place.crop.min_overlap + SAFETY, 1.0)
    grid, other = place.grid, place.source
    # No pose shows more of the first view than the other volume itself has of it.
    if _part(_measured(first, grid, shown), _holds(other, spread_over(first, grid))) < least:
        return None
    for pose in near_poses(chance, place, move, first=first):
        candidate = on_lattice(pose, other, grid)
        if fits(candidate, first, place) and shared(first, shown, candidate, other, grid) >= least:
            return candidate
    return None


def shared(first: Pose, shown: Source, second: Pose, other: Source, grid: ViewGrid) -> float:
    """Return which part of what one view shows of its volume the other shows of its own.

    Args:
        first: Pose of a view.
        shown: Its volume.
        second: Pose of a view of another volume, in the same world.
        other: That volume.
        grid: Of both views.

    Returns:
        The smaller of both ways, a fraction from 0 to 1, estimated on a 10 x 10 x 10 lattice.

    Example:
        >>> from medcl.augment.drawing.source import Source
        >>> grid = ViewGrid(size_voxels=(10, 10, 10), spacing_mm=(1.0, 1.0, 1.0))
        >>> pose = Pose(np.full(3, 4.5), np.eye(3))
        >>> whole = Source(word="a", shape=(10, 10, 10), affine=np.eye(4))
        >>> upper = Source(word="b", shape=(10, 10, 7), affine=np.eye(4))
        >>> shared(pose, whole, pose, upper, grid)
        0.7
    """
    return min(
        _part(_measured(one, grid, its), _also(one, grid, another, of_another))
        for one, its, another, of_another in (
            (first, shown, second, other),
            (second, other, first, shown),
        )
    )


def _measured(pose: Pose, grid: ViewGrid, source: Source) -> Bool[np.ndarray, "P"]:
    return _holds(source, spread_over(pose, grid))


def _also(pose: Pose, grid: ViewGrid, another: Pose, source: Source) -> Bool[np.ndarray, "P"]:
    """Return which places of a view another one shows too, inside of its own volume."""
    points = spread_over(pose, grid)
    return np.asarray(another.shows(points, grid) & _holds(source, points))


def _holds(source: Source, points: Points) -> Bool[np.ndarray, "P"]:
    voxels = transform_points(np.linalg.inv(source.affine), points)
    last = np.asarray(source.shape) - 0.5
    return np.asarray(((voxels >= -0.5 - 1e-6) & (voxels <= last + 1e-6)).all(axis=1))


def _part(of: Bool[np.ndarray, "P"], also: Bool[np.ndarray, "P"]) -> float:
    return float((of & also).sum() / max(of.sum(), 1))
