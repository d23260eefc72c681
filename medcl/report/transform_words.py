"""Transforms in a radiologist's words: ranges with units, causes, and what each of them keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from medcl.augment.contract import Claim, Flag, PolicyModality, claim_of
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.native_noise import drowned, native_noise
from medcl.augment.transforms.catalogue import Transform
from medcl.report.policy_words import FLAGS, quantities_of, spoken

KEPT, CHANGED, UNKNOWN, NO_BOUND = "kept", "changed", "unknown", "no bound"
"""What a column of the table of claims says, beside `WITHIN` an amount."""

WITHIN = "off by up to "
"""Beginning of a claim that has a bound."""

_UNITS = {"mm": "mm", "degrees": "°", "hu": "HU", "suv": "SUV", "ms": "ms", "t": "T"}
_SHARES = {"fraction", "share", "strength", "overlap", "coverage", "intensity", "alpha", "cov"}
_TIMES = {"zoom", "factor", "gain", "ratio", "slope", "width"}
_SAID = {
    "min_overlap": "shared by both views at least",
    "min_body_fraction": "inside of the body at least",
    "max_degrees": "up to",
    "max_mm": "up to",
    "sd_hu": "standard deviation",
    "sd_fraction": "standard deviation, in parts of the range of values",
    "sigma_mm": "standard deviation",
    "alpha": "outer part of k-space",
    "high_band_gain": "detail finer than 2.5 mm",
    "liver_cov": "coefficient of variation in the liver",
    "peak_per_mm": "strongest at, in cycles per mm",
}
"""Parameters whose name is no word that a radiologist would use."""

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
        claims: By quantity of the modality: ``kept``, ``off by up to`` an amount, ``changed``, or
            in sampling's own words.
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
            f"{name}: {claim}" if claim != CHANGED else name
            for name, claim in self.claims.items()
            if claim != KEPT
        ]
        return "; ".join(parts) or "nothing measurable"


def transform_words(policy: Policy, facts: DataFacts | None = None) -> list[TransformWords]:
    """Return every transform of a policy in words, in the order of application.

    Args:
        policy: The policy.
        facts: Of the volumes it is used on, for how noisy they are: the same noise drowns more
            beside less.

    Returns:
        One per transform.

    Example:
        >>> from medcl.augment.defaults import ct_strict
        >>> from medcl.augment.grid import ViewGrid
        >>> grid = ViewGrid(size_voxels=(8, 8, 8), spacing_mm=(1.0, 1.0, 1.0))
        >>> [words.ranges for words in transform_words(ct_strict(grid=grid))][:3]
        ['shared by both views at least 50 %', 'up to 10 °', 'zoom 0.986 to 1.014 times']
    """
    native = native_noise(policy.modality, policy.region, facts)
    return [_in_words(name, each, policy.modality, native) for name, each in policy.named.items()]


def _in_words(
    name: str, transform: Transform, modality: PolicyModality, native: float | None
) -> TransformWords:
    contract = transform.contract(modality)
    claims = {flag: claim_of(contract, flag) for flag in quantities_of(modality)}
    faint = claims[Flag.LOWCONTRAST_CNR]
    if faint.bound:
        claims[Flag.LOWCONTRAST_CNR] = replace(faint, bound=drowned(transform, faint.bound, native))
    return TransformWords(
        name=spoken(name),
        ranges=", ".join(_ranges(transform)),
        how_often=_how_often(transform),
        cause=_cause(transform),
        claims={FLAGS[flag]: _claimed(claim) for flag, claim in claims.items()},
    )


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
        return _SAID.get(field) or spoken(" ".join(words[:-1])), _UNITS[words[-1]]
    if words[-1] in _SHARES:
        return _SAID.get(field) or spoken(field), "%"
    return _SAID.get(field) or spoken(field), "times" if words[-1] in _TIMES else ""


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
    if claim.bound is not None and not claim.has_evidence:
        return UNKNOWN
    if not claim.bound:
        return CHANGED if claim.bound is None else KEPT
    unit = _CLAIM_UNITS.get(claim.unit, claim.unit)
    value = 100 * claim.bound if unit == "%" else claim.bound
    return f"{WITHIN}{value:.3g} {unit}".strip()
