"""`medcl audit`: policy + store → measured safety report, a page to sign, pictures of views."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from medcl.augment.checking import check_policy, require_safe
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.sampled_views import sampled_views
from medcl.build.policies import accepted_of, policy_of
from medcl.config.audit import AuditConfig
from medcl.config.writing import write
from medcl.encoders.delivery import Delivered, read_encoder
from medcl.errors import PolicyError
from medcl.evaluation.audit.partner_report import Census
from medcl.evaluation.audit.safety import Case, SafetyReport, audit_views
from medcl.report.contact_sheet import sheet_png
from medcl.report.sheet_rows import Shown, sheet_rows
from medcl.stages.audit_learning import difficulty_of, encoder_content
from medcl.stages.audit_papers import (
    CONTACT_SHEET,
    PAGE,
    REPORT,
    SENTENCES,
    Pictures,
    code_of,
    judged,
    keep,
    sentences,
    settings_of,
    track,
)
from medcl.stages.audit_partners import partners_measured
from medcl.stages.audit_selection import select
from medcl.stages.audit_volumes import marked, read_case
from medcl.stages.encoders import checksum, require_same_input
from medcl.stages.progress import ProgressSink
from medcl.stages.run_folder import RunFolder, content_digest
from medcl.stages.summary import Figure, StageSummary, Table, Written
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

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
    selection = select(store, config, policy, is_probed=delivered is not None)
    facts = selection.facts
    # An encoder may be probed for what an unsafe policy taught it; the page says what is broken.
    judge = require_safe if delivered is None else check_policy
    verdict = judge(
        policy,
        TaskProfile(config.task),
        facts=facts,
        accepted=accepted_of(config.accept_unknown),
    )
    inputs: dict[str, object] = {
        "settings": settings_of(config),
        # Of all that are selected: verdict, difficulty and probe rest on more than is viewed.
        "volumes": selection.manifest.digest,
        "lesions": selection.lesions,
    }
    if selection.pairs:
        inputs["partners"] = content_digest([row for pair in selection.pairs for row in pair])
    name = config.name
    if config.encoder is not None:
        inputs["encoder"] = checksum(config.encoder)
        name = f"{name}-{checksum(config.encoder)[:8]}"
    run_folder = RunFolder.open(config.runs / name, stage="audit", inputs=inputs)
    if (found := run_folder.finished()) is not None:
        note = "This audit is finished already; nothing was done."
        return _summary(run_folder.folder, cast("dict[str, Figure]", found), [note])
    write(config, run_folder.folder / "settings.yaml")
    cases = _read(store, config, selection.viewed, progress)
    with progress.task("Measuring", total=len(cases), unit="volumes") as advance:
        report = audit_views(
            policy,
            cases,
            task=TaskProfile(config.task),
            draws=config.views_per_volume,
            seed=config.seed,
            facts=facts,
        )
        advance(len(cases))
    partner_sheets: list[bytes] = []
    if policy.partner is not None:
        found_beside, partner_sheets = partners_measured(
            config,
            policy,
            store=store,
            census=Census(len(selection.every), len(selection.partners)),
            chosen=selection.pairs,
            progress=progress,
        )
        report = report.with_partners(found_beside)
    difficulty = difficulty_of(
        config,
        policy,
        store=store,
        rows=selection.matched,
        partners=selection.partners,
        progress=progress,
    )
    content: dict[str, object] = {
        **judged(report, verdict),
        "code": code_of(),
        "settings": settings_of(config),
        "data": selection.to_json(),
        "task": config.task,
        "policy": policy.to_json(),
        "facts": facts.to_json(),
        "sampling": [each.to_json() for each in sampled_views(policy, facts)],
        "difficulty": difficulty.to_json() if difficulty else None,
    }
    if delivered is not None:
        told = encoder_content(
            config, delivered, policy, store=store, rows=selection.probed, progress=progress
        )
        content["encoder"] = {"checksum": inputs["encoder"], **told}
    said = [*sentences(report), *([difficulty.sentence] if difficulty else [])]
    pictures = Pictures(_sheets(config, policy, cases), partner_sheets)
    keep(run_folder.folder, content, pictures, said)
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


def _read(
    store: Store, config: AuditConfig, rows: Sequence[VolumeRow], progress: ProgressSink
) -> list[Case]:
    known = marked(store, config)
    cases = []
    with progress.task("Reading", total=len(rows), unit="volumes") as advance:
        for row in rows:
            cases.append(read_case(store, config, row, known))
            advance(1)
    return cases


def _sheets(config: AuditConfig, policy: Policy, cases: Sequence[Case]) -> list[bytes]:
    sheets = []
    for number, case in enumerate(cases[: config.contact_sheet.volumes], start=1):
        shown = Shown(
            source=case.source, array=case.array, validity=case.validity, labels=case.lesion
        )
        title = f"Views of policy {policy.name}: case {number}"
        rows = sheet_rows(
            policy, shown, case=number, seed=config.seed, draws=config.contact_sheet.draws
        )
        # One picture a window, so that two of them can be read on a page of paper.
        sheets += [sheet_png([row], title=title) for row in rows]
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
    if report.partners is not None:
        figures["partner_pairs"] = report.partners.num_pairs
        figures["volumes_with_partner"] = round(report.partners.census.share, 4)
    if "encoder" in content:
        encoder = cast("dict[str, list[str]]", content["encoder"])
        figures["encoder_warnings"] = len(encoder["warnings"])
    return figures


def _notes(content: dict[str, object]) -> list[str]:
    difficulty = cast("dict[str, str] | None", content["difficulty"])
    encoder = cast("dict[str, list[str]]", content.get("encoder", {}))
    few = "How hard the pairs are was not measured: that takes volumes of 4 patients or more."
    open_ends = cast("tuple[str, ...]", content["not_covered"])
    partners = cast("dict[str, str] | None", content["partners"])
    paired = [
        each
        for each in (
            partners["sentence"] if partners else None,
            difficulty["partner_sentence"] if difficulty else None,
        )
        if each and each not in open_ends
    ]
    said = [difficulty["sentence"] if difficulty else few, *encoder.get("warnings", [])]
    return [*said, *paired, *open_ends]


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
