"""Whenever a pretraining is asked to stop, MLflow does not show it as running afterwards."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from medcl.ingest.outcome import Technical
from medcl.store.store import Store
from medcl.tracking.tracker import Tracker
from tests.stages.small_site import POLICY
from tests.store.conftest import FINGERPRINT, accepted_volume

SETTINGS = """
encoder: {name: residual, width: 8}
training: {steps: 6, batch_size: 4}
machine: {log_every_steps: 2}
accept_unknown:
  - {flag: hu_calibration, justification: "The values are invented, nobody learns from them."}
"""

# The run is begun in MLflow five seconds after training; a short one would never be there.
EARLY = """
from medcl.tracking.training_runs import TrackingSync
TrackingSync.__init__.__kwdefaults__["period_s"] = 0.01
"""

# Comes as far as what is done before training listens: opening a device, compiling.
PREPARING = """
import time
from medcl.training import loop
loop.launch = lambda machine: time.sleep(300)
"""

MAIN = "\nfrom medcl.cli.main import main\nmain()\n"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    with Store.create(tmp_path / "store", key_fingerprint=FINGERPRINT) as store:
        for number in range(6):
            values = np.random.default_rng(number).normal(40, 15, (1, 48, 40, 40))
            made = accepted_volume(
                number,
                array=values.astype(np.int16),
                affine=np.diag([5.5, 5.5, 5.5, 1.0]),
                technical=Technical(orientation_source="scanner"),
            )
            store.add(made)
    # To make MLflow's tables takes longer on a busy machine than the command waits at its end.
    Tracker.open(tmp_path / "runs", project="any").experiment("pretrain")
    path = tmp_path / "stopped.yaml"
    places = f"name: stopped\nstore: {tmp_path / 'store'}\nruns: {tmp_path / 'runs'}\n"
    path.write_text(f"{places}{SETTINGS}policy:{POLICY}")
    return path


def started(settings: Path, program: str = "") -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-c", EARLY + program + MAIN, "pretrain", str(settings)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def whole(settings: Path) -> float:
    """Run the command to its end; return how long that took, s."""
    begun, process = time.perf_counter(), started(settings)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()
    return time.perf_counter() - begun


def statuses(settings: Path) -> list[str]:
    """Return the status of every run in MLflow, as its database has it."""
    database = sqlite3.connect(settings.parent / "runs" / "mlflow.db", timeout=30)
    try:
        return [status for (status,) in database.execute("SELECT status FROM runs")]
    finally:
        database.close()


def test_stopped_before_it_trains_it_is_killed_in_mlflow_too(settings):
    process = started(settings, PREPARING)
    while "RUNNING" not in statuses(settings) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, statuses(settings)) == (130, ["KILLED"]), said.decode()


@pytest.mark.slow
def test_stopped_at_any_moment_nothing_runs_in_mlflow_and_the_same_command_goes_on(settings):
    whole_s = whole(settings)
    assert statuses(settings) == ["FINISHED"]
    shutil.rmtree(settings.parent / "runs" / "stopped")
    ends = []
    for moment in np.random.default_rng(0).uniform(0.2, 0.95, 5):
        process = started(settings)
        time.sleep(moment * whole_s)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=120)
        # Where the interpreter itself is still loading, nothing is begun and nobody listens.
        assert process.returncode in {0, 130, -signal.SIGTERM}, said.decode()
        assert "RUNNING" not in statuses(settings), said.decode()
        ends.append(process.returncode)
    assert 130 in ends
    whole(settings)
    assert set(statuses(settings)) == {"FINISHED"}
