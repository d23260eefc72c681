"""Training's events reach MLflow once, and a dead server costs nothing."""

import signal
import threading
import time
from pathlib import Path

import pytest

from medcl.errors import InputError
from medcl.runtime.stopping import stops_raise
from medcl.tracking.tracker import Tracker
from medcl.tracking.training_runs import (
    TrackingSync,
    TrainingRun,
    has_all,
    log_training_run,
    sync_events,
)
from medcl.training.events import EventLog

RUN = TrainingRun(name="run", params={"encoder": {"width": 8}, "steps": 20})


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    folder = tmp_path_factory.mktemp("runs")
    return Tracker(f"sqlite:///{folder / 'mlflow.db'}", "kidneys", folder / "artifacts")


@pytest.fixture
def dead() -> Tracker:
    return Tracker("http://127.0.0.1:9", "kidneys")


def write(events: Path, steps: range) -> None:
    with EventLog(events) as log:
        for step in steps:
            log.write("step", step=step, loss=1 / (1 + step), rates={"head": 0.1}, note="text")


def the_run(tracker: Tracker, name: str):
    runs = tracker.client.search_runs([tracker.experiment("pretrain")])
    (found,) = [run for run in runs if run.info.run_name == name]
    return found


def steps(tracker: Tracker, name: str, metric: str = "train/loss") -> list[int]:
    run_id = the_run(tracker, name).info.run_id
    return [point.step for point in tracker.client.get_metric_history(run_id, metric)]


def test_a_replay_sends_every_step_once(tracker: Tracker, tmp_path: Path) -> None:
    events, run = tmp_path / "events.jsonl", TrainingRun(name="replay", params=RUN.params)
    write(events, range(1, 11))
    assert sync_events(events, tracker=tracker, run=run) == 20
    assert sync_events(events, tracker=tracker, run=run) == 0
    write(events, range(11, 14))
    assert sync_events(events, tracker=tracker, run=run) == 6
    assert steps(tracker, "replay") == list(range(1, 14))
    found = the_run(tracker, "replay")
    assert found.data.params == {"encoder.width": "8", "steps": "20"}
    assert found.data.metrics["train/rates.head"] == 0.1
    assert found.info.status == "FINISHED"


def test_steps_repeated_after_a_kill_are_sent_once(tracker: Tracker, tmp_path: Path) -> None:
    events, run = tmp_path / "events.jsonl", TrainingRun(name="killed")
    write(events, range(1, 13))
    write(events, range(10, 16))
    sync_events(events, tracker=tracker, run=run)
    assert steps(tracker, "killed") == list(range(1, 16))


def test_torn_lines_and_values_that_are_no_numbers_are_passed_over(
    tracker: Tracker, tmp_path: Path
) -> None:
    events, run = tmp_path / "events.jsonl", TrainingRun(name="torn")
    with EventLog(events) as log:
        log.write("saved", path="x")
        log.write("step", step=1, loss=float("nan"), wait=0.5, good=True)
    with events.open("ab") as file:
        file.write(b'["list"]\nrubbish\n{"kind": "step", "step": 2, "time_s": 1.0, "wa')
    assert sync_events(events, tracker=tracker, run=run) == 1
    assert set(the_run(tracker, "torn").data.metrics) == {"train/wait"}


def test_a_running_training_is_followed(tracker: Tracker, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    sync = TrackingSync(events, tracker=tracker, run=TrainingRun(name="followed"), period_s=0.05)
    sync.start()
    write(events, range(1, 6))
    for _ in range(200):
        time.sleep(0.05)
        runs = tracker.client.search_runs([tracker.experiment("pretrain")])
        if any(r.info.run_name == "followed" and r.data.metrics for r in runs):
            break
    assert steps(tracker, "followed") == [1, 2, 3, 4, 5]
    write(events, range(6, 8))
    assert sync.stop(30.0)
    assert steps(tracker, "followed") == list(range(1, 8))


@pytest.mark.parametrize("error", [None, ValueError("x")])
def test_the_status_is_how_training_ended(tracker: Tracker, tmp_path: Path, error) -> None:
    events, name = tmp_path / "events.jsonl", f"ended {error}"
    write(events, range(1, 3))

    def train() -> None:
        with log_training_run(events, tracker=tracker, run=TrainingRun(name=name), timeout_s=60.0):
            if error:
                raise error

    if error:
        with pytest.raises(ValueError, match="x"):
            train()
    else:
        train()
    assert the_run(tracker, name).info.status == ("FAILED" if error else "FINISHED")


def test_a_run_that_was_stopped_is_killed_runs_again_and_ends(
    tracker: Tracker, tmp_path: Path
) -> None:
    events, run = tmp_path / "events.jsonl", TrainingRun(name="stopped")

    def status() -> str:
        return the_run(tracker, "stopped").info.status

    write(events, range(1, 3))
    with log_training_run(events, tracker=tracker, run=run, timeout_s=60.0) as sync:
        sync.was_stopped = True
    assert status() == "KILLED"
    with (
        pytest.raises(KeyboardInterrupt),
        log_training_run(events, tracker=tracker, run=run, timeout_s=60.0),
    ):
        raise KeyboardInterrupt
    assert status() == "KILLED"
    again = TrackingSync(events, tracker=tracker, run=run, period_s=0.05)
    again.start()
    for _ in range(400):
        if status() == "RUNNING":
            break
        time.sleep(0.05)
    assert status() == "RUNNING"
    write(events, range(3, 5))
    assert again.stop(60.0)
    assert status() == "FINISHED"
    assert steps(tracker, "stopped") == [1, 2, 3, 4]


@pytest.mark.parametrize("call", ["create_run", "log", "finish"])
def test_a_sending_that_was_stopped_is_killed_and_a_later_one_ends_it(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    events, run = tmp_path / "events.jsonl", TrainingRun(name=f"sent-{call}")
    write(events, range(1, 4))
    original = getattr(Tracker, call)

    def stopped(*words: object, **more: object) -> object:
        done = original(*words, **more)
        monkeypatch.setattr(Tracker, call, original)
        signal.raise_signal(signal.SIGTERM)
        return done

    monkeypatch.setattr(Tracker, call, stopped)
    with pytest.raises(KeyboardInterrupt), stops_raise():
        sync_events(events, tracker=tracker, run=run)
    assert the_run(tracker, run.name).info.status == "KILLED"
    assert not has_all(events)
    sync_events(events, tracker=tracker, run=run)
    assert the_run(tracker, run.name).info.status == "FINISHED"
    assert steps(tracker, run.name) == [1, 2, 3]


def test_asked_to_stop_at_the_very_end_a_run_still_ends_in_mlflow(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = tmp_path / "events.jsonl"
    write(events, range(1, 4))
    join = threading.Thread.join

    def asked(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "medcl-tracking":
            signal.raise_signal(signal.SIGTERM)
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", asked)
    run = TrainingRun(name="at-the-end")
    with (
        pytest.raises(KeyboardInterrupt),
        stops_raise(),
        log_training_run(events, tracker=tracker, run=run, timeout_s=60.0),
    ):
        pass
    assert the_run(tracker, "at-the-end").info.status == "FINISHED"


def test_a_dead_server_costs_training_nothing_and_a_later_replay_is_complete(
    tracker: Tracker, dead: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    events, run = tmp_path / "events.jsonl", TrainingRun(name="late")
    sync = TrackingSync(events, tracker=dead, run=run, period_s=0.01)
    sync.start()
    start = time.perf_counter()
    write(events, range(1, 101))
    assert time.perf_counter() - start < 2
    start = time.perf_counter()
    assert not sync.stop(5.0)
    assert time.perf_counter() - start < 7
    assert not has_all(events)
    assert sync_events(events, tracker=tracker, run=run) == 200
    assert has_all(events)
    write(events, range(500, 501))
    assert not has_all(events)
    assert steps(tracker, "late") == list(range(1, 101))


def test_the_thread_never_keeps_a_process_alive(dead: Tracker, tmp_path: Path) -> None:
    sync = TrackingSync(tmp_path / "events.jsonl", tracker=dead, run=RUN, period_s=30.0)
    sync.start()
    thread = next(t for t in threading.enumerate() if t.name == "medcl-tracking" and t.is_alive())
    assert thread.daemon
    sync.stop(0.1)


def test_a_run_without_events_cannot_be_sent(tracker: Tracker, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"events\.jsonl"):
        sync_events(tmp_path / "events.jsonl", tracker=tracker, run=RUN)
