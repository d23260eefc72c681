"""Likeness of a view to its truth: its side, and the order of its tissues."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from medcl.evaluation.measures.observed import Grey, Observed
from medcl.evaluation.measures.reflection import duplicated_tissue

_SYMMETRIC = 0.9
_MARGIN = 0.02
_BINS = 24
_FEWEST = 50
_PART = 0.01
_SURE = 4.0
"""Standard errors of a median that chance does not exceed in any of some thousand figures."""


def likeness(observed: Observed) -> dict[str, float]:
    """Return what the picture itself says, whatever its map claims.

    Args:
        observed: The view.

    Returns:
        ``looks_mirrored``, 1 if the view is more like its mirrored truth; ``ordering``, the rank
        correlation of view and truth; ``duplicated_tissue``, the correlation of fine structure
        across the plane where it is most like a reflection, above what the truth has there.
    """
    figures = {}
    twice = duplicated_tissue(observed)
    if twice is not None:
        figures["duplicated_tissue"] = twice
    mirrored = looks_mirrored(observed)
    if mirrored is not None:
        figures["looks_mirrored"] = float(mirrored)
    order = ordering(observed)
    if order is not None:
        figures["ordering"] = order
    return figures


def looks_mirrored(observed: Observed) -> bool | None:
    """Return whether a view is more like the mirror image of its anatomy than like itself.

    Args:
        observed: The view.

    Returns:
        ``None`` where the anatomy is too symmetric, or too little of it is there, to tell.
    """
    shown = observed.shown
    seen = np.where(shown, observed.truth, observed.low)
    is_turned = bool(np.linalg.det(observed.map.view_to_world[:3, :3]) < 0)
    same = seen[::-1] if is_turned else seen
    grey = np.where(shown, observed.grey, observed.low)
    itself = _correlation(grey, same)
    told = []
    for axis in range(3):
        mirror = np.flip(same, axis)
        if _correlation(same, mirror) < _SYMMETRIC:
            told.append(_correlation(grey, mirror))
    if not told or max(*told, itself) < 10 * _MARGIN:
        return None
    return max(told) > itself + _MARGIN


def ordering(observed: Observed) -> float | None:
    """Return the rank correlation of truth and view, over steps of brightness.

    The median of each step is compared, away from edges, so that neither noise nor blur, which
    change no tissue's place in the order, are counted.

    Args:
        observed: The view.

    Returns:
        1 where all tissues keep their order, -1 where it is turned round; ``None`` where there is
        no contrast.
    """
    level = observed.level & observed.shown
    truth, view = observed.truth[level], observed.grey[level]
    if len(truth) < 2 * _FEWEST:
        return None
    low, high = np.percentile(truth, [0.5, 99.5])
    if high <= low:  # a small shape: all of its contrast is in fewer voxels
        low, high = float(truth.min()), float(truth.max())
    if high <= low:
        return None
    step = np.floor((np.clip(truth, low, high) - low) / (high - low) * (_BINS - 1e-9)).astype(int)
    fewest = max(_FEWEST, int(_PART * len(truth)))
    kept = [one for one in range(_BINS) if (step == one).sum() >= fewest]
    if len(kept) < 2:
        return None
    steps = [_Step.of(view[step == one]) for one in kept]
    chance = _SURE * max(float(np.hypot(one.error, two.error)) for one, two in pairwise(steps))
    if np.ptp([each.median for each in steps]) <= chance:
        # All the same: for want of contrast in the volume, or because the view has lost it. What
        # single voxels differ by is noise, which sampling and blur may take, and no contrast.
        around = ndimage.uniform_filter(observed.truth, size=3)[level]
        wanted = float(np.ptp([np.median(around[step == one]) for one in kept]))
        return 0.0 if wanted > chance else None
    ranks = np.argsort(np.argsort(_risen(steps), kind="stable"))
    return float(np.corrcoef(ranks, np.arange(len(kept)))[0, 1])


@dataclass(frozen=True, slots=True)
class _Step:
    """The view's values where the truth has one step of brightness."""

    median: float
    error: float

    @classmethod
    def of(cls, values: np.ndarray) -> "_Step":
        median = float(np.median(values))
        spread = 1.4826 * float(np.median(np.abs(values - median)))
        return cls(median, 1.2533 * spread / len(values) ** 0.5)


def _risen(steps: Sequence[_Step]) -> list[float]:
    """Return the medians of steps; one below an earlier one by no more than chance is as high.

    Two steps of a few dozen noisy voxels change places by chance, which changes no tissue's place.
    """
    risen: list[float] = []
    top = steps[0]
    for each in steps:
        if each.median >= top.median:
            top = each
        is_chance = top.median - each.median <= _SURE * float(np.hypot(each.error, top.error))
        risen.append(top.median if is_chance else each.median)
    return risen


def _correlation(one: Grey, other: Grey) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / size) if size > 0 else 0.0
