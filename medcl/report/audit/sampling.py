"""Sampling on the page of an audit: how views are read out of scans, and what that excludes."""

from collections.abc import Sequence

from medcl.augment.checking import check_policy
from medcl.augment.contract import Flag
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.source_geometry import SourceGeometry
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.sampled_views import SampledViews, sampled_views
from medcl.report import page
from medcl.report.audit.claims import claim_mark
from medcl.report.policy_words import AXES, FLAGS, TASKS, is_foreign, on_patient
from medcl.report.sampling_words import along_axes, claimed, reasons, span

_ELSE = "side, position, size, topology, field of view"
_NEEDS = {"SC011": "as spacing of the views: "}
_UNCHECKED = (
    "UNKNOWN: how far apart the voxels of the volumes lie is not known. Whether density and "
    "texture survive sampling was not checked."
)


def sampling(policy: Policy, facts: DataFacts) -> str:
    """Return how views are read out of the scans of a cohort, and what that keeps.

    Args:
        policy: The policy.
        facts: Of the volumes; without their geometry everything is unknown.

    Returns:
        HTML.
    """
    every = sampled_views(policy, facts)
    intro = (
        "Each view is read out of its scan once, as a workstation reformats slices (multiplanar "
        "reformation, MPR): unless both have the same grid, a voxel of the view is a weighted "
        "mean of the scan's voxels around it."
    )
    parts = ["<h3>Sampling: how views are read out of the scans</h3>", page.paragraphs([intro])]
    if facts.geometry is None:
        parts.append(page.paragraphs([_UNCHECKED], kind="warning"))
    for each in every:
        if len(every) > 1:
            name = "Local views" if each.is_local else "Large views"
            parts.append(f"<h4>{name}</h4>")
        if facts.geometry is not None:
            parts += [_spacings(each, facts.geometry, facts.volumes), _open(policy, each)]
        parts.append(_kept(policy, each))
    if facts.geometry is not None:
        parts.append(page.paragraphs([_excluded(policy, facts)]))
    return "".join(parts)


def _spacings(sampled: SampledViews, geometry: SourceGeometry, volumes: int) -> str:
    rows = [
        [axis, span(fine, coarse), f"{view:.4g}", what]
        for axis, fine, coarse, view, what in zip(
            AXES,
            geometry.finest_mm,
            geometry.coarsest_mm,
            sampled.spacing_mm,
            along_axes(sampled, geometry),
            strict=True,
        )
    ]
    scans = f"voxels of the scans (mm), all {volumes} of the cohort"
    header = ["along", scans, "voxels of the views (mm)", "so that"]
    tilted = (
        f"Voxels of the scans lie turned by up to {geometry.tilt_degrees:.2g}° against the "
        f"patient, and views do not: neighbours are blended along all axes."
    )
    said = [] if geometry.is_upright else [tilted]
    return page.table(header, rows, kind="prose") + page.paragraphs(said)


def _open(policy: Policy, sampled: SampledViews) -> str:
    if sampled.unknown is None:
        return ""
    said = (
        f"UNKNOWN: nobody can say by how much sampling moves {FLAGS[Flag.HU_CALIBRATION]} of "
        f"{policy.modality}: {on_patient(sampled.unknown)}."
    )
    return page.paragraphs([said], kind="warning")


def _kept(policy: Policy, sampled: SampledViews) -> str:
    modality = policy.modality
    rows: list[Sequence[object]] = [
        [FLAGS[flag], claim_mark(claimed(sampled, flag, modality)), why]
        for flag, why in reasons(sampled, modality).items()
    ]
    why = "Each place is shown once, where the transforms put it, by no value beyond those around."
    rows.append([_ELSE, claim_mark("kept"), why])
    return page.table(["quantity", "sampling", "why"], rows, kind="prose")


def _excluded(policy: Policy, facts: DataFacts) -> str:
    """Return which tasks sampling excludes without any transform, and what would not."""
    tasks: dict[str, list[str]] = {}
    unknown: list[str] = []
    for task in (each for each in TaskProfile if not is_foreign(each, policy.modality)):
        verdict = check_policy(policy, task, facts=facts)
        short = TASKS[task].split(":")[0]
        for each in verdict.violations:
            needs = _NEEDS.get(each.code, "") + each.allowed
            if each.transform == "sampling" and short not in tasks.get(needs, ()):
                tasks.setdefault(needs, []).append(short)
        if any(_is_of_sampling(each.flag, policy, facts) for each in verdict.open):
            unknown.append(short)
    said = [
        f"Sampling by itself excludes: {', '.join(names)}. It would take {needs}."
        for needs, names in tasks.items()
    ]
    if unknown:
        said.append(f"Until somebody answers for it, it leaves unknown: {', '.join(unknown)}.")
    return " ".join(said) or "Sampling by itself excludes no task."


def _is_of_sampling(flag: Flag, policy: Policy, facts: DataFacts) -> bool:
    is_open = any(each.unknown is not None for each in sampled_views(policy, facts))
    return flag is Flag.HU_CALIBRATION and is_open
