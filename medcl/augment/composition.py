"""Composing contracts: what a whole policy breaks, in the worst case over its draws.

Linear parts multiply, bounds and noise variances add, and two independent views may depart in
opposite directions. Every spatial map of a policy is fused before sampling, so there is one
resampling by construction.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Literal

from medcl.augment.catalogue import IntensityTransform, SpatialTransform, Transform, ValueTransform
from medcl.augment.contract import Flag, PolicyModality, claim_of
from medcl.augment.gain import Gamma
from medcl.augment.monotone_map import MonotoneMap
from medcl.augment.normalisation import FixedWindow, Normalisation
from medcl.augment.tasks import (
    TaskProfile,
    Tolerance,
    meaningless_flags,
    required_flags,
    tolerance_of,
)
from medcl.augment.transform import Extremes
from medcl.augment.verdict import CODES, Violation

Transforms = Mapping[str, Transform]

_DENSITY_HU = (-1000.0, 1000.0)
_MOST_NOISE_HU = 30.0
_MOST_BLUR_MM = 0.7


def find_violations(
    *,
    modality: PolicyModality,
    region: Literal["body", "head"],
    window: Normalisation,
    transforms: Transforms,
    task: TaskProfile,
) -> list[Violation]:
    """Return every reason to refuse.

    Args:
        modality: What the volumes are.
        region: How far a patient may turn.
        window: From physical values to what the network sees.
        transforms: By name, in order; those that never happen do not count.
        task: What the encoder is for.

    Returns:
        Violations, none if safe.
    """
    live = {name: each for name, each in transforms.items() if _happens(each)}
    found = list(_without_meaning(task, modality))
    absent = meaningless_flags(task, modality)
    for flag in required_flags(task, modality):
        if flag in absent:
            continue
        tolerance = tolerance_of(flag, region)
        if flag is Flag.ORIENTATION:
            found += _broken(live, flag, modality) or _turned(live, tolerance)
        elif flag is Flag.PHYSICAL_SCALE:
            found += _broken(live, flag, modality) or _scaled(live, tolerance)
        else:
            found += _broken(live, flag, modality) or _departing(live, flag, modality, tolerance)
    found += _beyond_acquisitions(live, modality)
    found += _windowed(window, modality, task)
    return found + list(_hiding(live, task))


def _happens(transform: Transform) -> bool:
    return getattr(transform, "probability", 1.0) > 0


def _parameter(transform: Transform) -> tuple[str, str]:
    """Return name and value of the parameter that carries the range."""
    name = fields(transform)[0].name
    value = getattr(transform, name)
    if isinstance(value, tuple):
        return name, " to ".join(f"{end:g}" for end in value)
    return name, f"{value:g}" if isinstance(value, float) else str(value)


def _violation(
    code: str, named: Transforms, *, allowed: str, reason: str, found: str | None = None
) -> Violation:
    parameters = [_parameter(transform) for transform in named.values()]
    return Violation(
        code=code,
        transform="+".join(named),
        parameter=parameters[0][0],
        found=found or ", ".join(value for _, value in parameters),
        allowed=allowed,
        reason=reason,
    )


def _without_meaning(task: TaskProfile, modality: PolicyModality) -> Iterator[Violation]:
    for flag in meaningless_flags(task, modality):
        yield Violation(
            code="SC100",
            transform="policy",
            parameter="modality",
            found=modality,
            allowed="a modality that has it",
            reason=f"the task {task.value} needs {flag.value}, which {modality} does not have",
        )


def _broken(live: Transforms, flag: Flag, modality: PolicyModality) -> list[Violation]:
    return [
        _violation(
            CODES[flag],
            {name: transform},
            allowed="not at all",
            reason=f"{transform.kind} breaks {flag.value} on {modality}",
        )
        for name, transform in live.items()
        if claim_of(transform.contract(modality), flag).bound is None
    ]


def _departing(
    live: Transforms, flag: Flag, modality: PolicyModality, tolerance: Tolerance
) -> list[Violation]:
    bounds = {
        name: claim_of(transform.contract(modality), flag).bound or 0.0
        for name, transform in live.items()
    }
    view = sum(bounds.values(), 0.0)
    # A crop's bound is a property of the pair already; others may err in opposite directions.
    between = sum(
        (
            bound * (1 if live[name].kind == "crop" else 2)
            for name, bound in bounds.items()
            if _is_independent(live[name])
        ),
        0.0,
    )
    guilty = {name: live[name] for name, bound in bounds.items() if bound > 0}
    return _measured(flag, guilty, view, between, tolerance)


def _measured(
    flag: Flag, guilty: Transforms, view: float, between: float, tolerance: Tolerance
) -> list[Violation]:
    slack = 1e-9
    if view > tolerance.view + slack:
        where, found, allowed = "within a view", view, tolerance.view
    elif between > tolerance.between + slack:
        where, found, allowed = "between two views", between, tolerance.between
    else:
        return []
    reason = f"{flag.value} departs by up to {found:.3g} {tolerance.unit} {where}"
    return [
        _violation(
            CODES[flag], guilty, allowed=f"{allowed:g} {tolerance.unit} {where}", reason=reason
        )
    ]


def _extremes(live: Transforms) -> dict[str, Extremes]:
    return {
        name: each.extremes() for name, each in live.items() if isinstance(each, SpatialTransform)
    }


def _turned(live: Transforms, tolerance: Tolerance) -> list[Violation]:
    degrees = {name: ends.degrees for name, ends in _extremes(live).items() if ends.degrees > 0}
    view = sum(degrees.values(), 0.0)
    between = sum((2 * each for name, each in degrees.items() if _is_independent(live[name])), 0.0)
    return _measured(
        Flag.ORIENTATION, {name: live[name] for name in degrees}, view, between, tolerance
    )


def _scaled(live: Transforms, tolerance: Tolerance) -> list[Violation]:
    zooms = {name: ends.zoom for name, ends in _extremes(live).items() if ends.zoom != (1.0, 1.0)}
    low = math.prod((min(ends[0], 1.0) for ends in zooms.values()), start=1.0)
    high = math.prod((max(ends[1], 1.0) for ends in zooms.values()), start=1.0)
    ratio = math.prod(
        (
            max(ends[1], 1.0) / min(ends[0], 1.0)
            for name, ends in zooms.items()
            if _is_independent(live[name])
        ),
        start=1.0,
    )
    return _measured(
        Flag.PHYSICAL_SCALE,
        {name: live[name] for name in zooms},
        max(high - 1, 1 - low),
        ratio - 1,
        tolerance,
    )


def _is_independent(transform: Transform) -> bool:
    return getattr(transform, "sharing", "independent") == "independent"


def _beyond_acquisitions(live: Transforms, modality: PolicyModality) -> list[Violation]:
    found = []
    for name, transform in live.items():
        if isinstance(transform, IntensityTransform):
            found += _beyond(name, transform, modality)
    if modality == "CT":
        found += _summed(live, "gaussian_noise", _MOST_NOISE_HU, "HU of added noise")
        found += _summed(live, "blur", _MOST_BLUR_MM, "mm of added blur")
    return found


def _beyond(name: str, transform: IntensityTransform, modality: PolicyModality) -> list[Violation]:
    for parameter, (low, high) in transform.limits(modality).items():
        ends = getattr(transform, parameter)
        if low - 1e-9 <= ends[0] and ends[1] <= high + 1e-9:
            continue
        foreign = low == high
        reason = "has no such physics" if foreign else "has no such acquisitions"
        allowed = "not at all" if foreign else f"{low:g} to {high:g}"
        code = "SC090" if foreign else "SC013"
        return [_violation(code, {name: transform}, allowed=allowed, reason=f"{modality} {reason}")]
    return []


def _summed(live: Transforms, kind: str, most: float, unit: str) -> list[Violation]:
    """Return a violation where several of a kind exceed together what one may: variances add."""
    same = {name: each for name, each in live.items() if each.kind == kind}
    total = math.sqrt(sum(getattr(each, fields(each)[0].name)[1] ** 2 for each in same.values()))
    if len(same) < 2 or total <= most + 1e-9:
        return []
    reason = f"together they make {total:.3g} {unit}"
    return [_violation("SC013", same, allowed=f"{most:g} {unit}", reason=reason)]


def _windowed(
    window: Normalisation, modality: PolicyModality, task: TaskProfile
) -> list[Violation]:
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


def _hiding(live: Transforms, task: TaskProfile) -> Iterator[Violation]:
    """Yield transforms that make the encoder ignore what the task is about."""
    for name, transform in live.items():
        is_artefact = task is TaskProfile.ACQUISITION and isinstance(transform, ValueTransform)
        is_curve = task is TaskProfile.CONTRAST_CLASS and isinstance(transform, Gamma | MonotoneMap)
        if is_artefact or is_curve:
            reason = f"it hides what the task {task.value} is about"
            yield _violation("SC110", {name: transform}, allowed="not at all", reason=reason)
