"""Where two views of one volume lie: whether they show the same place of the patient at all.

A crop holds what it promises to every pair. Without one, views lie in the middle of the volume, and
only what moves them takes them apart.
"""

import math
from collections.abc import Iterator

from medcl.augment.contract import Flag, PolicyModality, Region
from medcl.augment.grid import ViewGrid
from medcl.augment.safety.refusing import (
    SLACK,
    Transforms,
    is_independent,
    probability_of,
    violation,
)
from medcl.augment.safety.tasks import (
    TaskProfile,
    meaningless_flags,
    required_flags,
    tolerance_of,
)
from medcl.augment.safety.verdict import CODES, Violation
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.translation import Translation

LEAST_SHARED = 0.5
"""Part of a view that the other one must show, too."""


def find_place_violations(
    grid: ViewGrid,
    transforms: Transforms,
    *,
    modality: PolicyModality,
    region: Region,
    task: TaskProfile,
) -> list[Violation]:
    """Return a violation where two views of one volume need not show the same place.

    Args:
        grid: Of the views.
        transforms: By name, in order; those that never happen do not count.
        modality: What the volumes are. A shape lies alone in its volume, so that what it is moved
            away from is empty; how much of it a view must show is a matter of the task.
        region: What they show.
        task: What the encoder is for.

    Returns:
        Violations, none if safe.

    Example:
        >>> grid = ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0))
        >>> moves = {"translation": Translation(max_mm=8.0)}
        >>> task = TaskProfile.GENERIC
        >>> (found,) = find_place_violations(grid, moves, modality="CT", region="body", task=task)
        >>> found.code, found.found, found.allowed
        ('SC013', '8', 'views that share 0.5 of their volume')
    """
    live = {name: each for name, each in transforms.items() if probability_of(each) > 0}
    crops = {name: each for name, each in live.items() if isinstance(each, Crop)}
    moves = {name: each for name, each in live.items() if isinstance(each, Translation)}
    if crops:
        return list(_apart(crops, min(each.min_overlap for each in crops.values())))
    shared = _shared(grid, moves)
    found = list(_apart(moves, shared)) if modality != "OT" else []
    needed = set(required_flags(task, modality)) - set(meaningless_flags(task, modality))
    most = tolerance_of(Flag.LESION_MASS, region)
    if moves and Flag.LESION_MASS in needed and 1 - shared > most.between + SLACK:
        reason = (
            f"without a crop two views may lie so far apart that they share {shared:.2g} of their "
            f"volume, and one shows a lesion that the other one leaves out"
        )
        allowed = f"views that share {1 - most.between:g} of their volume"
        found.append(violation(CODES[Flag.LESION_MASS], moves, allowed=allowed, reason=reason))
    return found


def _shared(grid: ViewGrid, moves: Transforms) -> float:
    """Return the part of their volume that two views share at least, moved as they may be."""
    apart = sum(
        2 * each.max_mm
        for each in moves.values()
        if isinstance(each, Translation) and is_independent(each)
    )
    return math.prod(max(1 - apart / extent, 0.0) for extent in grid.extent_mm.tolist())


def _apart(named: Transforms, shared: float) -> Iterator[Violation]:
    if named and shared < LEAST_SHARED - SLACK:
        reason = (
            f"two views of one volume may share {shared:.2g} of theirs, and the encoder learns "
            f"that different places of a patient are the same"
        )
        allowed = f"views that share {LEAST_SHARED:g} of their volume"
        yield violation("SC013", named, allowed=allowed, reason=reason)
