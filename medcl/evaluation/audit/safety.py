"""A policy measured on real volumes: what its views really do, in HU, SUV, mm and degrees.

The static check of a policy says what its contract promises; this measures the pictures. Random
draws are joined by draws of parameter corners, figures are per patient, and controls that must
fail or pass are run every time: an audit that cannot tell them apart is void.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.views import Drawn, Source, draw, draw_locals
from medcl.evaluation.audit.controls import ControlResult, run_controls, run_local_controls
from medcl.evaluation.audit.declared import Declared
from medcl.evaluation.audit.enclosure import enclosures
from medcl.evaluation.audit.findings import Finding, Measured, failure_rate_below, findings_of
from medcl.evaluation.audit.report import PARTNERS_NOT_COVERED, SafetyReport
from medcl.evaluation.measures.anatomy import Anatomy, Case, anatomy_of
from medcl.evaluation.measures.local_view import measure_local, measure_local_pair
from medcl.evaluation.measures.observed import Observed, observe
from medcl.evaluation.measures.view import measure_pair, measure_view
from medcl.evaluation.quantities.local import LEFT_OUT, local_quantities_of
from medcl.evaluation.quantities.table import quantities_of

__all__ = ["Case", "ControlResult", "Declared", "Finding", "SafetyReport", "audit_views"]

_MOST_CASES = 3
_DECLARED_DRAWS, _DECLARED_CORNERS = 1, 4
"""Few: a bound is reached at the corners of the ranges, and each transform is drawn alone."""


def audit_views(
    policy: Policy,
    cases: Sequence[Case],
    *,
    task: TaskProfile = TaskProfile.GENERIC,
    draws: int = 20,
    corners: int = 8,
    seed: int = 0,
    facts: DataFacts | None = None,
) -> SafetyReport:
    """Measure a policy on volumes.

    Args:
        policy: The policy.
        cases: Volumes of its modality, all with the same number of channels.
        task: What the encoder is for.
        draws: Random draws of two views per volume.
        corners: Draws of two views per volume at the corners of all ranges.
        seed: Seed of the draws.
        facts: Of the whole cohort, for how noisy its scans are; the region of the policy says so
            else.

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
    local_anatomies = _of_local_views(policy, cases, anatomies)
    measured, local = Measured(), Measured()
    for is_corner, count in ((False, draws), (True, corners)):
        for step in range(count):
            which = _Which(policy, seed, step, is_corner)
            pairs = _measure(which, cases, anatomies, measured)
            if policy.local is not None:
                _measure_local(which, cases, local_anatomies, pairs, local)
    findings = findings_of(measured, policy, task)
    wanted = list(quantities_of(policy))
    results = run_controls(policy, cases, anatomies)
    if policy.local is not None:
        quantities = local_quantities_of(policy)
        findings += findings_of(local, policy, task, quantities)
        wanted += [each.name for each in quantities.values()]
        results += run_local_controls(policy, cases, local_anatomies, measured=local.values)
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
        num_local=0 if policy.local is None else policy.local.count,
        local_left_out={} if policy.local is None else LEFT_OUT,
        not_covered=() if policy.partner is None else (PARTNERS_NOT_COVERED,),
        failure_rate_below=failure_rate_below(0, len(cases) * (draws + corners)),
        findings=tuple(findings),
        not_measured=tuple(name for name in wanted if name not in names),
        control_results=tuple(results),
        declared=tuple(
            enclosures(
                policy,
                cases[:_MOST_CASES],
                anatomies[:_MOST_CASES],
                draws=_DECLARED_DRAWS,
                corners=_DECLARED_CORNERS,
                seed=seed,
                facts=facts,
            )
        ),
    )


@dataclass(frozen=True, slots=True)
class _Which:
    """Which draw of a policy is measured."""

    policy: Policy
    seed: int
    step: int
    corners: bool

    def view(self, sources: Sequence[Source], view: int) -> Drawn:
        """Return a global view of every source."""
        return draw(
            self.policy,
            sources,
            seed=self.seed,
            step=self.step,
            view=view,
            corners=self.corners,
        )

    def local(self, sources: Sequence[Source], number: int) -> Drawn:
        """Return a local view of every source."""
        return draw_locals(
            self.policy,
            sources,
            seed=self.seed,
            step=self.step,
            number=number,
            corners=self.corners,
        )


_Seen = tuple[Observed, Mapping[str, float]]
"""A view and its figures."""


def _measure(
    which: _Which, cases: Sequence[Case], anatomies: Sequence[Anatomy], measured: Measured
) -> list[tuple[_Seen, _Seen]]:
    """Return two views of every case with their figures, which are added to what is measured."""
    sources = [case.source for case in cases]
    views = [observe(which.view(sources, view), cases, anatomies) for view in (0, 1)]
    seen: list[tuple[_Seen, _Seen]] = []
    for case, first, second in zip(cases, *views, strict=True):
        figures = measure_view(first), measure_view(second)
        for each in figures:
            measured.add(case.patient, each)
        measured.add(case.patient, measure_pair(first, second, figures))
        seen.append(((first, figures[0]), (second, figures[1])))
    return seen


def _measure_local(
    which: _Which,
    cases: Sequence[Case],
    anatomies: Sequence[Anatomy],
    pairs: Sequence[tuple[_Seen, _Seen]],
    measured: Measured,
) -> None:
    """Draw every local view of every case and add what is measured, against both global views."""
    local = which.policy.local
    sources = [case.source for case in cases]
    for number in range(0 if local is None else local.count):
        views = observe(which.local(sources, number), cases, anatomies)
        for case, view, pair in zip(cases, views, pairs, strict=True):
            figures = measure_local(view)
            measured.add(case.patient, figures)
            for place, (around, known) in enumerate(pair):
                is_inside = place == number % 2
                found = measure_local_pair(view, around, (figures, known), is_inside=is_inside)
                measured.add(case.patient, found)


def _of_local_views(
    policy: Policy, cases: Sequence[Case], anatomies: Sequence[Anatomy]
) -> list[Anatomy]:
    """Return what is where, with borders as wide as the spacing of local views makes them."""
    if policy.local is None or policy.local.spacing_mm == policy.grid.spacing_mm:
        return list(anatomies)
    spacing = policy.local.spacing_mm
    return [anatomy_of(case, policy.modality, spacing, policy.window) for case in cases]
