"""Controls: harm that an audit must find, and harmless views that it must let pass.

They are done to real voxels of the volumes that are audited, by code that shares nothing with the
transforms of a policy. An audit that misses one of them proves nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.evaluation.audit.control_list import (
    Control,
    Outcome,
    Views,
    controls_of,
    local_controls_of,
)
from medcl.evaluation.audit.findings import Finding, Measured, findings_of
from medcl.evaluation.audit.scene import scene_of
from medcl.evaluation.measures.anatomy import Anatomy, Case
from medcl.evaluation.measures.local_view import measure_local, measure_local_pair
from medcl.evaluation.measures.view import measure_pair, measure_view
from medcl.evaluation.quantities.local import LOCAL, local_quantities_of
from medcl.evaluation.quantities.quantity import Quantity
from medcl.evaluation.quantities.table import quantities_of

_MOST_CASES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """What became of one control.

    Attributes:
        name: What was done.
        must: Whether it must ``fail`` or ``pass``.
        task: For which task.
        found: What it did.
        figure: The figure that told, or the first of those that could have.
        title: What people call it.
        unit: Of its values.
        is_ratio: Whether values near 1 are good.
        is_lowest: Whether large values are good.
        worst: Its worst value.
        limit: Its limit.
    """

    name: str
    must: Outcome
    task: str
    found: Outcome
    figure: str
    title: str
    unit: str
    is_ratio: bool
    is_lowest: bool
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
    plain = [scene.view() for scene in scenes]
    before = [measure_view(view) for view in plain]

    def seen(control: Control) -> Measured:
        measured = Measured()
        for scene, still, known in zip(scenes, plain, before, strict=True):
            for view in control.views(scene):
                figures = measure_view(view)
                measured.add(scene.case.patient, figures)
                measured.add(scene.case.patient, measure_pair(still, view, (known, figures)))
        return measured

    still_policy = replace(policy, transforms=(), partner=None)
    return _results(
        controls_of(policy.modality), seen, still_policy, quantities_of(still_policy), prefix=""
    )


def run_local_controls(
    policy: Policy,
    cases: Sequence[Case],
    anatomies: Sequence[Anatomy],
    *,
    measured: Collection[str],
) -> list[ControlResult]:
    """Run the controls on views as small as the local ones, beside a global view unharmed.

    Args:
        policy: One with local views.
        cases: The volumes that are audited.
        anatomies: What is where in them.
        measured: Names of the figures that the policy's own local views gave. What could not be
            measured on them has nothing to be proven.

    Returns:
        One result per control that has something to prove.
    """
    if policy.local is None:
        return []
    # A small view in the midst of a tissue has no edges to tell its side by, one at edges no depth.
    scenes = [
        scene_of(policy, case, anatomy, policy.local.size_voxels, at_edges=at_edges)
        for case, anatomy in list(zip(cases, anatomies, strict=True))[:_MOST_CASES]
        for at_edges in (False, True)
    ]
    around = [scene.surroundings() for scene in scenes]
    before = [measure_view(view) for view in around]

    def seen(control: Control) -> Measured:
        measured = Measured()
        for scene, whole, known in zip(scenes, around, before, strict=True):
            for view in control.views(scene):
                figures = measure_local(view)
                pair = measure_local_pair(view, whole, (figures, known), is_inside=True)
                measured.add(scene.case.patient, figures)
                measured.add(scene.case.patient, pair)
        return measured

    proving = [
        each
        for each in local_controls_of(policy.modality)
        if each.must == "pass" or any(name.startswith(each.by) for name in measured)
    ]
    still_policy = replace(policy, transforms=(), partner=None)
    quantities = local_quantities_of(still_policy)
    return _results(proving, seen, still_policy, quantities, prefix=LOCAL)


def _results(
    controls: Sequence[Control],
    seen: Callable[[Control], Measured],
    policy: Policy,
    quantities: Mapping[str, Quantity],
    *,
    prefix: str,
) -> list[ControlResult]:
    """Return what became of controls; what several of them do is done once."""
    known: dict[Views, Measured] = {}
    results = []
    for control in controls:
        if control.views not in known:
            known[control.views] = seen(control)
        findings = findings_of(known[control.views], policy, control.task, quantities)
        name = f"local view, {control.name}" if prefix else control.name
        by = tuple(prefix + each for each in control.by)
        results.append(came_out(findings, name=name, must=control.must, task=control.task, by=by))
    return results


def came_out(
    findings: Sequence[Finding],
    *,
    name: str,
    must: Outcome,
    task: TaskProfile,
    by: tuple[str, ...] = (),
) -> ControlResult:
    """Return what became of a control.

    Args:
        findings: What was measured on what was done.
        name: What was done.
        must: What must come of it.
        task: For which task.
        by: Beginnings of the names of figures that may tell; all may by default.

    Returns:
        ``fail`` where one of them failed, and the figure that told.
    """
    told = [each for each in findings if not by or each.name.startswith(by)]
    failing = [each for each in told if each.status == "fail"]
    shown = next(iter(failing or told), None)
    return ControlResult(
        name=name,
        must=must,
        task=task.value,
        found="fail" if failing else "pass",
        figure="nothing could be measured" if shown is None else shown.name,
        title="nothing could be measured" if shown is None else shown.title,
        unit="" if shown is None else shown.unit,
        is_ratio=shown is not None and shown.is_ratio,
        is_lowest=shown is not None and shown.is_lowest,
        worst=0.0 if shown is None else shown.worst,
        limit=0.0 if shown is None else shown.limit,
    )
