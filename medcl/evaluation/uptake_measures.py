"""Uptake and maps with a unit: gain, offset, ratios, peak and total of a view."""

import numpy as np
from scipy import ndimage

from medcl.evaluation.observed import Grey, Mask, Observed

_BINS = 16
_FEWEST = 30
_PEAK_MM = 6.0
_CONTOUR = 0.41
"""Part of the maximum that bounds a hot region, as PET volumes are usually drawn."""


def level_values(observed: Observed) -> tuple[np.ndarray, np.ndarray]:
    """Return medians of the truth and of the view, over steps of brightness of level tissue.

    Steps are told apart by the smoothed volume: grouping by the noisy one would draw the view's
    medians towards the middle, as every regression on a noisy scale does.

    Args:
        observed: The view.

    Returns:
        Two arrays of the same length, of rising truth; empty where too little is level.
    """
    here = observed.level & observed.body & observed.shown
    smooth, truth, view = observed.smooth[here], observed.truth[here], observed.grey[here]
    if len(smooth) < 2 * _FEWEST:
        return np.empty(0), np.empty(0)
    low, high = np.percentile(smooth, [0.2, 99.8])
    if high <= low:
        return np.empty(0), np.empty(0)
    step = np.floor((np.clip(smooth, low, high) - low) / (high - low) * (_BINS - 1e-9))
    pairs = [
        (float(np.median(truth[step == one])), float(np.median(view[step == one])))
        for one in np.unique(step)
        if (step == one).sum() >= _FEWEST
    ]
    pairs = sorted(pair for pair in pairs if observed.low < pair[0] < observed.high)
    return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])


def calibration(observed: Observed) -> dict[str, float]:
    """Return gain, offset and more of PET, gain and offset of quantitative MR; else nothing.

    Args:
        observed: The view.

    Returns:
        ``suv_gain``, ``suv_peak`` and ``suv_total`` as ratios to the volume, ``suv_offset`` as a
        fraction of its median, ``suv_ratio`` as the change of the ratio of brightest to darkest
        tissue; or ``map_gain`` and ``map_offset``.
    """
    if observed.modality not in {"PT", "MR_QUANTITATIVE"}:
        return {}
    truth, view = level_values(observed)
    figures: dict[str, float] = {}
    if len(truth) >= 2 and np.ptp(truth) > 0.1 * abs(float(np.median(truth))):
        gain, offset = _line(truth, view)
        kind = "suv" if observed.modality == "PT" else "map"
        figures[f"{kind}_gain"] = gain
        figures[f"{kind}_offset"] = offset / abs(float(np.median(truth)))
    if observed.modality == "PT":
        if len(truth) >= 2 and truth[0] > 0 and view[0] > 0:
            figures["suv_ratio"] = (view[-1] / view[0]) / (truth[-1] / truth[0]) - 1
        figures |= _hottest(observed)
    return figures


def _line(truth: np.ndarray, view: np.ndarray) -> tuple[float, float]:
    """Return slope and intercept, the median over all pairs of points (Theil and Sen)."""
    slopes = [
        (view[one] - view[other]) / (truth[one] - truth[other])
        for one in range(len(truth))
        for other in range(one)
        if truth[one] - truth[other] > 0.25 * np.ptp(truth)
    ]
    slope = float(np.median(slopes))
    return slope, float(np.median(view - slope * truth))


def _hottest(observed: Observed) -> dict[str, float]:
    """Return peak and total of the hottest region, as ratios to the volume."""
    here = observed.body & observed.shown
    if not here.any():
        return {}
    ball = _ball(observed.spacing_mm)
    truth = ndimage.convolve(np.where(here, observed.truth, 0.0), ball)
    view = ndimage.convolve(np.where(here, observed.grey, 0.0), ball)
    place = np.unravel_index(int(truth.argmax()), truth.shape)
    if truth[place] <= 0:
        return {}
    hot = _region(here, truth, place)
    ratio = abs(float(np.linalg.det(observed.map.view_to_world[:3, :3]))) / observed.voxel_mm3
    total = float(observed.grey[hot].sum()) / (float(observed.truth[hot].sum()) * ratio)
    return {"suv_peak": float(view[place] / truth[place]), "suv_total": total}


def _region(here: Mask, truth: Grey, place: tuple[np.intp, ...]) -> Mask:
    parts, _ = ndimage.label(here & (truth >= _CONTOUR * truth[place]))
    return np.asarray(parts == parts[place])


def _ball(spacing_mm: tuple[float, float, float]) -> Grey:
    """Return a ball of 12 mm as a kernel whose values add up to 1."""
    axes = [np.arange(-(_PEAK_MM // mm), _PEAK_MM // mm + 1) * mm for mm in spacing_mm]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    ball = (x**2 + y**2 + z**2 <= _PEAK_MM**2).astype(float)
    return np.asarray(ball / ball.sum())
