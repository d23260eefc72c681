import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medcl.errors import CheckpointError, MedclError, RequestError
from medcl.store.ledger import Ledger
from medcl.training import checkpoint as checkpoints
from medcl.training.cohort import Cohort
from medcl.training.events import read_events
from medcl.training.loop import pretrain
from medcl.training.recipe import Machine
from tests.training.small_run import RECIPE

ROOT = Path(__file__).parents[2]
MACHINE = Machine(device="cpu", report_every_steps=1, workers=1)


@pytest.fixture
def run(store, policy, tmp_path):
    """Return a function that pretrains with small defaults."""

    def go(method, *, folder=tmp_path / "run", recipe=RECIPE, machine=MACHINE, **changes):
        cohort = Cohort(store=store, rows=changes.pop("rows", store.rows()))
        given = {"policy": policy, "cohort": cohort, **changes}
        return pretrain(method=method, folder=folder, recipe=recipe, machine=machine, **given)

    return go


def parameters(method):
    return torch.cat([tensor.flatten() for tensor in method.state_dict().values()])


def stop_after(steps):
    """Return a report that asks the process to stop after so many steps."""

    def report(progress):
        if progress.step == steps:
            signal.raise_signal(signal.SIGTERM)

    return report


def losses(folder):
    return {
        e["step"]: e["loss"] for e in read_events(folder / "events.jsonl") if e["kind"] == "step"
    }


def test_training_lowers_the_loss_and_reports(run, new_method, tmp_path):
    seen = []
    recipe = replace(RECIPE, steps=25, learning_rate=3e-3)
    result = run(new_method(), recipe=recipe, report=seen.append)
    assert [progress.step for progress in seen] == list(range(1, 26))
    first, last = (np.mean([p.loss for p in part]) for part in (seen[:5], seen[-5:]))
    assert last < first
    assert (result.steps, result.interrupted, result.resumed_from) == (25, False, None)
    assert result.metrics["loss"] == seen[-1].loss
    assert {"alignment", "uniformity"} <= result.metrics.keys()
    assert result.views_per_s > 0
    assert 0 <= result.wait_share <= 1
    assert 0 <= seen[3].wait_share <= 1
    assert seen[-1].seconds_left == 0
    assert losses(tmp_path / "run") == {p.step: p.loss for p in seen}


def test_a_stopped_run_goes_on_to_the_very_same_weights(run, new_method, tmp_path):
    straight, stopped = new_method(dropout=0.3), new_method(dropout=0.3)
    run(straight, folder=tmp_path / "a")
    half = run(stopped, folder=tmp_path / "b", report=stop_after(3))
    assert (half.steps, half.interrupted) == (3, True)
    resumed = new_method(dropout=0.3)
    rest = run(resumed, folder=tmp_path / "b", machine=replace(MACHINE, workers=3))
    assert (rest.steps, rest.interrupted, rest.resumed_from) == (6, False, 3)
    assert torch.equal(parameters(straight), parameters(resumed))
    assert losses(tmp_path / "a") == losses(tmp_path / "b")


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGINT])
def test_other_wishes_to_stop_are_heard_too(run, new_method, number):
    result = run(new_method(), report=lambda _: signal.raise_signal(number))
    assert (result.steps, result.interrupted) == (1, True)


def test_a_finished_run_does_no_work_twice(run, new_method, tmp_path):
    first, second = new_method(), new_method()
    run(first)
    before = (tmp_path / "run/checkpoints/step-000000006.pt").stat().st_mtime_ns
    result = run(second)
    assert (result.steps, result.resumed_from, result.interrupted) == (6, 6, False)
    assert torch.equal(parameters(first), parameters(second))
    assert (tmp_path / "run/checkpoints/step-000000006.pt").stat().st_mtime_ns == before


def test_a_damaged_checkpoint_costs_steps_but_not_the_result(run, new_method, tmp_path):
    straight, resumed = new_method(), new_method()
    run(straight, folder=tmp_path / "a")
    machine = replace(MACHINE, checkpoint_every_steps=2)
    run(new_method(), folder=tmp_path / "b", machine=machine, report=stop_after(4))
    newest = tmp_path / "b/checkpoints/step-000000004.pt"
    newest.write_bytes(newest.read_bytes()[:-100])
    assert run(resumed, folder=tmp_path / "b").resumed_from == 2
    assert torch.equal(parameters(straight), parameters(resumed))


def test_randomness_outside_of_the_run_is_left_alone(run, new_method):
    method = new_method(dropout=0.3)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    run(method)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"recipe": replace(RECIPE, learning_rate=2e-3)}, "learning_rate"),
        ({"recipe": replace(RECIPE, steps=9)}, "steps"),
        ({"rows": 11}, "the selected volumes"),
        ({"policy": "other"}, "the view policy"),
    ],
)
def test_another_run_is_not_resumed(run, new_method, store, policy, changes, sentence):
    run(new_method(), report=stop_after(3))
    if "rows" in changes:
        changes = {"rows": store.rows()[: changes["rows"]]}
    if "policy" in changes:
        changes = {"policy": replace(policy, name="other", transforms=())}
    with pytest.raises(CheckpointError, match=sentence):
        run(new_method(), **changes)


def test_another_architecture_is_not_resumed(run, new_method):
    run(new_method(), report=stop_after(3))
    with pytest.raises(CheckpointError, match="encoder"):
        run(new_method(width=16))


def test_a_loss_that_is_no_number_stops_and_keeps_the_good_checkpoint(run, new_method, tmp_path):
    method = new_method()
    objective = method.objective

    class Diverging:
        calls = 0

        def __call__(self, z_a, z_b, *, excluded=None):
            self.calls += 1
            factor = float("nan") if self.calls == 5 else 1.0
            return objective(z_a, z_b, excluded=excluded) * factor

        floor, chance = objective.floor, objective.chance

        def __repr__(self):
            return "Diverging()"

    method.objective = Diverging()
    with pytest.raises(MedclError, match=r"loss of step 5 must be a number.*learning_rate"):
        run(method, machine=replace(MACHINE, checkpoint_every_steps=2))
    latest = checkpoints.load_latest(tmp_path / "run/checkpoints", device=torch.device("cpu"))
    assert latest.step == 4
    assert all(torch.isfinite(tensor).all() for tensor in latest.model.values())
    assert [e["kind"] for e in read_events(tmp_path / "run/events.jsonl")][-1] == "failed"


def test_a_gradient_that_is_no_number_never_reaches_the_weights(run, new_method):
    method = new_method()
    before = parameters(method)
    next(method.encoder.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(MedclError, match="gradient of step 1"):
        run(method)
    assert torch.equal(parameters(method), before)


def test_a_full_disk_on_the_way_stops_nothing_but_at_the_end_is_said(
    run, new_method, tmp_path, monkeypatch, caplog
):
    save = checkpoints.save

    def full(folder, checkpoint):
        if checkpoint.step in {2, 6}:
            raise OSError(28, "No space left on device", "/secret/name")
        return save(folder, checkpoint)

    monkeypatch.setattr(checkpoints, "save", full)
    with pytest.raises(RequestError, match=r"step 6 must be written.*No space left") as caught:
        run(new_method(), machine=replace(MACHINE, checkpoint_every_steps=2))
    assert "secret" not in str(caught.value) + caplog.text
    kinds = [(e["kind"], e.get("step")) for e in read_events(tmp_path / "run/events.jsonl")]
    assert ("not_saved", 2) in kinds
    assert ("saved", 4) in kinds


def test_checkpoints_are_written_by_time_too(run, new_method, tmp_path):
    run(new_method(), machine=replace(MACHINE, checkpoint_every_s=1e-9))
    saved = [e["step"] for e in read_events(tmp_path / "run/events.jsonl") if e["kind"] == "saved"]
    assert saved == [1, 2, 3, 4, 5, 6]


def test_the_ledger_names_who_was_seen_and_survives_a_resume(run, new_method, store):
    first = run(new_method(), report=stop_after(3))
    second = run(new_method())
    assert first.ledger_json == second.ledger_json
    ledger = Ledger.from_json(second.ledger_json)
    assert ledger.overlap({row.patient_key for row in store.rows()}) == 10
    assert ledger.overlap(["f" * 32]) == 0


def test_events_and_checkpoints_hold_no_key(run, new_method, store, tmp_path):
    run(new_method())
    content = b"".join(p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file())
    for row in store.rows():
        assert row.key.encode() not in content
        assert row.patient_key.encode() not in content


def start(store, folder, *options, launcher=()):
    command = [sys.executable, *launcher, "-m", "tests.training.small_run", str(store), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *options], env=environment, cwd=ROOT, check=False, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_very_same_weights(run, new_method, store, tmp_path):
    straight, resumed = new_method(dropout=0.3), new_method(dropout=0.3)
    run(straight, folder=tmp_path / "a")
    killed = start(store.folder, tmp_path / "b", "dies_after=5", "dropout=0.3")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert run(resumed, folder=tmp_path / "b").resumed_from == 4
    assert torch.equal(parameters(straight), parameters(resumed))
    assert losses(tmp_path / "a") == losses(tmp_path / "b")


@pytest.mark.ddp
@pytest.mark.slow
def test_two_processes_train_like_one(run, new_method, store, tmp_path):
    alone = new_method()
    run(alone, folder=tmp_path / "a")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    ended = start(store.folder, tmp_path / "b", "processes=2", launcher=launcher)
    assert ended.returncode == 0, ended.stderr
    one, two = losses(tmp_path / "a"), losses(tmp_path / "b")
    assert list(two) == list(one)
    assert list(two.values()) == pytest.approx(list(one.values()), abs=1e-5)
    latest = checkpoints.load_latest(tmp_path / "b/checkpoints", device=torch.device("cpu"))
    together = torch.cat([tensor.flatten() for tensor in latest.model.values()])
    assert torch.allclose(together, parameters(alone), atol=1e-4)
