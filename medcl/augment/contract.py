"""What a transform promises about the picture it makes: the words of the safety contract.

A contrastive loss teaches the encoder to ignore whatever differs between two views, so it is not
enough that each view looks right: what may differ has to be said, per quantity, with a unit. What
a transform does not declare counts as broken.

Density is that of level tissue: a gain or an offset moves it, a filter does not. What filters do
within a tissue is texture; the one that samples views has a bound of its own on what it moves, see
`medcl.augment.safety.sampling`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

CONTRACT_VERSION = 5
"""Part of every policy's hash; raised whenever a claim, tolerance or rule changes."""

PolicyModality = Literal["CT", "MR_WEIGHTED", "MR_QUANTITATIVE", "PT", "OT"]
"""Weighted MR is unitless, a quantitative map (T1, ADC, …) is as calibrated as CT."""

Region = Literal["body", "head"]
"""How far a patient may turn, and whether the gantry may be tilted."""

Sharing = Literal["independent", "batch"]
"""Whether each view has its own parameters or one step's whole batch has the same.

Sharing within a pair only is not offered: it would let the network match the parameter instead of
the anatomy.
"""


class Flag(StrEnum):
    """A quantity that a transform can preserve or break."""

    HU_CALIBRATION = "hu_calibration"
    HU_TEXTURE = "hu_texture"
    LATERALITY = "laterality"
    ORIENTATION = "orientation"
    PHYSICAL_SCALE = "physical_scale"
    SPACING_TRUTH = "spacing_truth"
    TOPOLOGY = "topology"
    LESION_MASS = "lesion_mass"
    UPTAKE_ABS = "uptake_abs"
    UPTAKE_RATIO = "uptake_ratio"
    UPTAKE_TOTAL = "uptake_total"
    LOWCONTRAST_CNR = "lowcontrast_cnr"
    CONTRAST_POLARITY = "contrast_polarity"
    FOV_TRUTH = "fov_truth"
    FINITE_RANGE = "finite_range"


PLACE = (
    Flag.LATERALITY,
    Flag.ORIENTATION,
    Flag.PHYSICAL_SCALE,
    Flag.SPACING_TRUTH,
    Flag.TOPOLOGY,
)
"""Where anatomy lies and how large it is."""

VALUES = (Flag.HU_CALIBRATION, Flag.UPTAKE_ABS, Flag.UPTAKE_RATIO, Flag.CONTRAST_POLARITY)
"""What level tissue has."""

SHOWN = (Flag.FOV_TRUTH, Flag.FINITE_RANGE)
"""That nothing is shown which was not measured."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one transform promises about one flag.

    Attributes:
        bound: Largest departure from the truth within one view, in `unit`; 0 means preserved
            exactly, ``None`` means broken.
        unit: Unit of the bound: HU, mm, deg, or a fraction.
        has_evidence: Whether a test or a source stands behind it; a claim without one is UNKNOWN.
    """

    bound: float | None
    unit: str = ""
    has_evidence: bool = True


Contract = Mapping[Flag, Claim]

EXACT = Claim(0.0)
BREAKS = Claim(None)


def bounded(bound: float, unit: str) -> Claim:
    """Return the claim that a flag departs from the truth by at most ``bound``.

    Example:
        >>> bounded(3.0, "HU")
        Claim(bound=3.0, unit='HU', has_evidence=True)
    """
    return Claim(abs(bound), unit)


def keeping(*exact: Flag, **claims: Claim) -> Contract:
    """Return a contract of what is named; every other flag breaks.

    Args:
        exact: Flags that are preserved exactly.
        claims: Flags, by their value, with another claim.

    Returns:
        One claim per flag.

    Raises:
        ValueError: A flag is claimed twice, or there is no such flag.

    Example:
        >>> contract = keeping(*PLACE, lesion_mass=bounded(0.1, "fraction"))
        >>> contract[Flag.LATERALITY].bound, contract[Flag.LESION_MASS].bound
        (0.0, 0.1)
        >>> contract[Flag.HU_TEXTURE].bound is None
        True
    """
    named = [*(flag.value for flag in exact), *claims]
    if len(set(named)) < len(named) or not set(named) <= set(Flag):
        raise ValueError(f"A contract must claim each flag once at most, got {', '.join(named)}.")
    return {flag: claims.get(flag.value, EXACT if flag in exact else BREAKS) for flag in Flag}


def claim_of(contract: Contract, flag: Flag) -> Claim:
    """Return the claim for a flag; undeclared means broken.

    Example:
        >>> claim_of({}, Flag.LATERALITY) is BREAKS
        True
    """
    return contract.get(flag, BREAKS)
