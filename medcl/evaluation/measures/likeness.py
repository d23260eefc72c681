"""Likeness of a view to its truth: its side, the order of its tissues, tissue shown twice."""

import numpy as np
from scipy import ndimage

from medcl.evaluation.measures.observed import Grey, Mask, Observed

_SYMMETRIC = 0.9
_MARGIN = 0.02
_BINS = 24
_FEWEST = 50
_PART = 0.01
_DEPTH = 6


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
    medians = [
        float(np.median(view[step == one])) for one in range(_BINS) if (step == one).sum() >= fewest
    ]
    if len(medians) < 2:
        return None
    if np.ptp(medians) <= 0:
        return 0.0
    ranks = np.argsort(np.argsort(medians))
    return float(np.corrcoef(ranks, np.arange(len(medians)))[0, 1])


def duplicated_tissue(observed: Observed) -> float | None:
    """Return how much the fine structure beside some plane is the reflection of the other side.

    Noise and texture repeat nowhere in a body; padding by reflection repeats them exactly.

    Args:
        observed: The view.

    Returns:
        The largest correlation, less that of the truth at the same plane; 0 where none is above,
        ``None`` in a view too thin to have two sides.
    """
    if max(observed.grey.shape) < 2 * _DEPTH:
        return None
    found = 0.0
    view, truth = (_fine(grey, observed.mask) for grey in (observed.grey, observed.truth))
    for axis in range(3):
        for gap in (0, 1):
            pair = [_reflected(np.moveaxis(each, axis, 0), gap) for each in (view, truth)]
            if pair[0].size:
                found = max(found, float((pair[0] - np.maximum(pair[1], 0)).max()))
    return found


def _fine(grey: Grey, mask: Mask) -> Grey:
    return np.asarray((grey - ndimage.uniform_filter(grey, 3)) * mask)


def _reflected(fine: Grey, gap: int) -> np.ndarray:
    """Return the correlation of both sides of every plane; of voxels if ``gap`` is 1, else between.

    A side with next to no structure, such as air that the window cuts, has none.
    """
    size, depth = len(fine), _DEPTH
    planes = size - 2 * depth - gap + 1
    if planes < 1:
        return np.empty(0)
    energy = (fine**2).sum(axis=(1, 2))
    products, before, after = np.zeros(planes), np.zeros(planes), np.zeros(planes)
    for step in range(depth):
        first, second = depth - 1 - step, depth + gap + step
        left, right = fine[first : first + planes], fine[second : second + planes]
        products += np.einsum("xyz,xyz->x", left, right)
        before += energy[first : first + planes]
        after += energy[second : second + planes]
    least = 0.1 * depth * float(energy.mean())
    strong = np.minimum(before, after) > max(least, 1e-12)
    return np.where(strong, products / np.sqrt(np.maximum(before * after, 1e-24)), 0.0)


def _correlation(one: Grey, other: Grey) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / size) if size > 0 else 0.0
