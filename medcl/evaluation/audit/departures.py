"""From measured figures to departures from what a contract promises, in the unit of its claims."""

from collections.abc import Callable

from medcl.augment.contract import Flag
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TISSUES_HU
from medcl.evaluation.measures.view import Figures
from medcl.evaluation.quantities.table import quantities_of

LEVEL = "hu_level_"
"""Beginning of the names of what level tissues moved by."""

_SURE = 4.0
"""Standard errors of a median that chance does not exceed in any of some thousand figures."""


def as_presumed(figures: Figures, presumed: float) -> Figures:
    """Return what would have been measured on a scan as noisy as a contract speaks of.

    Added variance is what it is, whatever it is added to. Of a scan that is cleaner than any that
    the contract speaks of, the bound on contrast over noise says nothing; what is lost there is
    among the measured quantities of the audit.

    Args:
        figures: What was measured on the view.
        presumed: Least noise that the contract speaks of, 0 for any.

    Returns:
        Figures with another ``contrast_to_noise``; the same where the scan is as noisy.

    Example:
        >>> found = {"noise_plain": 5.0, "noise_ratio": 2**0.5, "contrast_to_noise": 0.5**0.5}
        >>> round(as_presumed(found, 10.0)["contrast_to_noise"] ** -2, 6)
        1.25
    """
    plain = figures.get("noise_plain", presumed)
    if plain >= presumed or "contrast_to_noise" not in figures:
        return figures
    ratio = figures["noise_ratio"]
    added = max(ratio**2 - 1, 0.0) * (plain / presumed) ** 2
    less = ratio / (1 + added) ** 0.5 if ratio > 1 else 1.0
    changed = {
        name: value * less
        for name, value in figures.items()
        if name in {"contrast_to_noise", "contrast_to_noise_error"}
    }
    return {**figures, **changed}


def departures(figures: Figures, policy: Policy) -> dict[Flag, float]:
    """Return how far a view departs from what each flag promises, in the unit of its claims.

    The truth of the spacing cannot be told from the size of the patient by a picture; it is
    measured as size.

    Args:
        figures: What was measured on the view.
        policy: Gives the modality.

    Returns:
        Departures, 0 for none, by those flags that there are figures for.
    """
    found: dict[Flag, float] = {}
    for flag, name, departure in _MEASURED_BY:
        if name in figures:
            chance = _SURE * figures.get(f"{name}_error", 0.0)
            found[flag] = max(found.get(flag, 0.0), departure(figures[name]) - chance)
    for flag, name in _LIMITED_BY:
        if name in figures:
            limit = quantities_of(policy)[name]
            beyond = limit.badness(figures[name]) - limit.badness(limit.passes)
            found[flag] = max(found.get(flag, 0.0), beyond, 0.0)
    # What a contract says of HU is about the map of values, which moves level tissue. Smoothing
    # moves the rest, and is declared as texture.
    drifts = _moved(figures, LEVEL)
    if drifts:
        found[Flag.HU_CALIBRATION] = max(drifts.values())
    # HU have a zero of their own; elsewhere noise is measured by the signal it lies on.
    texture = "noise_ratio" if policy.modality in {"CT", "MR_QUANTITATIVE"} else "snr_ratio"
    if texture in figures:
        found[Flag.HU_TEXTURE] = _off(figures[texture])
    return found


def sampled(figures: Figures) -> dict[str, float]:
    """Return how far sampling alone departs from the volume, by what it is claimed of.

    Args:
        figures: What was measured on a view that nothing else was done to.

    Returns:
        HU by tissue of CT, and by ``noise`` the part of it that changed.

    Example:
        >>> sampled({"hu_mean_bone": -2.0, "hu_mean_bone_error": 0.25, "noise_sampled": 0.9})
        {'bone': 1.0, 'noise': 0.1}
    """
    found = _moved(figures, "hu_mean_")
    if "noise_sampled" in figures:
        found["noise"] = round(_off(figures["noise_sampled"]), 9)
    return found


def _moved(figures: Figures, name: str) -> dict[str, float]:
    """Return by how much each tissue moved, without what chance or a filter could."""
    return {
        tissue: max(
            abs(moved)
            - _SURE * figures[f"{name}{tissue}_error"]
            - figures.get(f"{name}{tissue}_filtered", 0.0),
            0.0,
        )
        for tissue in TISSUES_HU
        if (moved := figures.get(f"{name}{tissue}")) is not None
    }


def _off(ratio: float) -> float:
    return abs(ratio - 1)


def _lost(kept: float) -> float:
    return max(1 - kept, 0.0)


_MEASURED_BY: tuple[tuple[Flag, str, Callable[[float], float]], ...] = (
    (Flag.LATERALITY, "mirrored", abs),
    (Flag.LATERALITY, "looks_mirrored", abs),
    (Flag.ORIENTATION, "orientation", abs),
    (Flag.PHYSICAL_SCALE, "scale", abs),
    (Flag.TOPOLOGY, "folded", abs),
    (Flag.LESION_MASS, "lesion_retained", _lost),
    (Flag.UPTAKE_ABS, "suv_gain", _off),
    (Flag.UPTAKE_RATIO, "suv_ratio", abs),
    (Flag.UPTAKE_TOTAL, "suv_total", _off),
    (Flag.LOWCONTRAST_CNR, "contrast_to_noise", _lost),
    (Flag.FOV_TRUTH, "invented_voxels", abs),
    (Flag.FINITE_RANGE, "not_finite_or_out_of_range", abs),
    (Flag.HU_CALIBRATION, "map_gain", _off),
)

_LIMITED_BY = (
    (Flag.CONTRAST_POLARITY, "ordering"),
    (Flag.FOV_TRUTH, "duplicated_tissue"),
)
"""Likenesses, which are never perfect: what counts is how far they are beyond their limit."""
