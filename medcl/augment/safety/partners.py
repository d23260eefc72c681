"""What a partner from another series teaches: that acquisition and contrast do not matter."""

from medcl.augment.contract import Flag, PolicyModality, claim_of
from medcl.augment.partner import WHY_BROKEN, OtherSeries
from medcl.augment.safety.tasks import TaskProfile, meaningless_flags, required_flags
from medcl.augment.safety.verdict import CODES, Unknown, Violation


def find_partner_violations(
    partner: OtherSeries, *, modality: PolicyModality, task: TaskProfile
) -> list[Violation]:
    """Return what a task needs and two series of one patient do not have in common.

    Args:
        partner: How partners are drawn; nothing is wrong with one that never is.
        modality: What the volumes are.
        task: What the encoder is for.

    Returns:
        Violations, none if safe.
    """
    contract = partner.contract()
    return [
        Violation(
            code=CODES[flag],
            transform="partner",
            parameter="probability",
            found=f"{partner.probability:g}",
            allowed="0",
            reason=f"two series of a patient do not share {flag.value}: {WHY_BROKEN[flag]}",
        )
        for flag in _needed(partner, modality, task)
        if claim_of(contract, flag).bound is None
    ]


def find_partner_unknowns(
    partner: OtherSeries, *, modality: PolicyModality, task: TaskProfile
) -> list[Unknown]:
    """Return what a task needs and nobody can say of two series of one patient.

    Args:
        partner: How partners are drawn.
        modality: What the volumes are.
        task: What the encoder is for.

    Returns:
        One per flag, in the order of `Flag`.
    """
    contract = partner.contract()
    return [
        Unknown(
            flag,
            "the partner of a view is another series, which may not show the same lesion: another "
            "phase, thicker slices, another breath",
        )
        for flag in _needed(partner, modality, task)
        if not claim_of(contract, flag).has_evidence
    ]


def _needed(partner: OtherSeries, modality: PolicyModality, task: TaskProfile) -> list[Flag]:
    if partner.probability == 0:
        return []
    absent = meaningless_flags(task, modality)
    return [flag for flag in required_flags(task, modality) if flag not in absent]
