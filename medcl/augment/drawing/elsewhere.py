"""Elsewhere: the second view of a pair from another volume of the patient, at the same place."""

from collections.abc import Sequence

import numpy as np

from medcl.augment.chance import Chance
from medcl.augment.drawing.placing import Place, fits, near_poses
from medcl.augment.drawing.pose import Move, Pose, on_lattice, region_of
from medcl.augment.drawing.region import SAFETY, Region, part
from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.partner import OtherSeries
from medcl.runtime.seeds import generator


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
    grid, other = place.grid, place.source
    bent = first.warp is not None or move.warp is not None
    least = min(place.crop.min_overlap + (SAFETY if bent else 0.0), 1.0)
    # No pose shows more of the first view than the other volume itself has of it.
    if part([region_of(first, grid), _measured(shown)], [_measured(other)]) < least:
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
        The smaller of both ways, a fraction from 0 to 1, see `part`.

    Example:
        >>> from medcl.augment.drawing.source import Source
        >>> grid = ViewGrid(size_voxels=(10, 10, 10), spacing_mm=(1.0, 1.0, 1.0))
        >>> pose = Pose(np.full(3, 4.5), np.eye(3))
        >>> whole = Source(word="a", shape=(10, 10, 10), affine=np.eye(4))
        >>> upper = Source(word="b", shape=(10, 10, 7), affine=np.eye(4))
        >>> shared(pose, whole, pose, upper, grid)
        0.7
    """
    one = [region_of(first, grid), _measured(shown)]
    another = [region_of(second, grid), _measured(other)]
    return min(part(one, another), part(another, one))


def _measured(source: Source) -> Region:
    return Region(source.to_voxel, np.full(3, -0.5), np.asarray(source.shape) - 0.5)
