"""What an audit leaves: JSON, the page that is signed, pictures, sentences, a run in MLflow."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import medcl
from medcl.augment.contract import CONTRACT_VERSION
from medcl.augment.safety.verdict import Verdict
from medcl.config.audit import AuditConfig
from medcl.config.writing import plain
from medcl.evaluation.audit.safety import SafetyReport
from medcl.report.audit.page import Surroundings, audit_page
from medcl.report.contact_sheet import stacked_png
from medcl.runtime.files import write_bytes, write_json
from medcl.runtime.own_source import source_digest
from medcl.tracking.audit_runs import AuditRun, log_audit
from medcl.tracking.tracker import Tracker

REPORT = "audit.json"
PAGE = "audit.html"
SENTENCES = "audit.txt"
CONTACT_SHEET = "contact_sheet.png"

_PLACES = {"name", "store", "runs", "machine", "tracking", "encoder"}

Content = Mapping[str, Any]


class Pictures(NamedTuple):
    """Contact sheets, as PNG files."""

    views: Sequence[bytes]
    partners: Sequence[bytes]


def settings_of(config: AuditConfig) -> dict[str, object]:
    """Return the settings that decide the result: neither names nor places nor machines."""
    return {name: value for name, value in plain(config).items() if name not in _PLACES}


def judged(report: SafetyReport, verdict: Verdict) -> dict[str, object]:
    """Return what was measured with what the contract says: safe is what both call safe.

    An encoder may be asked what views taught it that are refused by their contract. Measured alone
    they may pass, and a machine that reads the file would take them for safe.

    Args:
        report: What was measured.
        verdict: Of the contract.

    Returns:
        Plain dictionaries, lists, text and numbers.
    """
    is_safe = report.is_safe and verdict.is_safe
    return {**report.to_json(), "verdict": verdict.to_json(), "is_safe": is_safe}


def code_of() -> dict[str, object]:
    """Return what measures: the version, the contract's version, and a hash of the source."""
    return {
        "medcl": medcl.__version__,
        "contract_version": CONTRACT_VERSION,
        "source": source_digest(),
    }


def report_digest(path: Path) -> str:
    """Return the SHA-256 of a report's bytes, as its page names it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sentences(report: SafetyReport) -> list[str]:
    """Return what an audit found, as a report shows it."""
    failing, warned = (
        sum(finding.status == status for finding in report.findings) for status in ("fail", "warn")
    )
    lines = [
        f"Policy {report.policy_name} measured on {report.num_volumes} volumes of "
        f"{report.num_patients} patients, {report.num_draws} random and {report.num_corners} "
        f"extreme pairs of views each.",
        f"{len(report.findings)} quantities measured: {failing} beyond what is safe, {warned} with "
        f"a warning; {sum(report.controls.values())} of {len(report.controls)} controls came "
        f"out as they must.",
    ]
    lines += [
        f"{'Not safe' if finding.status == 'fail' else 'Warning'}, {finding.title}: mean "
        f"{finding.mean:.3g}, worst {finding.worst:.3g} {finding.unit}; {finding.limit:.3g} would "
        f"pass."
        for finding in report.findings
        if finding.status != "pass"
    ]
    paired = [] if report.partners is None else [report.partners.sentence]
    return lines + [each.sentence for each in report.breaches] + paired


def keep(folder: Path, content: Content, pictures: Pictures, said: Sequence[str]) -> None:
    """Write everything into the folder of the run.

    Args:
        folder: Of the run.
        content: What was found; becomes ``audit.json``, and the page is made of what that holds.
        pictures: One per case, and one per pair of two series.
        said: Sentences for a study's report.
    """
    stored: Content = json.loads(json.dumps(content, allow_nan=False))
    encoder = " --encoder ENCODER" if "encoder" in stored else ""
    write_json(folder / REPORT, stored)
    given = Surroundings(
        report_digest=report_digest(folder / REPORT),
        sheets=pictures.views,
        partner_sheets=pictures.partners,
        commands=(
            f"medcl audit settings.yaml{encoder}",
            f"medcl audit settings.yaml{encoder} --verify {REPORT}",
        ),
    )
    write_bytes(folder / PAGE, audit_page(stored, given).encode())
    write_bytes(folder / CONTACT_SHEET, stacked_png([*pictures.views, *pictures.partners]))
    write_bytes(folder / SENTENCES, "\n".join(said).encode())


def track(folder: Path, config: AuditConfig, content: Content, *, fingerprint: str) -> None:
    """Show the audit in MLflow, where that is wanted.

    Args:
        folder: Of the run.
        config: Settings.
        content: What was found.
        fingerprint: Of the inputs.
    """
    if not config.tracking.enabled:
        return
    verdict = "void" if content["is_void"] else "safe" if content["is_safe"] else "not safe"
    audit = AuditRun(
        name=folder.name,
        fingerprint=fingerprint,
        verdict=verdict,
        params=_params(content),
        metrics=_metrics(content),
        files=[folder / name for name in (PAGE, REPORT, CONTACT_SHEET)],
    )
    log_audit(Tracker.open(config.runs, project=config.tracking.experiment), audit)


def _params(content: Content) -> dict[str, object]:
    """Return settings, and what the audit is of; the marks of volumes stand in the JSON only."""
    data = content["data"]
    named = {
        name: {each: of[each] for each in ("digest", "volumes", "patients")}
        for name, of in {"selected": data["selected"], **data["parts"]}.items()
    }
    return {
        **content["settings"],
        "policy_hash": content["policy_hash"],
        "code": content["code"],
        "data": named | {"lesions": data["lesions"]},
    }


def _metrics(content: Content) -> dict[str, float]:
    found = {f"safety/{each['name']}_worst": each["worst"] for each in content["findings"]}
    difficulty = content["difficulty"]
    if content["partners"] is not None:
        found["partners/share_of_volumes"] = content["partners"]["share"]
        for each in content["partners"]["differences"]:
            found[f"partners/{each['name']}_mean"] = each["mean"]
    if difficulty is not None and difficulty["partner_share"] is not None:
        found["difficulty/partner_share"] = difficulty["partner_share"]
    for name in ("untrained", "trained"):
        if difficulty is not None and difficulty[name] is not None:
            for figure in ("r_at_1", "mrr", "loss_position"):
                found[f"difficulty/{name}_{figure}"] = difficulty[name][figure]
    for probe in content["encoder"]["probes"] if "encoder" in content else ():
        found[f"encoder/{probe['name']}"] = probe["value"]
        found[f"encoder/{probe['name']}_untrained"] = probe["untrained"]
    return found
