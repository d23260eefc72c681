"""Pairs of two series, measured: whether both show one place, and by what they differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from medcl.augment.contract import Flag, claim_of
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.evaluation.audit.controls import ControlResult
from medcl.evaluation.audit.findings import Finding, Measured, by_patient, findings_of
from medcl.evaluation.audit.partner_controls import PartnerControls
from medcl.evaluation.audit.partner_report import Census, MeasuredDifference, PartnerSummary
from medcl.evaluation.audit.partner_scene import beside, placed, viewed
from medcl.evaluation.measures.anatomy import Case
from medcl.evaluation.measures.series import DIFFERENCES, series_differences
from medcl.evaluation.quantities.partners import partner_quantities_of, place_limit_mm

__all__ = ["Census", "PartnerAudit", "PartnerSummary", "audit_partners"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerAudit:
    """What was found of a cohort's partners.

    Attributes:
        summary: How many there are, and by what they differ.
        findings: Whether both show one place, with limits.
        not_measured: Quantities that no figure was given for.
        control_results: What became of each control.
    """

    summary: PartnerSummary
    findings: tuple[Finding, ...]
    not_measured: tuple[str, ...]
    control_results: tuple[ControlResult, ...]


def audit_partners(
    policy: Policy,
    pairs: Iterable[tuple[Case, Case]],
    *,
    census: Census,
    task: TaskProfile = TaskProfile.GENERIC,
    draws: int = 4,
    corners: int = 2,
    seed: int = 0,
) -> PartnerAudit:
    """Measure pairs of two volumes of a patient in one frame of reference.

    Args:
        policy: One with partners.
        pairs: Each a volume and a partner of it; one is held in memory at a time.
        census: How many volumes of the cohort have a partner.
        task: What the encoder is for.
        draws: Random draws of two views per pair of volumes.
        corners: Draws at the corners of all ranges.
        seed: Seed of the draws.

    Returns:
        What was found; no findings where there are no pairs.

    Raises:
        ValueError: The policy has no partners.
    """
    if policy.partner is None:
        raise ValueError(f"The policy {policy.name} must have partners to be audited; it has none.")
    measured, differing = Measured(), Measured()
    controls = PartnerControls(policy, task, seed)
    patients: list[str] = []
    num_found = 0
    for first, second in pairs:
        pair = beside(first, second, policy)
        patients.append(pair.patient)
        found = placed(pair, policy)
        measured.add(pair.patient, found.figures)
        steps = draws + corners
        seen = viewed(pair, policy, seed=seed, steps=steps, corners=range(draws, steps))
        for figures in seen:
            measured.add(pair.patient, figures or {})
            num_found += figures is not None
        if found.shared is not None:
            scans = pair.first, pair.second
            figures = series_differences(*scans, found.shared, policy.modality)
            differing.add(pair.patient, figures)
        controls.see(pair, found)
    quantities = partner_quantities_of(policy)
    findings = findings_of(measured, policy, task, quantities)
    summary = PartnerSummary(
        census=census,
        probability=policy.partner.probability,
        num_pairs=len(patients),
        num_patients=len(set(patients)),
        num_drawn=len(patients) * (draws + corners),
        num_found=num_found,
        limit_mm=place_limit_mm(policy),
        kept=_kept(policy, findings),
        differences=_differences(differing),
        unproven=controls.unproven(),
    )
    names = {each.name for each in findings}
    return PartnerAudit(
        summary=summary,
        findings=tuple(findings),
        not_measured=tuple(
            each.name for each in quantities.values() if patients and each.name not in names
        ),
        control_results=tuple(controls.results()),
    )


def _kept(policy: Policy, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return what partners claim to keep exactly and a figure here is about."""
    if policy.partner is None:
        return ()
    claims = policy.partner.contract()
    measured = {each.flag for each in findings}
    return tuple(
        flag.value
        for flag in Flag
        if claim_of(claims, flag).bound == 0
        and claim_of(claims, flag).has_evidence
        and flag.value in measured
    )


def _differences(measured: Measured) -> tuple[MeasuredDifference, ...]:
    found = []
    for each in DIFFERENCES:
        if each.name not in measured.values:
            continue
        pairs = measured.values[each.name]
        values = np.array([value for _, value in pairs])
        mean, interval = by_patient([patient for patient, _ in pairs], values)
        found.append(
            MeasuredDifference(
                name=each.name,
                title=each.title,
                unit=each.unit,
                flag=each.flag.value,
                mean=mean,
                interval=interval,
                smallest=float(values.min()),
                largest=float(values.max()),
                num_pairs=len(values),
                is_ratio=each.is_ratio,
            )
        )
    return tuple(found)
