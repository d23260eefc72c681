"""An audit is one run, however often it is logged."""

from medcl.tracking.audit_runs import AuditRun, log_audit
from medcl.tracking.tracker import Tracker


def test_an_audit_that_is_repeated_replaces_the_run_before(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracker = Tracker.open(tmp_path / "runs", project="p")
    page = tmp_path / "audit.html"
    page.write_text("page")

    def audit(verdict, value):
        return AuditRun(
            name="audit",
            fingerprint="f" * 32,
            verdict=verdict,
            params={"policy": {"name": "ct"}},
            metrics={"safety/scale_worst": value},
            files=[page],
        )

    first = log_audit(tracker, audit("void", 0.5))
    second = log_audit(tracker, audit("safe", 0.25))
    (found,) = tracker.find(tracker.experiment("audit"), fingerprint="f" * 32)
    assert found.info.run_id == second != first
    run = tracker.client.get_run(second)
    assert run.data.tags["medcl.verdict"] == "safe"
    assert run.data.metrics["safety/scale_worst"] == 0.25
    assert run.info.status == "FINISHED"
    assert [found.path for found in tracker.client.list_artifacts(second)] == ["audit.html"]
