"""What no scanner does: ranges beyond real acquisitions, windows, and what hides a task."""

from collections.abc import Iterator, Mapping

from medcl.augment.contract import PolicyModality, Region
from medcl.augment.normalisation import FixedWindow, Normalisation
from medcl.augment.safety.refusing import SLACK, Transforms, violation
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.safety.value_bounds import spread_of
from medcl.augment.safety.verdict import Violation
from medcl.augment.transforms.catalogue import (
    IntensityTransform,
    SpatialTransform,
    Transform,
    ValueTransform,
)
from medcl.augment.transforms.gain import Gamma
from medcl.augment.transforms.monotone_map import MonotoneMap
from medcl.augment.worst_case import HasSpread

_DENSITY_HU = (-1000.0, 1000.0)
_MOST: Mapping[PolicyModality, Mapping[str, tuple[float, str]]] = {
    "CT": {"noise_hu": (30.0, "HU of added noise"), "blur_mm": (0.7, "mm of added blur")},
    "MR_WEIGHTED": {
        "noise_fraction": (0.09, "of the range of added noise"),
        "blur_mm": (0.7, "mm of added blur"),
    },
    "MR_QUANTITATIVE": {"blur_mm": (0.7, "mm of added blur")},
    "PT": {
        "noise_liver_cov": (0.15, "of the liver's uptake of added noise"),
        "blur_mm": (2.0, "mm of added blur"),
    },
    "OT": {},
}
_ONCE = {
    "cutout",
    "ghosting",
    "gibbs",
    "kernel_change",
    "low_resolution",
    "monotone_map",
    "motion",
    "partial_fov",
    "respiratory_blur",
    "slice_dropout",
    "thick_slice",
    "window_jitter",
}
"""Kinds whose limits are for all of a kind together: a scan has thick slices along one axis."""
_RESHAPING = {"shear", "gantry_tilt", "anisotropic_scale", "displacement"}


def beyond_acquisitions(
    live: Transforms, modality: PolicyModality, region: Region
) -> list[Violation]:
    """Return ranges no scanner or patient has, alone or together, in a modality and region."""
    found = []
    for name, each in live.items():
        if isinstance(each, IntensityTransform):
            found += _beyond(name, each, each.limits(modality), modality)
        elif isinstance(each, SpatialTransform):
            found += _beyond(name, each, each.limits(modality, region), modality)
    spreading = {name: each for name, each in live.items() if isinstance(each, HasSpread)}
    together = spread_of(each.spread() for each in spreading.values())
    for what, (most, unit) in _MOST[modality].items():
        same = {name: each for name, each in spreading.items() if what in each.spread()}
        if len(same) > 1 and together[what] > most + SLACK:
            reason = f"together they make {together[what]:.3g} {unit}"
            found.append(violation("SC013", same, allowed=f"{most:g} {unit}", reason=reason))
    return found + list(_repeated(live))


def _repeated(live: Transforms) -> Iterator[Violation]:
    for kind in sorted(_ONCE):
        same = {name: each for name, each in live.items() if each.kind == kind}
        if len(same) > 1:
            reason = f"together {len(same)} of {kind} exceed what one of them may reach"
            yield violation("SC013", same, allowed="one of a kind", reason=reason)


def _beyond(
    name: str,
    transform: Transform,
    limits: Mapping[str, tuple[float, float]],
    modality: PolicyModality,
) -> list[Violation]:
    for parameter, (low, high) in limits.items():
        value = getattr(transform, parameter)
        ends = value if isinstance(value, tuple) else (value, value)
        if low - SLACK <= ends[0] and ends[1] <= high + SLACK:
            continue
        foreign = low == high
        reason = "has no such physics" if foreign else "has no such acquisitions"
        allowed = "not at all" if foreign else f"{low:g} to {high:g}"
        return [
            Violation(
                code="SC090" if foreign else "SC013",
                transform=name,
                parameter=parameter,
                found=" to ".join(f"{end:g}" for end in dict.fromkeys(ends)),
                allowed=allowed,
                reason=f"{modality} {reason}",
            )
        ]
    return []


def windowed(window: Normalisation, modality: PolicyModality, task: TaskProfile) -> list[Violation]:
    """Return a violation where the window takes away what a modality or task is about."""
    if not isinstance(window, FixedWindow):
        breaks = modality in {"CT", "PT", "MR_QUANTITATIVE"}
        found, allowed = "each volume's own", "a fixed window"
        reason = f"a range of each volume's own takes the calibration of {modality} away"
    else:
        (low, high), is_density = _DENSITY_HU, task in {TaskProfile.DENSITY, TaskProfile.TEXTURE}
        is_narrow = window.low > low or window.high < high
        breaks = modality == "CT" and is_density and is_narrow
        found, allowed = f"{window.low:g} to {window.high:g}", f"at least {low:g} to {high:g} HU"
        reason = "what is clipped has no density any more"
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


def hiding(live: Transforms, task: TaskProfile) -> Iterator[Violation]:
    """Yield transforms that make the encoder ignore what the task is about."""
    for name, transform in live.items():
        is_artefact = task is TaskProfile.ACQUISITION and isinstance(transform, ValueTransform)
        is_curve = task is TaskProfile.CONTRAST_CLASS and isinstance(transform, Gamma | MonotoneMap)
        is_bent = task is TaskProfile.SHAPE and transform.kind in _RESHAPING
        if is_artefact or is_curve or is_bent:
            reason = f"it hides what the task {task.value} is about"
            yield violation("SC110", {name: transform}, allowed="not at all", reason=reason)
