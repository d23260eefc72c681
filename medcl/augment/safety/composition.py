"""Composing contracts: what a whole policy breaks, in the worst case over its draws.

Both a single view and the difference between two views are held against what a task tolerates: a
contrastive loss teaches the encoder to ignore whatever differs. Bounds of geometry and of values
are intervals (`spatial_bounds`, `value_bounds`); what has no such bound adds up. Every spatial map
of a policy is fused before sampling, so there is one resampling by construction, and a transform
of values that interpolates again is counted beside it.
"""

from collections.abc import Iterator

from medcl.augment.contract import Flag, PolicyModality, Region, claim_of
from medcl.augment.normalisation import Normalisation
from medcl.augment.safety.acquisitions import beyond_acquisitions, hiding
from medcl.augment.safety.departures import bounds_of, departing
from medcl.augment.safety.refusing import Transforms, probability_of, violation
from medcl.augment.safety.tasks import TaskProfile, meaningless_flags, required_flags, tolerance_of
from medcl.augment.safety.verdict import CODES, Violation
from medcl.augment.safety.windows import windowed, without_unit
from medcl.augment.transforms.catalogue import SpatialTransform, Transform
from medcl.augment.worst_case import HasResampling


def find_violations(
    *,
    modality: PolicyModality,
    region: Region,
    window: Normalisation,
    transforms: Transforms,
    task: TaskProfile,
    native: float | None = None,
) -> list[Violation]:
    """Return every reason to refuse.

    Args:
        modality: What the volumes are.
        region: How far a patient may turn.
        window: From physical values to what the network sees.
        transforms: By name, in order; those that never happen do not count.
        task: What the encoder is for.
        native: Noise of the scans, where `medcl.augment.safety.native_noise` knows it.

    Returns:
        Violations, none if safe.
    """
    live = {name: each for name, each in transforms.items() if probability_of(each) > 0}
    found = list(_without_meaning(task, modality))
    absent = meaningless_flags(task, modality)
    for flag in required_flags(task, modality):
        if flag not in absent:
            tolerance = tolerance_of(flag, region)
            broken = _broken(live, flag, modality)
            found += broken or departing(live, flag, modality, tolerance, native)
    found += beyond_acquisitions(live, modality, region, native)
    found += windowed(window, modality, task)
    found += without_unit(window, live, modality)
    return found + list(hiding(live, task))


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
    named = {
        name: transform
        for name, transform in live.items()
        if claim_of(transform.contract(modality), flag).bound is None
    }
    if flag is Flag.LATERALITY and bounds_of(named).signs == {1}:
        # Two mirrors that always come together are half a turn: the side stays what it was.
        named = {name: each for name, each in named.items() if each.kind != "flip"}
    found = [
        violation(
            CODES[flag],
            {name: transform},
            allowed="not at all",
            reason=f"{transform.kind} breaks {flag.value} on {modality}",
        )
        for name, transform in named.items()
    ]
    if flag is Flag.HU_TEXTURE and len(twice := _resampling(live)) > 1:
        reason = "voxels may be interpolated once, and these do it one after the other"
        found.append(violation(CODES[flag], twice, allowed="one resampling", reason=reason))
    return found


def _resampling(live: Transforms) -> Transforms:
    """Return who interpolates: all spatial transforms count as one, for they are fused."""
    spatial: dict[str, Transform] = {
        name: each
        for name, each in live.items()
        if isinstance(each, SpatialTransform) and each.kind not in {"translation", "flip", "rot90"}
    }
    return {**dict(list(spatial.items())[:1]), **{n: e for n, e in live.items() if _again(e)}}


def _again(transform: object) -> bool:
    return isinstance(transform, HasResampling) and transform.resamples()
