"""A policy measured on real volumes: what its views really do, in HU, SUV, mm and degrees.

The static check of a policy says what its contract promises; this measures the pictures. Random
draws are joined by draws of parameter corners, figures are per patient, and controls that must
fail or pass are run every time: an audit that cannot tell them apart is void.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.views import draw
from medcl.evaluation.audit.controls import ControlResult, run_controls
from medcl.evaluation.audit.enclosure import Declared, enclosures
from medcl.evaluation.audit.findings import Finding, Measured, failure_rate_below, findings_of
from medcl.evaluation.measures.anatomy import Anatomy, Case, anatomy_of
from medcl.evaluation.measures.observed import observe
from medcl.evaluation.measures.view import measure_pair, measure_view
from medcl.evaluation.quantities.table import quantities_of

__all__ = ["Case", "ControlResult", "Declared", "Finding", "SafetyReport", "audit_views"]

_MOST_CASES = 3
_DECLARED_DRAWS, _DECLARED_CORNERS = 1, 4
"""Few: a bound is reached at the corners of the ranges, and each transform is drawn alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyReport:
    """What an audit found.

    Attributes:
        policy_name: Name of the policy.
        policy_hash: Its hash.
        modality: What the volumes are.
        task: What the encoder is for; what it does not need warns at most.
        num_patients: Patients measured.
        num_volumes: Volumes measured.
        num_draws: Random draws per volume.
        num_corners: Corner draws per volume.
        failure_rate_below: What failed in no pair of views happens in at most this share of pairs,
            at 95 % confidence: 3 by their number.
        findings: Figures.
        not_measured: Quantities that these volumes or this window give no figure for.
        control_results: What became of each control.
        declared: What each transform declares, beside what it was measured to do alone.
    """

    policy_name: str
    policy_hash: str
    modality: str
    task: str
    num_patients: int
    num_volumes: int
    num_draws: int
    num_corners: int
    failure_rate_below: float
    findings: tuple[Finding, ...]
    not_measured: tuple[str, ...]
    control_results: tuple[ControlResult, ...]
    declared: tuple[Declared, ...]

    @property
    def controls(self) -> Mapping[str, bool]:
        """Whether each control came out as it must: bad views fail, good ones pass."""
        return {each.name: each.is_as_it_must for each in self.control_results}

    @property
    def breaches(self) -> tuple[Declared, ...]:
        """Declared bounds that do not enclose what was measured: contracts that are wrong here."""
        return tuple(each for each in self.declared if not each.is_enclosed)

    @property
    def is_void(self) -> bool:
        """Whether a control did not come out as it must: then the audit proves nothing."""
        return not all(self.controls.values())

    @property
    def is_safe(self) -> bool:
        """Whether nothing failed and every declared bound holds, in an audit that is not void.

        A bound that does not hold makes the check before a run worthless for this policy: it may
        have passed for what is not so.
        """
        if self.is_void or self.breaches:
            return False
        return all(each.status != "fail" for each in self.findings)

    def to_json(self) -> dict[str, object]:
        """Return plain dictionaries, lists, text and numbers."""
        declared = [
            asdict(each) | {"is_enclosed": each.is_enclosed, "sentence": each.sentence}
            for each in self.declared
        ]
        return {
            **asdict(self),
            "controls": dict(self.controls),
            "control_results": [
                asdict(each) | {"is_as_it_must": each.is_as_it_must}
                for each in self.control_results
            ],
            "declared": declared,
            "breaches": [each for each in declared if not each["is_enclosed"]],
            "is_void": self.is_void,
            "is_safe": self.is_safe,
        }


def audit_views(
    policy: Policy,
    cases: Sequence[Case],
    *,
    task: TaskProfile = TaskProfile.GENERIC,
    draws: int = 20,
    corners: int = 8,
    seed: int = 0,
) -> SafetyReport:
    """Measure a policy on volumes.

    Args:
        policy: The policy.
        cases: Volumes of its modality, all with the same number of channels.
        task: What the encoder is for.
        draws: Random draws of two views per volume.
        corners: Draws of two views per volume at the corners of all ranges.
        seed: Seed of the draws.

    Returns:
        The report.

    Raises:
        ValueError: No case was given.
    """
    if not cases:
        raise ValueError("An audit needs at least one volume, got none.")
    anatomies = [
        anatomy_of(case, policy.modality, policy.grid.spacing_mm, policy.window) for case in cases
    ]
    measured = Measured()
    for is_corner, count in ((False, draws), (True, corners)):
        for step in range(count):
            _measure(policy, cases, anatomies, measured, seed=seed, step=step, corners=is_corner)
    findings = findings_of(measured, policy, task)
    names = {each.name for each in findings}
    return SafetyReport(
        policy_name=policy.name,
        policy_hash=policy.hash,
        modality=policy.modality,
        task=task.value,
        num_patients=len({case.patient for case in cases}),
        num_volumes=len(cases),
        num_draws=draws,
        num_corners=corners,
        failure_rate_below=failure_rate_below(0, len(cases) * (draws + corners)),
        findings=tuple(findings),
        not_measured=tuple(name for name in quantities_of(policy) if name not in names),
        control_results=tuple(run_controls(policy, cases, anatomies)),
        declared=tuple(
            enclosures(
                policy,
                cases[:_MOST_CASES],
                anatomies[:_MOST_CASES],
                draws=_DECLARED_DRAWS,
                corners=_DECLARED_CORNERS,
                seed=seed,
            )
        ),
    )


def _measure(
    policy: Policy,
    cases: Sequence[Case],
    anatomies: Sequence[Anatomy],
    measured: Measured,
    *,
    seed: int,
    step: int,
    corners: bool,
) -> None:
    """Draw two views of every case and add what is measured on them."""
    sources = [case.source for case in cases]
    pairs = [
        observe(
            draw(policy, sources, seed=seed, step=step, view=view, corners=corners),
            cases,
            anatomies,
        )
        for view in (0, 1)
    ]
    for case, first, second in zip(cases, *pairs, strict=True):
        figures = measure_view(first), measure_view(second)
        for each in figures:
            measured.add(case.patient, each)
        measured.add(case.patient, measure_pair(first, second, figures))
