"""Uptake and maps with a unit: gain, offset, ratios, peak and total of a view."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import ndimage

from medcl.evaluation.measures.observed import Grey, Mask, Observed

Values = Float64[np.ndarray, " S"]

_BINS = 16
_FEWEST = 30
_KNOWN = 0.25
_TOLERANCE = {"suv": 0.05, "map": 0.01, "ratio": 0.02}
"""A figure counts where its standard error is at most a quarter of what it is judged by."""
_PEAK_MM = 6.0
_CONTOUR = 0.41
"""Part of the maximum that bounds a hot region, as PET volumes are usually drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Means over steps of brightness of level tissue, of rising truth.

    Attributes:
        truth: Of the volume.
        view: Of the view, on the same voxels.
        error: Standard error of their difference.
    """

    truth: Values
    view: Values
    error: Values

    @property
    def tell(self) -> bool:
        """Whether there are two steps or more, apart by a tenth of their middle."""
        return len(self.truth) >= 2 and bool(
            np.ptp(self.truth) > 0.1 * abs(float(np.median(self.truth)))
        )


def level_values(observed: Observed) -> Levels:
    """Return means of the truth and of the view, over steps of brightness of level tissue.

    Steps are told apart by the smoothed volume: grouping by the noisy one would draw the view's
    means towards the middle, as every regression on a noisy scale does.

    Args:
        observed: The view.

    Returns:
        Steps; none where too little is level.
    """
    here = observed.level & observed.body & observed.shown
    smooth, truth, view = observed.smooth[here], observed.truth[here], observed.grey[here]
    if len(smooth) < 2 * _FEWEST:
        return Levels(np.empty(0), np.empty(0), np.empty(0))
    low, high = np.percentile(smooth, [0.2, 99.8])
    step = np.floor((np.clip(smooth, low, high) - low) / max(high - low, 1e-9) * (_BINS - 1e-9))
    found = []
    for one in np.unique(step):
        inside = step == one
        there, shown = float(truth[inside].mean()), float(view[inside].mean())
        if inside.sum() >= _FEWEST and observed.low < there < observed.high:
            spread = float(np.std(view[inside] - truth[inside]))
            found.append((there, shown, spread / float(np.sqrt(inside.sum()))))
    columns = np.array(sorted(found)).reshape(-1, 3)
    return Levels(columns[:, 0], columns[:, 1], columns[:, 2])


def calibration(observed: Observed) -> dict[str, float]:
    """Return gain, offset and more of PET, gain and offset of quantitative MR; else nothing.

    Args:
        observed: The view.

    Returns:
        ``suv_gain``, ``suv_peak`` and ``suv_total`` as ratios to the volume, ``suv_offset`` as a
        fraction of its middle, ``suv_ratio`` as the change of the ratio of brightest to darkest
        tissue; or ``map_gain`` and ``map_offset``; with ``_error``, their standard errors.
    """
    if observed.modality not in {"PT", "MR_QUANTITATIVE"}:
        return {}
    levels = level_values(observed)
    figures: dict[str, float] = {}
    if levels.tell:
        kind = "suv" if observed.modality == "PT" else "map"
        figures |= _gain(levels, kind)
    if observed.modality == "PT":
        if levels.tell and levels.truth[0] > 0 and levels.view[0] > 0:
            figures |= _ratio(levels)
        figures |= _hottest(observed)
    return figures


def _gain(levels: Levels, kind: str) -> dict[str, float]:
    truth, view = levels.truth, levels.view
    slopes = [
        (view[one] - view[other]) / (truth[one] - truth[other])
        for one in range(len(truth))
        for other in range(one)
        if truth[one] - truth[other] > 0.25 * np.ptp(truth)
    ]
    gain = float(np.median(slopes))
    offset = float(np.median(view - gain * truth)) / abs(float(np.median(truth)))
    error = float(np.hypot(levels.error[0], levels.error[-1]) / np.ptp(truth))
    if error > _KNOWN * _TOLERANCE[kind]:
        return {}
    return {f"{kind}_gain": gain, f"{kind}_offset": offset, f"{kind}_gain_error": error}


def _ratio(levels: Levels) -> dict[str, float]:
    truth, view = levels.truth, levels.view
    ends = levels.error[[0, -1]] / truth[[0, -1]]
    error = float(np.hypot(ends[0], ends[1]))
    if error > _KNOWN * _TOLERANCE["ratio"]:
        return {}
    changed = (view[-1] / view[0]) / (truth[-1] / truth[0]) - 1
    return {"suv_ratio": float(changed), "suv_ratio_error": error}


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
    there = float(observed.truth[hot].sum()) * ratio
    noise = float(np.std(observed.grey[hot] - observed.truth[hot])) * float(np.sqrt(hot.sum()))
    return {
        "suv_peak": float(view[place] / truth[place]),
        "suv_total": float(observed.grey[hot].sum()) / there,
        "suv_total_error": noise / there,
    }


def _region(here: Mask, truth: Grey, place: tuple[np.intp, ...]) -> Mask:
    parts, _ = ndimage.label(here & (truth >= _CONTOUR * truth[place]))
    return np.asarray(parts == parts[place])


def _ball(spacing_mm: tuple[float, float, float]) -> Grey:
    """Return a ball of 12 mm as a kernel whose values add up to 1."""
    axes = [np.arange(-(_PEAK_MM // mm), _PEAK_MM // mm + 1) * mm for mm in spacing_mm]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    ball = (x**2 + y**2 + z**2 <= _PEAK_MM**2).astype(float)
    return np.asarray(ball / ball.sum())
