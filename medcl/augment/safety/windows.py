"""What a window takes away of what a task is about, and which ranges it leaves without a unit."""

from collections.abc import Iterator

from medcl.augment.contract import PolicyModality
from medcl.augment.normalisation import FixedWindow, Normalisation
from medcl.augment.safety.refusing import Transforms, effect_of, violation
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.safety.verdict import Violation

_DENSITY_HU = (-1000.0, 1000.0)
_UPTAKE_SUV = (0.0, 15.0)
_UPTAKES = {TaskProfile.SUV_ABSOLUTE, TaskProfile.SUV_RATIO, TaskProfile.SUV_TOTAL}
_FRACTIONS = (0.0, 1.0)
_OF_FRACTIONS = {"gamma", "monotone_map", "rician_noise"}


def windowed(window: Normalisation, modality: PolicyModality, task: TaskProfile) -> list[Violation]:
    """Return a violation where the window takes away what a modality or task is about."""
    if not isinstance(window, FixedWindow):
        breaks = modality in {"CT", "PT", "MR_QUANTITATIVE"}
        found, allowed = "each volume's own", "a fixed window"
        reason = f"a range of each volume's own takes the calibration of {modality} away"
    else:
        (low, high), unit, what = _DENSITY_HU, "HU", "density"
        needs_all = modality == "CT" and task in {TaskProfile.DENSITY, TaskProfile.TEXTURE}
        if modality == "PT":
            (low, high), unit, what = _UPTAKE_SUV, "SUV", "uptake"
            needs_all = task in _UPTAKES
        breaks = needs_all and (window.low > low or window.high < high)
        found, allowed = (
            f"{window.low:g} to {window.high:g}",
            f"at least {low:g} to {high:g} {unit}",
        )
        reason = f"what is clipped has no {what} any more"
    if not breaks:
        return []
    return [
        Violation(
            code="SC012",
            transform="window",
            parameter=window.kind,
            found=found,
            allowed=allowed,
            reason=reason,
        )
    ]


def without_unit(
    window: Normalisation, live: Transforms, modality: PolicyModality
) -> Iterator[Violation]:
    """Yield ranges in fractions of a volume's own range where a window leaves values as they are.

    Weighted MR has no unit: 3 % of noise on values up to 3000 is nothing, and their 1.25th power
    is beyond any window.
    """
    own = not isinstance(window, FixedWindow) or (window.low, window.high) == _FRACTIONS
    for name, transform in live.items():
        if modality == "MR_WEIGHTED" and not own and effect_of(transform) in _OF_FRACTIONS:
            reason = (
                "its range is in fractions of each volume's own range, and a fixed window leaves "
                "values as the scanner wrote them"
            )
            allowed = "a percentile_window, or a fixed one from 0 to 1"
            yield violation("SC070", {name: transform}, allowed=allowed, reason=reason)
