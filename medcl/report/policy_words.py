"""A policy in a radiologist's words: ranges with units, causes, what is kept, what it excludes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from medcl.augment.checking import NOTHING_ACCEPTED, Accepted, check_policy
from medcl.augment.contract import Claim, Flag, PolicyModality, claim_of
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.tasks import TaskProfile, meaningless_flags
from medcl.augment.safety.verdict import CODES, Violation
from medcl.augment.transforms.catalogue import Transform

TASKS: Mapping[TaskProfile, str] = {
    TaskProfile.GENERIC: "a task that nobody has named yet",
    TaskProfile.LATERAL: "the side of disease: left or right, lobes, situs",
    TaskProfile.DENSITY: "density: emphysema, fat, haemorrhage, calcium, bone mineral",
    TaskProfile.SIZE: "size: nodule diameter, RECIST, aneurysm, organ volume, atrophy",
    TaskProfile.FOCAL: "whether a small lesion is there: nodule, metastasis, microbleed",
    TaskProfile.TEXTURE: "texture: radiomics, interstitial pattern, trabecular bone",
    TaskProfile.SUV_ABSOLUTE: "absolute uptake: SUV, PERCIST",
    TaskProfile.SUV_RATIO: "ratios of uptake: Deauville, SUVR, tumour to background",
    TaskProfile.SUV_TOTAL: "total uptake: MTV, TLG",
    TaskProfile.CONTRAST_CLASS: "contrast class: T1 or T2, bright or dark lesion, phase",
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

KEPT, CHANGED = "kept", "changed"

_BY_CODE = {code: flag for flag, code in CODES.items()}
_UNITS = {"mm": "mm", "degrees": "°", "hu": "HU", "suv": "SUV", "ms": "ms", "t": "T"}
_SHARES = {"fraction", "share", "strength", "overlap", "coverage", "intensity", "alpha", "cov"}
_TIMES = {"zoom", "factor", "gain", "ratio", "slope", "width"}
_NO_RANGE = {"probability", "sharing", "unit"}
_NOTHING = (None, 0.0, "ignore")
_CLAIM_UNITS = {"deg": "°", "fraction": "%"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformWords:
    """One line of the table of transforms.

    Attributes:
        name: Of the transform.
        ranges: Every parameter with its range and unit.
        how_often: Share of views, and whether the batch shares the draw.
        cause: What happens to real patients and scanners that it imitates.
        claims: By quantity of the modality: ``kept``, ``within`` an amount, or ``changed``.
    """

    name: str
    ranges: str
    how_often: str
    cause: str
    claims: Mapping[str, str]

    @property
    def not_kept(self) -> str:
        """What does not stay exactly as it is, with its bound where there is one."""
        parts = [
            f"{name} {claim}" if claim != CHANGED else name
            for name, claim in self.claims.items()
            if claim != KEPT
        ]
        return ", ".join(parts) or "nothing measurable"


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


def transform_words(policy: Policy) -> list[TransformWords]:
    """Return every transform of a policy in words, in the order of application.

    Example:
        >>> from medcl.augment.defaults import ct_strict
        >>> from medcl.augment.grid import ViewGrid
        >>> grid = ViewGrid(size_voxels=(8, 8, 8), spacing_mm=(1.0, 1.0, 1.0))
        >>> [words.ranges for words in transform_words(ct_strict(grid=grid))][:3]
        ['min overlap 50 %', 'max 10 °', 'zoom 0.986 to 1.014 times']
    """
    return [_in_words(name, each, policy.modality) for name, each in policy.named.items()]


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
        is_map = task is TaskProfile.QUANTITATIVE_MR and policy.modality != "MR_QUANTITATIVE"
        if is_map or meaningless_flags(task, policy.modality):
            foreign.append(TASKS[task])
        elif verdict.is_safe:
            valid.append(TASKS[task])
        else:
            unknown = [f"{FLAGS[each.flag]} unknown: {each.reason}" for each in verdict.open]
            reasons = [*_because(verdict.violations), *unknown]
            excluded.append((TASKS[task], "; ".join(reasons)))
    return TaskWords(valid=tuple(valid), excluded=tuple(excluded), foreign=tuple(foreign))


def spoken(name: str) -> str:
    """Return an identifier as words.

    Example:
        >>> spoken("hu_drift_lung")
        'HU drift lung'
    """
    words = name.replace("_", " ").replace("-", " ")
    return re.sub(r"\b(hu|suv|ct|mr|pt|fov|cnr|snr|iou)\b", lambda found: found[0].upper(), words)


def _in_words(name: str, transform: Transform, modality: PolicyModality) -> TransformWords:
    contract = transform.contract(modality)
    claims = {flag: claim_of(contract, flag) for flag in Flag if _has(modality, flag)}
    return TransformWords(
        name=spoken(name),
        ranges=", ".join(_ranges(transform)),
        how_often=_how_often(transform),
        cause=_cause(transform),
        claims={FLAGS[flag]: _claimed(claim) for flag, claim in claims.items()},
    )


def _has(modality: PolicyModality, flag: Flag) -> bool:
    """Return whether a modality has a quantity at all: CT has no uptake."""
    is_uptake = flag.value.startswith("uptake")
    is_density = flag is Flag.HU_CALIBRATION
    if modality == "PT":
        return not is_density
    return not is_uptake and not (is_density and modality in {"MR_WEIGHTED", "OT"})


def _ranges(transform: Transform) -> Sequence[str]:
    stated = getattr(transform, "unit", None)
    found = []
    for field in fields(transform):
        value = getattr(transform, field.name)
        if field.name in _NO_RANGE or value in _NOTHING:
            continue
        words, unit = _named(field.name)
        if field.name == "amount" and stated:
            words, unit = "", "%" if stated == "fraction" else str(stated)
        if field.name == "transform":
            words, value = "", spoken(value)
        is_share = unit == "%"
        ends = value if isinstance(value, tuple) else (value,)
        shown = " to ".join(_number(end, is_share=is_share) for end in dict.fromkeys(ends))
        found.append(" ".join(part for part in (words, shown, unit) if part))
    return found


def _named(field: str) -> tuple[str, str]:
    """Return a field's name without its unit, and the unit."""
    words = field.split("_")
    if words[-1] in _UNITS:
        return spoken(" ".join(words[:-1])), _UNITS[words[-1]]
    if words[-1] in _SHARES:
        return spoken(field), "%"
    return spoken(field), "times" if words[-1] in _TIMES else ""


def _number(value: object, *, is_share: bool) -> str:
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        return str(value)
    return f"{100 * value:g}" if is_share else f"{value:g}"


def _how_often(transform: Transform) -> str:
    probability = getattr(transform, "probability", 1.0)
    often = "every view" if probability == 1 else f"{100 * probability:g} % of views"
    shared = getattr(transform, "sharing", "independent") == "batch"
    return f"{often}, one draw for a whole batch" if shared else often


def _cause(transform: Transform) -> str:
    stated = str(getattr(transform, "cause", ""))
    summary = (type(transform).__doc__ or "").strip().split("\n")[0]
    return stated or summary


def _claimed(claim: Claim) -> str:
    if not claim.bound:
        return CHANGED if claim.bound is None else KEPT
    unit = _CLAIM_UNITS.get(claim.unit, claim.unit)
    value = 100 * claim.bound if unit == "%" else claim.bound
    return f"within {value:.3g} {unit}".strip()


def _because(violations: Sequence[Violation]) -> list[str]:
    """Return each reason once, with every transform that has it."""
    guilty: dict[tuple[str, str], list[str]] = {}
    for violation in violations:
        known = _BY_CODE.get(violation.code)
        # A departure by an amount says more than the name of the quantity.
        if known is None or "departs" in violation.reason:
            reason = _plainly(violation.reason)
        else:
            reason = f"{FLAGS[known]} changed by"
        guilty.setdefault((reason, violation.code), []).append(spoken(violation.transform))
    return [
        f"{reason}: {', '.join(names)} ({code})".replace(" by: ", " by ")
        for (reason, code), names in guilty.items()
    ]


def _plainly(reason: str) -> str:
    """Return a reason with the names of quantities and tasks as words."""
    for flag, words in FLAGS.items():
        reason = reason.replace(flag.value, words)
    return spoken(reason)
