"""`medcl audit`: policy + store → measured safety report, a page to sign, pictures of views."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from medcl.augment.checking import check_policy, require_safe
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.build.cohorts import cohort_rows
from medcl.build.policies import accepted_of, facts_of, policy_of, stored_modality
from medcl.config.audit import AuditConfig
from medcl.config.writing import write
from medcl.encoders.delivery import Delivered, read_encoder
from medcl.errors import PolicyError
from medcl.evaluation.audit.safety import Case, SafetyReport, audit_views
from medcl.report.contact_sheet import sheet_png
from medcl.report.sheet_rows import Shown, sheet_rows
from medcl.runtime.seeds import derive_seed
from medcl.shapes import LabelMap
from medcl.stages.audit_learning import difficulty_of, encoder_content
from medcl.stages.audit_papers import (
    CONTACT_SHEET,
    PAGE,
    REPORT,
    SENTENCES,
    keep,
    sentences,
    settings_of,
    track,
)
from medcl.stages.encoders import checksum, require_same_input
from medcl.stages.progress import ProgressSink
from medcl.stages.run_folder import RunFolder, content_digest
from medcl.stages.summary import Figure, StageSummary, Table, Written
from medcl.store.lesions import parts
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import source_of

__all__ = ["CONTACT_SHEET", "PAGE", "REPORT", "SENTENCES", "run"]


def run(config: AuditConfig, *, progress: ProgressSink) -> StageSummary:
    """Check a policy against its task, then measure what its views do on real volumes.

    Args:
        config: Settings. With an encoder the folder's name gets the beginning of its checksum, so
            that one settings file serves before and after pretraining.
        progress: Shows how far it is.

    Returns:
        The measured figures and where the page is.

    Raises:
        PolicyError: The policy breaks what the task needs, by its contract or as measured; or
            nobody can say whether it does; or a control did not come out as it must, so that the
            audit proves nothing.
    """
    store = Store.open(config.store)
    policy = policy_of(config.policy)
    delivered = _encoder(config, policy)
    every = cohort_rows(store, config.cohort, modality=stored_modality(policy))
    # An encoder may be probed for what an unsafe policy taught it; the page says what is broken.
    facts = facts_of(every, with_lesions=_marked(store, config))
    judge = require_safe if delivered is None else check_policy
    verdict = judge(
        policy,
        TaskProfile(config.task),
        facts=facts,
        accepted=accepted_of(config.accept_unknown),
    )
    rows = _of_many_patients(every, config.volumes, config.seed)
    inputs: dict[str, object] = {"settings": settings_of(config), "volumes": content_digest(rows)}
    if config.lesion_set is not None:
        inputs["lesions"] = store.label_digest(config.lesion_set)
    name = config.name
    if config.encoder is not None:
        inputs["encoder"] = checksum(config.encoder)
        name = f"{name}-{checksum(config.encoder)[:8]}"
    run_folder = RunFolder.open(config.runs / name, stage="audit", inputs=inputs)
    if (found := run_folder.finished()) is not None:
        note = "This audit is finished already; nothing was done."
        return _summary(run_folder.folder, cast("dict[str, Figure]", found), [note])
    write(config, run_folder.folder / "settings.yaml")
    cases, labels = _read(store, config, rows, progress)
    with progress.task("Measuring", total=len(cases), unit="volumes") as advance:
        report = audit_views(
            policy,
            cases,
            task=TaskProfile(config.task),
            draws=config.views_per_volume,
            seed=config.seed,
        )
        advance(len(cases))
    matched = _of_many_patients(every, config.difficulty.volumes, config.seed)
    difficulty = difficulty_of(config, policy, store=store, rows=matched, progress=progress)
    content: dict[str, object] = {
        **report.to_json(),
        "task": config.task,
        "policy": policy.to_json(),
        "verdict": verdict.to_json(),
        "facts": facts.to_json(),
        "difficulty": difficulty.to_json() if difficulty else None,
    }
    if delivered is not None:
        shown = _of_many_patients(every, config.probe.volumes, config.seed)
        content["encoder"] = encoder_content(
            config, delivered, policy, store=store, rows=shown, progress=progress
        )
    said = [*sentences(report), *([difficulty.sentence] if difficulty else [])]
    keep(run_folder.folder, config, content, _sheets(config, policy, cases, labels), said)
    track(run_folder.folder, config, content, fingerprint=run_folder.fingerprint)
    _require_sound(report)
    figures = _figures(report, content)
    run_folder.finish(figures)
    notes = _notes(content)
    return _summary(run_folder.folder, figures, notes, tables=[_table(report)])


def _encoder(config: AuditConfig, policy: Policy) -> Delivered | None:
    if config.encoder is None:
        return None
    delivered = read_encoder(config.encoder)
    require_same_input(delivered, policy)
    return delivered


def _of_many_patients(rows: Sequence[VolumeRow], count: int, seed: int) -> list[VolumeRow]:
    """Return volumes of different patients first, chosen by the seed."""
    shuffled = sorted(rows, key=lambda row: derive_seed(seed, "audit", row.word))
    seen: dict[str, int] = {}
    ranked = []
    for row in shuffled:
        seen[row.patient_key] = seen.get(row.patient_key, 0) + 1
        ranked.append((seen[row.patient_key], row))
    return [row for _, row in sorted(ranked, key=lambda pair: pair[0])[:count]]


def _marked(store: Store, config: AuditConfig) -> set[str]:
    """Return the keys of volumes whose lesions are known."""
    if config.lesion_set is None:
        return set()
    return {label.key for label in store.label_maps(config.lesion_set)}


def _read(
    store: Store, config: AuditConfig, rows: Sequence[VolumeRow], progress: ProgressSink
) -> tuple[list[Case], list[LabelMap | None]]:
    """Return the volumes and, where a label set marks lesions, their label maps."""
    marked = _marked(store, config)
    cases, labels = [], []
    with progress.task("Reading", total=len(rows), unit="volumes") as advance:
        for row in rows:
            volume = store.read(row.key)
            marks = None
            if config.lesion_set is not None and row.key in marked:
                marks = store.read_label_map(config.lesion_set, row.key)
            labels.append(marks)
            known = {} if marks is None else {row.key: parts(marks)}
            cases.append(
                Case(
                    source=source_of(row, known),
                    patient=row.patient_key,
                    array=volume.array.astype("float32"),
                    validity=volume.validity,
                    lesion=labels[-1],
                )
            )
            advance(1)
    return cases, labels


def _sheets(
    config: AuditConfig,
    policy: Policy,
    cases: Sequence[Case],
    labels: Sequence[LabelMap | None],
) -> list[bytes]:
    sheets = []
    for number, (case, outlined) in enumerate(zip(cases, labels, strict=True), start=1):
        if number > config.contact_sheet.volumes:
            break
        shown = Shown(source=case.source, array=case.array, validity=case.validity, labels=outlined)
        rows = sheet_rows(
            policy, shown, case=number, seed=config.seed, draws=config.contact_sheet.draws
        )
        sheets.append(sheet_png(rows, title=f"Views of policy {policy.name}: case {number}"))
    return sheets


def _require_sound(report: SafetyReport) -> None:
    missed = [name for name, good in report.controls.items() if not good]
    if missed:
        raise PolicyError(
            f"Every control of an audit must come out as it must; {', '.join(missed)} did not, and "
            f"the audit is void. More volumes or more views may be needed."
        )
    failing = [finding for finding in report.findings if finding.status == "fail"]
    if failing:
        worst = failing[0]
        raise PolicyError(
            f"Measured on {report.num_volumes} volumes, {len(failing)} quantities are beyond what "
            f"is safe, such as {worst.name}: worst {worst.worst:.3g} {worst.unit}, limit "
            f"{worst.limit:.3g}. {PAGE} and {REPORT} show all of them."
        )
    if report.breaches:
        said = " ".join(each.sentence for each in report.breaches)
        raise PolicyError(
            f"Measured on {report.num_volumes} volumes, {len(report.breaches)} declared bounds do "
            f"not hold, so that no check of this policy can be relied on. {said}"
        )


def _figures(report: SafetyReport, content: dict[str, object]) -> dict[str, Figure]:
    difficulty = cast("dict[str, Figure] | None", content["difficulty"])
    figures: dict[str, Figure] = {
        "policy": report.policy_name,
        "policy_hash": report.policy_hash,
        "volumes": report.num_volumes,
        "patients": report.num_patients,
        "quantities": len(report.findings),
        "warnings": sum(finding.status == "warn" for finding in report.findings),
        "controls_as_they_must": sum(report.controls.values()),
        "difficulty": difficulty["verdict"] if difficulty else None,
    }
    if "encoder" in content:
        encoder = cast("dict[str, list[str]]", content["encoder"])
        figures["encoder_warnings"] = len(encoder["warnings"])
    return figures


def _notes(content: dict[str, object]) -> list[str]:
    difficulty = cast("dict[str, str] | None", content["difficulty"])
    encoder = cast("dict[str, list[str]]", content.get("encoder", {}))
    few = "How hard the pairs are was not measured: that takes volumes of 4 patients or more."
    open_ends = cast("tuple[str, ...]", content["not_covered"])
    said = [difficulty["sentence"] if difficulty else few, *encoder.get("warnings", [])]
    return [*said, *open_ends]


def _table(report: SafetyReport) -> Table:
    return Table(
        ("quantity", "unit", "mean", "99 %", "worst", "limit", "verdict"),
        [
            (
                finding.title,
                finding.unit,
                round(finding.mean, 4),
                round(finding.p99, 4),
                round(finding.worst, 4),
                finding.limit,
                finding.status,
            )
            for finding in report.findings
            if finding.may_fail or finding.status != "pass"
        ],
        title=f"Policy {report.policy_name}, measured",
    )


def _summary(
    folder: Path,
    figures: dict[str, Figure],
    notes: Sequence[str],
    *,
    tables: Sequence[Table] = (),
) -> StageSummary:
    return StageSummary(
        stage="audit",
        figures=figures,
        notes=notes,
        tables=tables,
        written=[
            Written("page", folder / PAGE),
            Written("contact sheet", folder / CONTACT_SHEET),
            Written("report", folder / REPORT),
        ],
        next_command="medcl pretrain CONFIG.yaml",
    )
