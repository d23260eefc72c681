import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import nn

from medcl.errors import CheckpointError, CorruptionError
from medcl.training import checkpoint as checkpoints
from medcl.training.checkpoint import Checkpoint, Origin

CPU = torch.device("cpu")


ORIGIN = Origin(
    settings={"steps": 9, "learning_rate": 0.1},
    catalogue_digest="a" * 64,
    policy_hash="b" * 16,
    ledger_json="{}",
)


def make(step=1):
    return Checkpoint(
        step=step,
        model={"weight": torch.full((2, 3), float(step))},
        optimizer={"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]},
        origin=ORIGIN,
    )


def test_what_is_saved_comes_back(tmp_path):
    checkpoints.save(tmp_path, make(7))
    loaded = checkpoints.load_latest(tmp_path, device=CPU)
    assert loaded.step == 7
    assert torch.equal(loaded.model["weight"], torch.full((2, 3), 7.0))
    assert loaded.origin == ORIGIN
    assert loaded.optimizer["param_groups"] == [{"lr": 0.1}]


def test_an_empty_folder_has_no_checkpoint(tmp_path):
    assert checkpoints.load_latest(tmp_path / "absent", device=CPU) is None


def test_the_newest_and_the_previous_are_kept(tmp_path):
    for step in (1, 2, 3):
        checkpoints.save(tmp_path, make(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"step-00000000{step}.{ending}" for step in (2, 3) for ending in ("pt", "sha256")
    ]


@pytest.mark.parametrize("damage", ["flipped", "cut", "no checksum"])
def test_a_damaged_newest_falls_back_to_the_previous(tmp_path, damage):
    checkpoints.save(tmp_path, make(1))
    newest = checkpoints.save(tmp_path, make(2))
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
        newest.write_bytes(content)
    elif damage == "cut":
        newest.write_bytes(content[: len(content) // 2])
    else:
        newest.with_suffix(".sha256").unlink()
    assert checkpoints.load_latest(tmp_path, device=CPU).step == 1


def test_when_all_are_damaged_the_run_is_refused(tmp_path):
    checkpoints.save(tmp_path, make(1)).write_bytes(b"nothing")
    with pytest.raises(CorruptionError, match="1 checkpoints must match"):
        checkpoints.load_latest(tmp_path, device=CPU)


def test_saving_after_a_fallback_drops_the_damaged_one_and_keeps_the_good_one(tmp_path):
    checkpoints.save(tmp_path, make(1))
    checkpoints.save(tmp_path, make(9)).write_bytes(b"nothing")
    checkpoints.save(tmp_path, make(2))
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == [
        "step-000000001.pt",
        "step-000000002.pt",
    ]


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    checkpoints.save(tmp_path, make(1))

    def full(_content, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(tmp_path, make(2))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-000000001.pt",
        "step-000000001.sha256",
    ]


@contextmanager
def files_no_longer_than(num_bytes):
    """What the system does where a disk is full, without a mock of `torch.save`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("num_bytes", [100, 20_000, 400_000])
def test_a_disk_that_takes_no_more_is_an_error_of_the_system_not_of_torch(tmp_path, num_bytes):
    checkpoint = replace(make(1), model={"weight": torch.zeros(100_000), "bias": torch.zeros(9)})
    with files_no_longer_than(num_bytes), pytest.raises(OSError, match="File too large"):
        checkpoints.save(tmp_path, checkpoint)
    assert list(tmp_path.iterdir()) == []
    checkpoints.save(tmp_path, checkpoint)
    assert checkpoints.load_latest(tmp_path, device=CPU).step == 1


class Harmful:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.mkdir, (self.marker,))


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    marker = tmp_path / "was_run"
    path = tmp_path / "step-000000001.pt"
    torch.save({"format": 1, "model": Harmful(str(marker))}, path)
    path.with_suffix(".sha256").write_text(checkpoints._sha256(path))
    with pytest.raises(CheckpointError, match="tensors and plain values"):
        checkpoints.load(path, device=CPU)
    assert not marker.exists()


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "step-000000001.pt"
    torch.save({"format": 99}, path)
    path.with_suffix(".sha256").write_text(checkpoints._sha256(path))
    with pytest.raises(CheckpointError, match="format 1"):
        checkpoints.load(path, device=CPU)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"settings": {"steps": 9, "learning_rate": 0.2}}, r"learning_rate \(was 0.1, is 0.2\)"),
        ({"settings": {"steps": 9}}, r"learning_rate \(was 0.1, is None\)"),
        ({"catalogue_digest": "c" * 64}, "selected volumes"),
        ({"policy_hash": "c"}, "view policy"),
    ],
)
def test_another_run_is_not_resumed(changes, sentence):
    with pytest.raises(CheckpointError, match=sentence):
        checkpoints.require_same_run(make(), replace(ORIGIN, **changes))


def test_the_same_run_is_resumed():
    checkpoints.require_same_run(make(), replace(ORIGIN, ledger_json="{}"))


def test_another_architecture_is_refused_with_counts():
    module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    state = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5)).state_dict()
    del state["0.bias"]
    state["2.bias"] = torch.zeros(1)
    with pytest.raises(
        CheckpointError, match="1 of 4 fit, 1 are missing, 2 have another shape, 1 are left over"
    ):
        checkpoints.restore(module, state)


def test_a_state_that_fits_is_taken_over():
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    checkpoints.restore(target, source.state_dict())
    assert torch.equal(source.weight, target.weight)


def test_a_kill_while_saving_leaves_a_whole_checkpoint(tmp_path):
    """The process dies between the two renames of its second save."""
    script = """
import os, sys, pathlib, torch
from medcl.runtime import files
from medcl.training import checkpoint as checkpoints
folder = pathlib.Path(sys.argv[1])
def make(step):
    return checkpoints.Checkpoint(step=step, model={"w": torch.zeros(4)}, optimizer={},
        origin=checkpoints.Origin(
            settings={}, catalogue_digest="", policy_hash="", ledger_json=""))
checkpoints.save(folder, make(1))
write = files.write_bytes
def write_then_die(*args):
    write(*args)
    os.kill(os.getpid(), 9)
files.write_bytes = write_then_die
checkpoints.save(folder, make(2))
"""
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert ended.returncode == -9
    assert checkpoints.load_latest(tmp_path, device=CPU).step == 1
