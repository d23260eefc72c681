"""Hounsfield units of a view: how far each tissue moved, by the very same places."""

from itertools import pairwise

import numpy as np
from scipy import ndimage

from medcl.augment.safety.tasks import TISSUES_HU
from medcl.evaluation.measures.observed import Classes, Mask, Observed
from medcl.evaluation.quantities.hounsfield import DRIFT_HU

_FEWEST = 64
_KNOWN = 0.25
"""A drift counts where its standard error is at most this part of what it is judged by."""

_CUT = 0.01
_WIDE_HU = 400.0
_EMPHYSEMA_HU = -950.0


def tissue_drift(observed: Observed) -> dict[str, float]:
    """Return by how many HU tissues moved; empty for anything but CT.

    Signed: view minus the voxels that it is made of. ``hu_drift``, ``hu_mean``, ``hu_p05`` and
    ``hu_p95`` are of the median, the mean and the percentiles, far from borders, where there is no
    partial volume. ``hu_level`` is what the map of values moved by, where there are no edges within
    the tissue and the window leaves it whole. ``hu_thin`` is of the median of what includes small
    structures: it shows what the spacing of the view draws together. ``_error`` is a standard
    error, ``_filtered`` what smoothing could have moved.

    Args:
        observed: The view.

    Returns:
        Figures by name and tissue; a tissue that is not there, or that the window cuts, is not.
    """
    if observed.modality != "CT":
        return {}
    figures: dict[str, float] = {}
    deep, smoothings = _tissues(observed, observed.deep), _smoothings(observed)
    for name, here in deep:
        view, truth = observed.grey[here], observed.around[here]
        figures[f"hu_drift_{name}"] = float(np.median(view) - np.median(truth))
        figures[f"hu_drift_{name}_error"] = _median_error(observed, here)
        figures |= _mean(observed, here, f"hu_mean_{name}")
        level = here & observed.level
        if level.sum() >= _FEWEST and _is_whole(observed, level):
            moved, error = _moved(observed, level)
            filtered = max(abs(float(each[level].mean())) for each in smoothings)
            figures[f"hu_level_{name}"] = moved
            figures[f"hu_level_{name}_error"] = error
            figures[f"hu_level_{name}_filtered"] = filtered
        low, high = np.percentile(view, [5, 95]) - np.percentile(truth, [5, 95])
        figures[f"hu_p05_{name}"], figures[f"hu_p95_{name}"] = float(low), float(high)
        if name == "lung" and observed.low < _EMPHYSEMA_HU:
            below = (view < _EMPHYSEMA_HU).mean() - (truth < _EMPHYSEMA_HU).mean()
            figures["lung_below_950"] = float(below) * 100
    for name, here in _tissues(observed, observed.thin):
        moved = np.median(observed.grey[here]) - np.median(observed.around[here])
        figures[f"hu_thin_{name}"] = float(moved)
    return figures | _line(observed, deep)


def _tissues(observed: Observed, classes: Classes) -> list[tuple[str, Mask]]:
    """Return the tissues that the window does not cut, and whose drift can be known well enough.

    A few voxels of spongy bone would say more about which of them were hit than about the view.
    """
    found = []
    for number, name in enumerate(TISSUES_HU, start=1):
        here = (classes == number) & observed.shown
        if here.sum() < _FEWEST:
            continue
        middle = float(np.median(observed.around[here]))
        is_known = _median_error(observed, here) <= _KNOWN * DRIFT_HU[name][0]
        if observed.low < middle < observed.high and is_known:
            found.append((name, here))
    return found


def _mean(observed: Observed, here: Mask, name: str) -> dict[str, float]:
    """Return by how much the mean moved and its standard error.

    Blending leaves a mean what it is, so that nothing but what is done beside it is seen.
    """
    moved = observed.grey[here] - observed.blended[here]
    error = float(moved.std()) / _root(observed, here)
    return {name: float(moved.mean()), f"{name}_error": error}


def _moved(observed: Observed, here: Mask) -> tuple[float, float]:
    """Return what places moved by as a whole, and the standard error of that.

    A gain or an offset moves median and mean of the differences alike. Smoothing moves the median
    of skewed values alone, and the clip of the window the mean of noise alone.
    """
    moved = observed.grey[here] - observed.blended[here]
    middle, root = float(np.median(moved)), _root(observed, here)
    spread = 1.4826 * float(np.median(np.abs(moved - middle)))
    ends = (middle, 1.2533 * spread / root), (float(moved.mean()), float(moved.std()) / root)
    return min(ends, key=lambda each: abs(each[0]))


def _smoothings(observed: Observed) -> tuple[np.ndarray, np.ndarray]:
    """Return what Gaussians of one voxel of the volume and of one of the view change everywhere.

    No tissue is level as such, and what moves it by no more than these is not told from a filter.
    """
    weights = observed.shown.astype(float)
    whole = ndimage.gaussian_filter(weights, 1.0)
    coarse = ndimage.gaussian_filter(observed.blended * weights, 1.0) / np.maximum(whole, 1e-6)
    return observed.smooth - observed.blended, coarse - observed.blended


def _is_whole(observed: Observed, here: Mask) -> bool:
    """Return whether the window cuts next to nothing of a tissue."""
    values = observed.blended[here]
    return float(((values <= observed.low) | (values >= observed.high)).mean()) <= _CUT


def _median_error(observed: Observed, here: Mask) -> float:
    """Return the standard error of a difference of medians.

    A median lies off by the share of voxels that are wrongly below it, over the density of values
    there. Where a tissue spans hundreds of HU that density is small, and voxels that cross the
    median by chance move it far.
    """
    below = []
    for values in (observed.grey[here], observed.around[here]):
        low, middle, high = np.percentile(values, [40, 50, 60])
        below.append((values <= middle) * float(high - low) / 0.2)
    return float(np.std(below[0] - below[1])) / _root(observed, here)


def _root(observed: Observed, here: Mask) -> float:
    """Return the root of how many voxels tell something new: as many as the volume has there."""
    return float(np.sqrt(here.sum() * min(observed.map.source_voxels, 1.0)))


def _line(observed: Observed, tissues: list[tuple[str, Mask]]) -> dict[str, float]:
    """Return slope - 1 and intercept of view against volume, through one point of each tissue.

    Points have no noise to flatten the line by, as a regression over voxels would; the median of
    all slopes between two tissues is not led astray by one of them (Theil and Sen).
    """
    medians = [
        (middle, middle + _moved(observed, here)[0])
        for _, here in tissues
        for middle in (float(np.median(observed.around[here])),)
    ]
    if len(medians) < 2 or np.ptp([truth for truth, _ in medians]) < _WIDE_HU:
        return {}
    medians.sort()
    slopes = [
        (view - before_view) / (truth - before)
        for number, (truth, view) in enumerate(medians)
        for before, before_view in medians[:number]
        if truth - before > _WIDE_HU / 4
    ]
    slope = float(np.median(slopes))
    intercept = float(np.median([view - slope * truth for truth, view in medians]))
    return {"hu_slope": slope - 1, "hu_intercept": intercept}


def smallest_contrast(observed: Observed) -> tuple[Mask, Mask] | None:
    """Return the two neighbouring tissues of CT that differ least, of fat, water and muscle.

    Args:
        observed: The view.

    Returns:
        Their voxels, or ``None`` where fewer than two of them are there.
    """
    soft = [
        here
        for name, here in _tissues(observed, observed.deep)
        if name in {"fat", "water", "muscle"}
    ]
    return next(reversed(list(pairwise(soft))), None)
