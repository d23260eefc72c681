"""`medcl audit`: policy + store → measured safety report, contact sheet of views."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from medcl.augment.policy import Policy, require_safe
from medcl.augment.tasks import TaskProfile
from medcl.augment.verdict import Verdict
from medcl.build.cohorts import cohort_rows
from medcl.build.policies import accepted_of, facts_of, policy_of, stored_modality
from medcl.config.audit import AuditConfig
from medcl.config.writing import plain, write
from medcl.errors import PolicyError
from medcl.evaluation.safety import Case, SafetyReport, audit_views
from medcl.report.contact_sheet import write_contact_sheet
from medcl.report.sheet_rows import sheet_rows
from medcl.runtime.files import write_bytes, write_json
from medcl.runtime.seeds import derive_seed
from medcl.stages.progress import ProgressSink
from medcl.stages.run_folder import RunFolder, content_digest
from medcl.stages.summary import Figure, StageSummary, Table, Written
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import source_of
from medcl.tracking.tracker import Tracker

REPORT = "audit.json"
SENTENCES = "audit.txt"
CONTACT_SHEET = "contact_sheet.png"


def run(config: AuditConfig, *, progress: ProgressSink) -> StageSummary:
    """Check a policy against its task, then measure what its views do on real volumes.

    Args:
        config: Settings.
        progress: Shows how far it is.

    Returns:
        The measured figures and where the contact sheet is.

    Raises:
        PolicyError: The policy breaks what the task needs, by its contract or as measured; or
            nobody can say whether it does; or a control that must fail passed, so that the audit
            proves nothing.
    """
    store = Store.open(config.store)
    policy = policy_of(config.policy)
    rows = cohort_rows(store, config.cohort, modality=stored_modality(policy))
    verdict = require_safe(
        policy,
        TaskProfile(config.task),
        facts=facts_of(rows),
        accepted=accepted_of(config.accept_unknown),
    )
    rows = _of_many_patients(rows, config.volumes, config.seed)
    settings = {
        name: value
        for name, value in plain(config).items()
        if name not in {"name", "store", "runs", "machine", "tracking"}
    }
    inputs = {"settings": settings, "volumes": content_digest(rows)}
    run_folder = RunFolder.open(config.runs / config.name, stage="audit", inputs=inputs)
    if (found := run_folder.finished()) is not None:
        note = "This audit is finished already; nothing was done."
        return _summary(run_folder.folder, cast("dict[str, Figure]", found), note)
    write(config, run_folder.folder / "settings.yaml")
    with progress.task("Reading", total=len(rows), unit="volumes") as advance:
        cases = []
        for row in rows:
            cases.append(_case(store, row))
            advance()
    with progress.task("Measuring", total=len(cases), unit="volumes") as advance:
        report = audit_views(policy, cases, draws=config.views_per_volume, seed=config.seed)
        advance(len(cases))
    _keep(run_folder.folder, config, policy, verdict, cases, report)
    _require_sound(report)
    figures = _figures(report)
    _track(config, run_folder.folder, policy, figures)
    run_folder.finish(figures)
    return _summary(run_folder.folder, figures, tables=[_table(report)])


def sentences(report: SafetyReport) -> list[str]:
    """Return what an audit found, as a report shows it."""
    failing = [finding for finding in report.findings if finding.status == "fail"]
    lines = [
        f"Policy {report.policy_name} measured on {report.num_volumes} volumes of "
        f"{report.num_patients} patients, {report.num_draws} random and {report.num_corners} "
        f"extreme pairs of views each.",
        f"{len(report.findings)} quantities measured, {len(failing)} beyond their limit; "
        f"{sum(report.controls.values())} of {len(report.controls)} controls failed as they must.",
    ]
    lines += [
        f"{finding.name.replace('_', ' ')}: mean {finding.mean:.3g}, worst {finding.worst:.3g} "
        f"{finding.unit} (limit {finding.limit:.3g})."
        for finding in report.findings
        if finding.status != "pass"
    ]
    return lines


def _of_many_patients(rows: Sequence[VolumeRow], count: int, seed: int) -> list[VolumeRow]:
    """Return volumes of different patients first, chosen by the seed."""
    shuffled = sorted(rows, key=lambda row: derive_seed(seed, "audit", row.word))
    seen: dict[str, int] = {}
    ranked = []
    for row in shuffled:
        seen[row.patient_key] = seen.get(row.patient_key, 0) + 1
        ranked.append((seen[row.patient_key], row))
    return [row for _, row in sorted(ranked, key=lambda pair: pair[0])[:count]]


def _case(store: Store, row: VolumeRow) -> Case:
    volume = store.read(row.key)
    return Case(
        source=source_of(row),
        patient=row.patient_key,
        array=volume.array.astype("float32"),
        validity=volume.validity,
    )


def _keep(
    folder: Path,
    config: AuditConfig,
    policy: Policy,
    verdict: Verdict,
    cases: Sequence[Case],
    report: SafetyReport,
) -> None:
    shown = [
        row
        for number, case in enumerate(cases[: config.contact_sheet.volumes], start=1)
        for row in sheet_rows(
            policy,
            case.source,
            case.array,
            case=number,
            validity=case.validity,
            seed=config.seed,
        )
    ]
    write_contact_sheet(folder / CONTACT_SHEET, shown, title=f"Views of policy {policy.name}")
    content = json.loads(json.dumps(report.to_json(), default=str))
    judged = {"task": config.task, "policy": policy.to_json(), "verdict": verdict.to_json()}
    write_json(folder / REPORT, {**judged, **content})
    write_bytes(folder / SENTENCES, "\n".join(sentences(report)).encode())


def _require_sound(report: SafetyReport) -> None:
    passed = [name for name, failed in report.controls.items() if not failed]
    if passed:
        raise PolicyError(
            f"An audit must catch every control; it missed {', '.join(passed)} and is void. "
            f"More volumes or more views may be needed."
        )
    failing = [finding for finding in report.findings if finding.status == "fail"]
    if failing:
        worst = failing[0]
        raise PolicyError(
            f"Measured on {report.num_volumes} volumes, {len(failing)} quantities are beyond what "
            f"is safe, such as {worst.name}: worst {worst.worst:.3g} {worst.unit}, limit "
            f"{worst.limit:.3g}. The contact sheet and audit.json show all of them."
        )


def _figures(report: SafetyReport) -> dict[str, Figure]:
    return {
        "policy": report.policy_name,
        "policy_hash": report.policy_hash,
        "volumes": report.num_volumes,
        "patients": report.num_patients,
        "quantities": len(report.findings),
        "warnings": sum(finding.status == "warn" for finding in report.findings),
        "controls_failed_as_they_must": sum(report.controls.values()),
    }


def _table(report: SafetyReport) -> Table:
    return Table(
        ("quantity", "unit", "mean", "99 %", "worst", "limit", "verdict"),
        [
            (
                finding.name.replace("_", " "),
                finding.unit,
                round(finding.mean, 4),
                round(finding.p99, 4),
                round(finding.worst, 4),
                finding.limit,
                finding.status,
            )
            for finding in report.findings
        ],
        title=f"Policy {report.policy_name}, measured",
    )


def _track(config: AuditConfig, folder: Path, policy: Policy, figures: dict[str, Figure]) -> None:
    if not config.tracking.enabled:
        return
    tracker = Tracker.open(config.runs, project=config.tracking.experiment)
    experiment = tracker.experiment("audit")
    run_id = tracker.create_run(experiment, config.name, {"medcl.kind": "audit"})
    tracker.log(run_id, params={"policy": policy.to_json(), "found": figures})
    for name in (CONTACT_SHEET, REPORT):
        tracker.client.log_artifact(run_id, str(folder / name))
    tracker.finish(run_id)


def _summary(
    folder: Path, figures: dict[str, Figure], *notes: str, tables: Sequence[Table] = ()
) -> StageSummary:
    return StageSummary(
        stage="audit",
        figures=figures,
        notes=notes,
        tables=tables,
        written=[
            Written("contact sheet", folder / CONTACT_SHEET),
            Written("report", folder / REPORT),
        ],
        next_command="medcl pretrain CONFIG.yaml",
    )
