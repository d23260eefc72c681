"""What an audit found: findings, controls, declared bounds, and whether the policy is safe."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from medcl.evaluation.audit.controls import ControlResult
from medcl.evaluation.audit.declared import Declared
from medcl.evaluation.audit.findings import Finding
from medcl.evaluation.audit.partner_report import PartnerSummary
from medcl.evaluation.audit.partners import PartnerAudit

PARTNERS_NOT_COVERED = (
    "Partners were not measured: every pair here is of one volume, that of the pictures and of the "
    "difficulty too, while in pretraining a second view may be of another series of the patient."
)
"""What an audit says of a policy with partners before it has looked at any."""

LOCAL_NOT_COVERED = (
    "Local views that lie in a partner were not measured as such; local views were, of the volumes "
    "alone."
)
"""What it says of local views, once it has."""


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
        num_local: Local views per draw; 0 where the policy has none.
        failure_rate_below: What failed in no pair of views happens in at most this share of pairs,
            at 95 % confidence: 3 by their number.
        findings: Figures.
        not_measured: Quantities that these volumes or this window give no figure for.
        control_results: What became of each control.
        declared: What each transform declares, beside what it was measured to do alone.
        local_left_out: Quantities that say nothing of local views, and why; none without any.
        not_covered: What the policy does and no figure here is about, one sentence each.
        partners: What was measured of pairs of two series; ``None`` for a policy without partners,
            or where nobody looked.
    """

    policy_name: str
    policy_hash: str
    modality: str
    task: str
    num_patients: int
    num_volumes: int
    num_draws: int
    num_corners: int
    num_local: int
    failure_rate_below: float
    findings: tuple[Finding, ...]
    not_measured: tuple[str, ...]
    control_results: tuple[ControlResult, ...]
    declared: tuple[Declared, ...]
    local_left_out: Mapping[str, str] = field(default_factory=dict)
    not_covered: tuple[str, ...] = ()
    partners: PartnerSummary | None = None

    def with_partners(self, found: PartnerAudit) -> "SafetyReport":
        """Return the report with what was measured of pairs of two series."""
        return replace(
            self,
            findings=(*self.findings, *found.findings),
            not_measured=(*self.not_measured, *found.not_measured),
            control_results=(*self.control_results, *found.control_results),
            not_covered=_not_covered(self, found.summary),
            partners=found.summary,
        )

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
            "partners": None if self.partners is None else self.partners.to_json(),
            "is_void": self.is_void,
            "is_safe": self.is_safe,
        }


def _not_covered(report: SafetyReport, found: PartnerSummary) -> tuple[str, ...]:
    """Return what no figure is about once partners were looked for."""
    others = tuple(each for each in report.not_covered if each != PARTNERS_NOT_COVERED)
    if not found.num_pairs:
        return (*others, found.sentence)
    local = (LOCAL_NOT_COVERED,) if report.num_local else ()
    return (*others, *local, *found.unproven)
