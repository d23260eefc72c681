"""Audits in MLflow: what was found as parameters and metrics, the page and the JSON as files."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medcl.tracking.tracker import Measurement, Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRun:
    """One audit as it is shown.

    Attributes:
        name: Of the run.
        fingerprint: Of its inputs; an audit that is repeated replaces the run before.
        verdict: ``safe``, ``not safe`` or ``void``.
        params: Policy and settings, no paths.
        metrics: Figures by name.
        files: The page, its machine-readable twin and the pictures.
    """

    name: str
    fingerprint: str
    verdict: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    files: Sequence[Path]


def log_audit(tracker: Tracker, audit: AuditRun) -> str:
    """Show an audit, whatever came of it: one that failed is worth seeing too.

    Args:
        tracker: Where to.
        audit: What to show.

    Returns:
        The id of its run; an earlier one of the same inputs is replaced.
    """
    experiment = tracker.experiment("audit")
    for old in tracker.find(experiment, fingerprint=audit.fingerprint):
        tracker.client.delete_run(old.info.run_id)
    tags = {
        "medcl.kind": "audit",
        "medcl.fingerprint": audit.fingerprint,
        "medcl.verdict": audit.verdict,
    }
    now_ms = int(time.time() * 1000)
    measured = [Measurement(name, value, 0, now_ms) for name, value in audit.metrics.items()]
    with tracker.run(experiment, audit.name, tags) as run_id:
        tracker.log(run_id, measured, params=audit.params)
        for path in audit.files:
            tracker.client.log_artifact(run_id, str(path))
    return run_id
