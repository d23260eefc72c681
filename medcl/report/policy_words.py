"""A policy in a radiologist's words: tasks, quantities, and what it excludes for which reason."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medcl.augment.checking import NOTHING_ACCEPTED, Accepted, check_policy
from medcl.augment.contract import Flag, PolicyModality
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.tasks import TaskProfile, meaningless_flags
from medcl.augment.safety.verdict import CODES, Violation

TASKS: Mapping[TaskProfile, str] = {
    TaskProfile.GENERIC: "a task not named yet: any but those excluded",
    TaskProfile.LATERAL: "the side of disease: left or right, lobes, situs",
    TaskProfile.DENSITY: "density: emphysema, fat, haemorrhage, calcium, bone mineral",
    TaskProfile.SIZE: "size: nodule diameter, RECIST, aneurysm, organ volume, atrophy",
    TaskProfile.FOCAL: "whether a small lesion is there: nodule, metastasis, microbleed",
    TaskProfile.TEXTURE: "texture: radiomics, interstitial pattern, trabecular bone",
    TaskProfile.SUV_ABSOLUTE: "absolute uptake: SUV, PERCIST",
    TaskProfile.SUV_RATIO: "ratios of uptake: Deauville, SUVR, tumour to background",
    TaskProfile.SUV_TOTAL: "total uptake: MTV, TLG",
    TaskProfile.CONTRAST_CLASS: "contrast class: bright or dark lesion, phase, T1 or T2",
    TaskProfile.QUANTITATIVE_MR: "quantitative MR: ADC, T1 and T2 maps, fat fraction",
    TaskProfile.SHAPE: "shape: Cobb angle, sphericity, wall thickness, stenosis",
    TaskProfile.ACQUISITION: "acquisition: scanner, protocol, image quality, artefacts",
}
"""What each task profile is about, to be read after "valid for" or "not valid for"."""

FLAGS: Mapping[Flag, str] = {
    Flag.HU_CALIBRATION: "density (calibrated values)",
    Flag.HU_TEXTURE: "noise and texture",
    Flag.LATERALITY: "left and right",
    Flag.ORIENTATION: "position of the patient",
    Flag.PHYSICAL_SCALE: "size in mm",
    Flag.SPACING_TRUTH: "voxel size",
    Flag.TOPOLOGY: "topology (no folds)",
    Flag.LESION_MASS: "share of a lesion in both views",
    Flag.UPTAKE_ABS: "absolute uptake",
    Flag.UPTAKE_RATIO: "ratios of uptake",
    Flag.UPTAKE_TOTAL: "total uptake",
    Flag.LOWCONTRAST_CNR: "contrast of faint lesions",
    Flag.CONTRAST_POLARITY: "bright stays bright",
    Flag.FOV_TRUTH: "no invented anatomy",
    Flag.FINITE_RANGE: "possible values only",
}
"""Each quantity of the contract in words."""

AXES = ("right to left", "back to front", "feet to head")
"""Patient axes, as they stand in a table."""

_BY_CODE = {code: flag for flag, code in CODES.items()}
_PART = re.compile(r"(up to )(\d\S*)( of the)")
_LIMIT = re.compile(r"(\(limit )([^)]*)(\))")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWords:
    """What a policy may and may not be used for, in words.

    Attributes:
        valid: Tasks that survive it.
        excluded: Tasks that do not, each with the reasons.
        foreign: Tasks that the modality does not have.
    """

    valid: tuple[str, ...]
    excluded: tuple[tuple[str, str], ...]
    foreign: tuple[str, ...]


def task_words(
    policy: Policy, *, facts: DataFacts | None = None, accepted: Accepted = NOTHING_ACCEPTED
) -> TaskWords:
    """Return for what a policy is valid, by the very check that stops a run.

    Args:
        policy: The policy.
        facts: Of the volumes it is used on.
        accepted: Per flag, why its being unknown is accepted.

    Returns:
        Every task profile in one of three places.
    """
    valid, excluded, foreign = [], [], []
    for task in TaskProfile:
        verdict = check_policy(policy, task, facts=facts, accepted=accepted)
        if is_foreign(task, policy.modality):
            foreign.append(TASKS[task])
        elif verdict.is_safe:
            valid.append(TASKS[task])
        else:
            unknown = [
                f"{FLAGS[each.flag]} unknown: {on_patient(each.reason)}" for each in verdict.open
            ]
            reasons = [*because(verdict.violations), *unknown]
            excluded.append((TASKS[task], "; ".join(reasons)))
    return TaskWords(valid=tuple(valid), excluded=tuple(excluded), foreign=tuple(foreign))


def is_foreign(task: TaskProfile, modality: PolicyModality) -> bool:
    """Return whether a modality does not have what a task is about.

    Example:
        >>> is_foreign(TaskProfile.SUV_TOTAL, "CT"), is_foreign(TaskProfile.SIZE, "CT")
        (True, False)
    """
    is_map = task is TaskProfile.QUANTITATIVE_MR and modality != "MR_QUANTITATIVE"
    return is_map or bool(meaningless_flags(task, modality))


def spoken(name: str) -> str:
    """Return an identifier as words.

    Example:
        >>> spoken("hu_drift_lung")
        'HU drift lung'
    """
    words = name.replace("_", " ").replace("-", " ")
    return re.sub(r"\b(hu|suv|ct|mr|pt|fov|cnr|snr|iou)\b", lambda found: found[0].upper(), words)


def on_patient(reason: str) -> str:
    """Return a reason with its axes as a radiologist names them.

    Example:
        >>> on_patient("along z voxels 1 mm apart are drawn together")
        'from feet to head voxels 1 mm apart are drawn together'
    """
    for axis, words in zip("xyz", AXES, strict=True):
        reason = reason.replace(f"along {axis} ", f"from {words} ")
    return reason


def quantities_of(modality: PolicyModality) -> list[Flag]:
    """Return the quantities that a modality has, in the order of `Flag`."""
    return [flag for flag in Flag if _has(modality, flag)]


def _has(modality: PolicyModality, flag: Flag) -> bool:
    """Return whether a modality has a quantity at all: CT has no uptake."""
    is_uptake = flag.value.startswith("uptake")
    is_density = flag is Flag.HU_CALIBRATION
    if modality == "PT":
        return not is_density
    return not is_uptake and not (is_density and modality in {"MR_WEIGHTED", "OT"})


def because(violations: Sequence[Violation]) -> list[str]:
    """Return each reason to refuse once in words, with every transform that has it."""
    guilty: dict[tuple[str, str], list[str]] = {}
    for violation in violations:
        reason, name = _reason(violation), spoken(violation.transform).replace("+", " and ")
        guilty.setdefault((reason, violation.code), []).append(name)
    return [
        f"{reason}: {', '.join(names)} ({code})".replace(" by: ", " by ")
        for (reason, code), names in guilty.items()
    ]


def _reason(violation: Violation) -> str:
    known = _BY_CODE.get(violation.code)
    # A departure by an amount says more than the name of the quantity.
    if known is None or "departs" in violation.reason:
        return _plainly(violation.reason)
    if violation.transform == "sampling":
        return f"{FLAGS[known]}: {violation.reason}"
    return f"{FLAGS[known]} changed by"


def _plainly(reason: str) -> str:
    """Return a reason with the names of quantities and tasks as words, and parts in per cent."""
    for flag, words in FLAGS.items():
        reason = reason.replace(flag.value, words)
    for task in TaskProfile:
        reason = reason.replace(f"the task {task.value} ", "this task ")
    reason = (
        spoken(reason).replace("departs by up to", "may be off by up to").replace(" deg ", "° ")
    )
    if not _PART.search(reason):
        return reason
    for part in (_PART, _LIMIT):
        reason = part.sub(
            lambda found: f"{found[1]}{100 * float(found[2]):.3g} %{found[3]}", reason
        )
    return reason
