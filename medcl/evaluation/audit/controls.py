"""Controls: harm that an audit must find, and harmless views that it must let pass.

They are done to real voxels of the volumes that are audited, by code that shares nothing with the
transforms of a policy. An audit that misses one of them proves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from medcl.augment.policy import Policy
from medcl.evaluation.audit.control_list import Control, Outcome, Views, controls_of
from medcl.evaluation.audit.findings import Finding, Measured, findings_of
from medcl.evaluation.audit.scene import Scene, scene_of
from medcl.evaluation.measures.anatomy import Anatomy, Case
from medcl.evaluation.measures.observed import Observed
from medcl.evaluation.measures.view import measure_pair, measure_view

_MOST_CASES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """What became of one control.

    Attributes:
        name: What was done.
        must: Whether it must ``fail`` or ``pass``.
        task: For which task.
        found: What it did.
        figure: The figure that told, or the worst of those that could have.
        worst: Its worst value.
        limit: Its limit.
    """

    name: str
    must: Outcome
    task: str
    found: Outcome
    figure: str
    worst: float
    limit: float

    @property
    def is_as_it_must(self) -> bool:
        """Whether it came out as it must."""
        return self.found == self.must


def run_controls(
    policy: Policy, cases: Sequence[Case], anatomies: Sequence[Anatomy]
) -> list[ControlResult]:
    """Run every control on parts of a few volumes.

    Args:
        policy: Gives modality, region and window.
        cases: The volumes that are audited.
        anatomies: What is where in them.

    Returns:
        One result per control.
    """
    scenes = [
        scene_of(policy, case, anatomy)
        for case, anatomy in list(zip(cases, anatomies, strict=True))[:_MOST_CASES]
    ]
    still = [scene.view() for scene in scenes]
    seen: dict[Views, Measured] = {}
    results = []
    for control in controls_of(policy.modality):
        if control.views not in seen:
            seen[control.views] = _measured(control, scenes, still)
        findings = findings_of(seen[control.views], replace(policy, transforms=()), control.task)
        results.append(_result(control, findings))
    return results


def _measured(control: Control, scenes: Sequence[Scene], still: Sequence[Observed]) -> Measured:
    measured = Measured()
    for scene, plain in zip(scenes, still, strict=True):
        before = measure_view(plain)
        for view in control.views(scene):
            figures = measure_view(view)
            measured.add(scene.case.patient, figures)
            measured.add(scene.case.patient, measure_pair(plain, view, (before, figures)))
    return measured


def _result(control: Control, findings: Sequence[Finding]) -> ControlResult:
    told = [each for each in findings if not control.by or each.name.startswith(control.by)]
    failing = [each for each in told if each.status == "fail"]
    shown = next(iter(failing or told), None)
    return ControlResult(
        name=control.name,
        must=control.must,
        task=control.task.value,
        found="fail" if failing else "pass",
        figure="nothing could be measured" if shown is None else shown.name,
        worst=0.0 if shown is None else shown.worst,
        limit=0.0 if shown is None else shown.limit,
    )
