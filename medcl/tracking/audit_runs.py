"""Audits in MLflow: what was found as parameters and metrics, the page and the JSON as files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medcl.tracking.tracker import Measurement, Tracker

_KIND = {"medcl.kind": "audit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRun:
    """One audit as it is shown.

    Attributes:
        name: Of the run.
        fingerprint: Of its inputs; an audit that is repeated is one run.
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
        The id of its run, an earlier one of the same inputs if there is one.
    """
    experiment = tracker.experiment("audit")
    found = tracker.find(experiment, fingerprint=audit.fingerprint)
    if found:
        run_id = str(found[0].info.run_id)
    else:
        tags = {**_KIND, "medcl.fingerprint": audit.fingerprint}
        run_id = tracker.create_run(experiment, audit.name, tags)
        tracker.log(run_id, params=audit.params)
    tracker.client.set_tag(run_id, "medcl.verdict", audit.verdict)
    # One time for all: logged again, a value stays one point.
    measurements = [Measurement(name, value, 0, 0) for name, value in audit.metrics.items()]
    tracker.log(run_id, measurements)
    for path in audit.files:
        tracker.client.log_artifact(run_id, str(path))
    tracker.finish(run_id)
    return run_id
