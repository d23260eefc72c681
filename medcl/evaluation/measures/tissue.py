"""Hounsfield units of a view: how far each tissue moved, by the very same places."""

from itertools import pairwise

import numpy as np

from medcl.augment.safety.tasks import TISSUES_HU
from medcl.evaluation.measures.observed import Classes, Mask, Observed
from medcl.evaluation.quantities.hounsfield import DRIFT_HU

_FEWEST = 64
_KNOWN = 0.25
"""A drift counts where its standard error is at most this part of what it is judged by."""

_WIDE_HU = 400.0
_EMPHYSEMA_HU = -950.0


def tissue_drift(observed: Observed) -> dict[str, float]:
    """Return by how many HU tissues moved; empty for anything but CT.

    Signed: view minus volume. ``hu_drift``, ``hu_mean``, ``hu_p05`` and ``hu_p95`` are of the
    median, the mean and the percentiles, far from borders, where there is no partial volume.
    ``hu_thin`` is of the median of what includes small structures: it shows what the spacing of
    the view draws together. ``_error`` is the standard error of the drift.

    Args:
        observed: The view.

    Returns:
        Figures by name and tissue; a tissue that is not there, or that the window cuts, is not.
    """
    if observed.modality != "CT":
        return {}
    figures: dict[str, float] = {}
    deep = _tissues(observed, observed.deep)
    for name, here in deep:
        view, truth = observed.grey[here], observed.truth[here]
        median = float(np.median(view) - np.median(truth))
        mean = float(view.mean() - truth.mean())
        figures[f"hu_drift_{name}"] = median
        figures[f"hu_drift_{name}_error"] = _error(observed, here)
        figures[f"hu_mean_{name}"] = mean
        low, high = np.percentile(view, [5, 95]) - np.percentile(truth, [5, 95])
        figures[f"hu_p05_{name}"], figures[f"hu_p95_{name}"] = float(low), float(high)
        if name == "lung" and observed.low < _EMPHYSEMA_HU:
            below = (view < _EMPHYSEMA_HU).mean() - (truth < _EMPHYSEMA_HU).mean()
            figures["lung_below_950"] = float(below) * 100
    for name, here in _tissues(observed, observed.thin):
        moved = np.median(observed.grey[here]) - np.median(observed.truth[here])
        figures[f"hu_thin_{name}"] = float(moved)
    return figures | _line(observed, deep)


def _tissues(observed: Observed, classes: Classes) -> list[tuple[str, Mask]]:
    """Return the tissues that the window does not cut, and whose drift can be known well enough.

    A median over n voxels is known to 1.25 standard deviations by the root of n; a few voxels of
    spongy bone would say more about which of them were hit than about the view.
    """
    found = []
    for number, name in enumerate(TISSUES_HU, start=1):
        here = (classes == number) & observed.shown
        if here.sum() < _FEWEST:
            continue
        middle = float(np.median(observed.truth[here]))
        is_known = _error(observed, here) <= _KNOWN * DRIFT_HU[name][0]
        if observed.low < middle < observed.high and is_known:
            found.append((name, here))
    return found


def _error(observed: Observed, here: Mask) -> float:
    """Return the standard error of a difference of medians, without the spread of the tissue."""
    moved = observed.grey[here] - observed.truth[here]
    spread = 1.4826 * float(np.median(np.abs(moved - np.median(moved))))
    return 1.2533 * spread / float(np.sqrt(len(moved)))


def _line(observed: Observed, tissues: list[tuple[str, Mask]]) -> dict[str, float]:
    """Return slope - 1 and intercept of view against volume, through the medians of tissues.

    Medians have no noise to flatten the line by, as a regression over voxels would; the median of
    all slopes between two tissues is not led astray by one of them (Theil and Sen).
    """
    medians = [
        (float(np.median(observed.truth[here])), float(np.median(observed.grey[here])))
        for _, here in tissues
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
