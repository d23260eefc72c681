"""What no scanner does: ranges beyond real acquisitions, and what hides a task."""

import math
from collections.abc import Iterator, Mapping

from medcl.augment.contract import PolicyModality, Region
from medcl.augment.safety.refusing import SLACK, Transforms, effect_of, violation
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.safety.value_bounds import spread_of
from medcl.augment.safety.verdict import Violation
from medcl.augment.transforms.catalogue import (
    IntensityTransform,
    SpatialTransform,
    Transform,
    ValueTransform,
)
from medcl.augment.transforms.gain import Gain
from medcl.augment.transforms.scale import Scale
from medcl.augment.worst_case import HasLine, HasSpread

_TIMES_NATIVE = 2.0
"""The noise of a scan at a quarter of the dose, by that of the scan there is."""
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
    "bias_field",
    "cutout",
    "gamma",
    "gantry_tilt",
    "ghosting",
    "gibbs",
    "kernel_change",
    "low_resolution",
    "monotone_map",
    "motion",
    "partial_fov",
    "respiratory_blur",
    "shear",
    "slice_dropout",
    "thick_slice",
    "window_jitter",
}
"""Kinds whose limits are for all of a kind together: a scan has thick slices along one axis."""
_CURVES = {"gamma", "monotone_map"}
_RESHAPING = {"shear", "gantry_tilt", "anisotropic_scale", "displacement"}


def beyond_acquisitions(
    live: Transforms, modality: PolicyModality, region: Region, native: float | None = None
) -> list[Violation]:
    """Return ranges no scanner or patient has, alone or together, in a modality and region.

    Args:
        live: Transforms that happen, by name.
        modality: What the volumes are.
        region: What they show.
        native: Noise of the scans, where `medcl.augment.safety.native_noise` knows it: it says
            how much may be added, for nobody reads scans at less than a quarter of the dose.
    """
    found = []
    for name, each in live.items():
        if isinstance(each, IntensityTransform):
            found += _beyond(name, each, each.limits(modality), modality)
        elif isinstance(each, SpatialTransform):
            found += _beyond(name, each, each.limits(modality, region), modality)
    spreading = {name: each for name, each in live.items() if isinstance(each, HasSpread)}
    together = spread_of(each.spread() for each in spreading.values())
    for what, (usual, unit) in _MOST[modality].items():
        same = {name: each for name, each in spreading.items() if what in each.spread()}
        most = usual
        if what == "noise_hu" and native is not None:
            most = min(usual, math.sqrt(_TIMES_NATIVE**2 - 1) * native)
        # Up to the usual each transform's own limit has been looked at.
        if (len(same) > 1 or most < usual) and together.get(what, 0.0) > most + SLACK:
            reason = f"together they make {together[what]:.3g} {unit}"
            if most < usual:
                reason = f"{together[what]:.3g} {unit} drown scans that have {native:g} HU"
            found.append(violation("SC013", same, allowed=f"{most:g} {unit}", reason=reason))
    return [*found, *_repeated(live), *_multiplied(live, modality, region)]


def _multiplied(live: Transforms, modality: PolicyModality, region: Region) -> Iterator[Violation]:
    """Yield gains, and magnifications, whose product no scanner has though each of them is real."""
    gains = {
        name: each
        for name, each in live.items()
        if isinstance(each, HasLine) and effect_of(each) == Gain.kind
    }
    zooms = {name: each for name, each in live.items() if hasattr(each, "zoom")}
    for same, ends, (low, high) in (
        (
            gains,
            [each.line().gain for each in gains.values()],
            Gain(factor=(1.0, 1.0)).limits(modality)["factor"],
        ),
        (
            zooms,
            [each.zoom for each in zooms.values()],
            Scale(zoom=(1.0, 1.0)).limits(modality, region)["zoom"],
        ),
    ):
        # A product of one is the transform's own limit, and has been looked at.
        least = math.prod(min(end[0], 1.0) for end in ends)
        most = math.prod(max(end[1], 1.0) for end in ends)
        if len(same) > 1 and (least < low - SLACK or most > high + SLACK):
            reason = f"together they multiply by {least:.3g} to {most:.3g}"
            allowed = f"a product of {low:g} to {high:g}"
            yield violation("SC013", same, allowed=allowed, reason=reason)


def _repeated(live: Transforms) -> Iterator[Violation]:
    for kind in sorted(_ONCE):
        same = {name: each for name, each in live.items() if effect_of(each) == kind}
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


def hiding(live: Transforms, task: TaskProfile) -> Iterator[Violation]:
    """Yield transforms that make the encoder ignore what the task is about."""
    for name, transform in live.items():
        is_artefact = task is TaskProfile.ACQUISITION and isinstance(transform, ValueTransform)
        is_curve = task is TaskProfile.CONTRAST_CLASS and effect_of(transform) in _CURVES
        is_bent = task is TaskProfile.SHAPE and transform.kind in _RESHAPING
        if is_artefact or is_curve or is_bent:
            reason = f"it hides what the task {task.value} is about"
            yield violation("SC110", {name: transform}, allowed="not at all", reason=reason)
