"""Field of view and lesions: what a view shows, leaves out, or makes up."""

from collections.abc import Mapping

import numpy as np

from medcl.evaluation.measures.observed import Mask, Observed

_KEPT = 0.8
_VISIBLE = 0.02


def field_of_view(observed: Observed) -> dict[str, float]:
    """Return what is in a view.

    Args:
        observed: The view.

    Returns:
        ``body_fraction``: the part of the view that is body, of what could be where the body is
        smaller than the view. ``invented_voxels``: outside of the mask but not empty, or claimed
        though outside of the volume. ``not_finite_or_out_of_range``: voxels. With a lesion:
        ``lesion_retained``, the part of it that is seen, ``lesion_seen``, the same of what lies in
        the view, and ``lesion_volume``, a ratio.
    """
    most = min(observed.grey.size * observed.voxel_mm3, observed.body_mm3)
    seen = float((observed.body & observed.mask).sum()) * observed.voxel_mm3
    figures = {
        "body_fraction": min(seen / most, 1.0) if most > 0 else 0.0,
        "invented_voxels": float(
            observed.num_invented + (observed.mask & ~observed.map.inside).sum()
        ),
        "not_finite_or_out_of_range": float(observed.num_wrong),
    }
    if observed.lesion is not None:
        figures |= _lesion(observed, observed.lesion)
    return figures


def _lesion(observed: Observed, lesion: Mask) -> dict[str, float]:
    """Return how much of a lesion is seen; a value erased to emptiness is not."""
    if not lesion.any():
        return {"lesion_retained": 0.0}  # none of it lies in the view, so none can be erased
    reach = _VISIBLE * (observed.high - observed.low)
    erased = (observed.grey <= observed.low + 1e-6) & (observed.truth > observed.low + reach)
    seen = lesion & observed.shown & ~erased
    cells = np.abs(observed.map.volume_ratios(observed.spacing_mm).mean(axis=0))
    here = lesion[:-1, :-1, :-1]
    is_local = not observed.map.is_straight and here.any()
    part = float(seen.sum() / lesion.sum())
    return {
        "lesion_retained": observed.lesion_inside * part,
        "lesion_seen": part,
        "lesion_volume": 1 / float(cells[here].mean() if is_local else cells.mean()),
    }


def lesion_pair(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Return whether both views of a pair show a lesion, and whether only one does.

    Args:
        first: Figures of one view.
        second: Figures of the other.

    Returns:
        ``lesion_kept`` and ``lesion_inconsistent``, 0 or 1, where there is a lesion.

    Example:
        >>> lesion_pair({"lesion_retained": 1.0}, {"lesion_retained": 0.3})
        {'lesion_kept': 0.0, 'lesion_inconsistent': 1.0}
    """
    ends = [figures.get("lesion_retained") for figures in (first, second)]
    if ends[0] is None or ends[1] is None:
        return {}
    shown = [end is not None and end >= _KEPT for end in ends]
    return {"lesion_kept": float(all(shown)), "lesion_inconsistent": float(shown[0] != shown[1])}
