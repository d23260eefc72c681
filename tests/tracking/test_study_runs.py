"""What a reviewer sees in MLflow is what the scores say, once."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from medcl.errors import RequestError
from medcl.runtime.stopping import stops_raise
from medcl.study.cells import Arm
from medcl.study.curves import label_efficiency
from medcl.tracking.environment import SWITCHES, connect
from medcl.tracking.study_runs import charts, log_cells, log_curves, log_summary
from medcl.tracking.tracker import Measurement, Tracker

ARMS = [Arm("scratch", "finetune"), Arm("pretrained", "finetune"), Arm("pretrained", "probe")]


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    return Tracker.open(tmp_path_factory.mktemp("runs"), project="kidneys")


def history(tracker: Tracker, run_id: str, metric: str) -> list[tuple[int, float]]:
    points = tracker.client.get_metric_history(run_id, f"label_efficiency/{metric}")
    return sorted((point.step, point.value) for point in points)


def test_a_curve_run_has_labelled_patients_as_steps(tracker: Tracker, result) -> None:
    for run_id, curve in zip(
        log_curves(tracker, [result], study="one"), result.curves, strict=True
    ):
        expected = [(p.num_labels, p.value.mean) for p in curve.points]
        assert history(tracker, run_id, "auc_mean") == expected
        assert history(tracker, run_id, "n_seeds") == [(5, 2.0), (20, 2.0)]
        gains = [(p.num_labels, p.difference.mean) for p in curve.points if p.difference]
        assert history(tracker, run_id, "auc_gain_vs_scratch_finetune") == gains


def test_gains_over_different_references_share_no_chart(tracker: Tracker, scores) -> None:
    named = {}
    for number, reference in enumerate(ARMS):
        found = label_efficiency(scores, metric="auc", reference=reference, resamples=100)
        study = f"reference {number}"
        runs = [tracker.client.get_run(run) for run in log_curves(tracker, [found], study=study)]
        for run in runs:
            assert run.data.tags["medcl.reference_arm"] == reference.name
            assert run.data.params["reference_arm"] == reference.name
        gains = [{name for name in run.data.metrics if "gain" in name} for run in runs]
        assert gains == [set(), gains[1], gains[1]]
        named[reference.name] = gains[1]
    base = "label_efficiency/auc_gain_vs_pretrained_probe"
    assert named["pretrained-probe"] == {base, f"{base}_ci_low", f"{base}_ci_high"}
    assert len(set.union(*named.values())) == 9


def test_without_a_reference_no_run_names_one(tracker: Tracker, scores) -> None:
    found = label_efficiency(scores, metric="auc", reference=None, resamples=100)
    for run_id in log_curves(tracker, [found], study="alone"):
        data = tracker.client.get_run(run_id).data
        assert not [name for name in data.metrics if "gain" in name]
        assert "medcl.reference_arm" not in data.tags
        assert "reference_arm" not in data.params


def test_a_rebuild_replaces_the_curves_and_leaves_other_studies(tracker: Tracker, result) -> None:
    other = log_curves(tracker, [result], study="other")
    first = log_curves(tracker, [result], study="again")
    second = log_curves(tracker, [result], study="again")
    experiment = tracker.experiment("label-efficiency")
    assert {run.info.run_id for run in tracker.find(experiment, study="again")} == set(second)
    assert not set(first) & set(second)
    assert {run.info.run_id for run in tracker.find(experiment, study="other")} == set(other)
    assert len(history(tracker, second[0], "auc_mean")) == 2


@pytest.mark.parametrize("call", ["create_run", "log"])
@pytest.mark.parametrize("kind", ["cells", "curves"])
def test_a_study_that_is_stopped_while_it_is_sent_leaves_nothing_running(
    tracker: Tracker, scores, result, monkeypatch: pytest.MonkeyPatch, kind: str, call: str
) -> None:
    original, study = getattr(Tracker, call), f"stopped {kind} {call}"

    def send() -> object:
        if kind == "cells":
            return log_cells(tracker, scores, study=study)
        return log_curves(tracker, [result], study=study)

    def stopped(*words: object, **more: object) -> object:
        done = original(*words, **more)
        monkeypatch.setattr(Tracker, call, original)
        signal.raise_signal(signal.SIGTERM)
        return done

    def statuses() -> list[str]:
        experiment = tracker.experiment("finetune" if kind == "cells" else "label-efficiency")
        return [run.info.status for run in tracker.find(experiment, study=study)]

    monkeypatch.setattr(Tracker, call, stopped)
    with pytest.raises(KeyboardInterrupt), stops_raise():
        send()
    assert set(statuses()) == {"KILLED"}
    send()
    assert set(statuses()) == {"FINISHED"}
    assert len(statuses()) == (len(scores) + 1 if kind == "cells" else len(result.curves))


def test_the_link_opens_the_charts_of_the_curves(tracker: Tracker) -> None:
    experiment = tracker.experiment("label-efficiency")
    address = charts(tracker).address
    assert address.startswith(f"http://127.0.0.1:5000/#/experiments/{experiment}/runs?")
    assert "compareRunsMode=CHART" in address


def test_each_cell_is_a_child_and_only_once(tracker: Tracker, scores) -> None:
    assert log_cells(tracker, scores, study="one") == len(scores)
    assert log_cells(tracker, scores, study="one") == 0
    experiment = tracker.experiment("finetune")
    (parent,) = tracker.find(experiment, kind="study", study="one")
    children = tracker.find(experiment, kind="cell", study="one")
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}
    assert {child.info.run_name for child in children} == {scored.cell.name for scored in scores}
    assert all(0 < child.data.metrics["test/auc"] <= 1 for child in children)
    assert log_cells(tracker, scores[:3], study="one") == 0
    assert len(tracker.find(experiment, kind="cell", study="one")) == 3


def test_the_summary_holds_what_it_was_given_and_no_path(tracker: Tracker, tmp_path: Path) -> None:
    given = {"report.html": b"<html>", "label_efficiency.csv": b"a,b"}
    for _ in range(2):
        run_id = log_summary(
            tracker,
            study="one",
            description="| a |\n|---|",
            attachments=given,
            params={"audit": {"volumes": 3}},
            digest="0123456789abcdef" * 4,
            reference=ARMS[1],
        )
    (run,) = tracker.find(tracker.experiment("label-efficiency"), kind="summary", study="one")
    assert run.info.run_id == run_id
    assert run.data.tags["mlflow.note.content"] == "| a |\n|---|"
    assert run.data.params == {"audit.volumes": "3", "reference_arm": "pretrained-finetune"}
    assert run.data.tags["medcl.reference_arm"] == "pretrained-finetune"
    dataset = run.inputs.dataset_inputs[0].dataset
    assert dataset.digest == ("0123456789abcdef" * 4)[:36]
    assert "/" not in dataset.source
    place = Path(tracker.client.download_artifacts(run_id, "report.html", str(tmp_path)))
    assert place.read_bytes() == b"<html>"
    assert {f.path for f in tracker.client.list_artifacts(run_id)} == set(given)


def test_no_run_names_a_user_or_a_program(tracker: Tracker, result) -> None:
    run = tracker.client.get_run(log_curves(tracker, [result], study="anonymous")[0])
    assert run.info.user_id == "medcl"
    assert run.data.tags["mlflow.source.name"] == "medcl"
    assert not {"mlflow.source.git.commit", "mlflow.source.git.repoURL"} & set(run.data.tags)


def test_values_that_are_no_numbers_are_left_out(tracker: Tracker) -> None:
    run_id = tracker.create_run(tracker.experiment("odd"), "odd", {})
    tracker.log(
        run_id, [Measurement("a", v, i, i) for i, v in enumerate([math.nan, 1.0, math.inf])]
    )
    assert [p.step for p in tracker.client.get_metric_history(run_id, "a")] == [1]


def test_more_than_one_request_takes_all_metrics_and_params(tracker: Tracker) -> None:
    run_id = tracker.create_run(tracker.experiment("odd"), "large", {})
    params = {f"p{i}": i for i in range(150)}
    tracker.log(run_id, [Measurement("a", 1.0, i, i) for i in range(2500)], params=params)
    assert len(tracker.client.get_metric_history(run_id, "a")) == 2500
    assert len(tracker.client.get_run(run_id).data.params) == 150


def test_the_database_lies_in_the_runs_folder_unless_a_server_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert Tracker.open(tmp_path, project="p").uri == f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert Tracker.open(tmp_path, project="p").uri == "http://127.0.0.1:5000"
    with pytest.raises(RequestError, match="project's name"):
        Tracker.open(tmp_path, project="../x")


def test_mlflow_is_imported_late_and_with_its_doors_closed() -> None:
    code = (
        "import os, sys, json, medcl.tracking.tracker, medcl.tracking.study_runs as s;"
        "import medcl.tracking.training_runs, medcl.tracking.environment as e;"
        "early = 'mlflow' in sys.modules; e.prepare();"
        "print(json.dumps([early, {n: os.environ[n] for n in e.SWITCHES}]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert json.loads(answer.stdout) == [False, dict(SWITCHES)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", str(port), "--backend-store-uri", f"sqlite:///{tmp_path / 'served.db'}"]
    command += ["--artifacts-destination", str(tmp_path / "served")]
    process = subprocess.Popen(
        command,
        env={**os.environ, **SWITCHES},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield _when_healthy(f"http://127.0.0.1:{port}")
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def _when_healthy(uri: str) -> str:
    for _ in range(240):
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2) as answer:
                if answer.status == 200:
                    return uri
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(uri)


def _ask(uri: str, path: str, **query: str) -> dict:
    address = f"{uri}/api/2.0/mlflow/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.loads(answer.read())


@pytest.mark.slow
@pytest.mark.ddp
def test_a_real_server_answers_with_the_curve(server: str, result) -> None:
    tracker = Tracker(server, "kidneys")
    run_id = log_curves(tracker, [result], study="served")[0]
    log_summary(
        tracker,
        study="served",
        description="d",
        attachments={"a.csv": b"a"},
        params={},
        digest="f",
        reference=ARMS[0],
    )
    name = "label_efficiency/auc_mean"
    points = _ask(server, "metrics/get-history", run_id=run_id, metric_key=name)["metrics"]
    expected = [(p.num_labels, p.value.mean) for p in result.curves[0].points]
    assert [(int(p["step"]), p["value"]) for p in points] == expected
    found = _ask(server, "experiments/get-by-name", experiment_name="kidneys/label-efficiency")
    assert found["experiment"]["lifecycle_stage"] == "active"
    assert connect(server).get_run(run_id).info.status == "FINISHED"
