"""Whatever is killed while a face is being removed, no head is left in any folder."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from medcl.ingest.defacing import Defacing
from medcl.ingest.identity import Keyring
from medcl.ingest.options import IngestOptions
from medcl.io.dicom.writing import write_dicom_series
from medcl.stages import ingest
from medcl.stages.progress import Silent
from medcl.stages.summary import StageSummary
from medcl.store.store import Store
from medcl.volume import Volume

PROGRAM = """
import os, sys, time
ready, before = sys.argv[1:3]
with open(ready + ".part", "w") as stream:
    print(os.getppid(), file=stream)
    print(before, file=stream)
os.replace(ready + ".part", ready)
time.sleep(60)
"""
"""Says which process reads and where the head lies, and takes its time."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A head, a secret, a program, and a folder for temporary files."""
    array = np.random.default_rng(0).integers(100, 400, (1, 24, 22, 20)).astype(np.int16)
    head = Volume(array=array, affine=np.diag([2.0, 2, 2, 1]), modality="MR", unit="a.u.")
    ids = {"patient_id": "P", "study_uid": "1.2", "series_uid": "1.2.9"}
    write_dicom_series(head, tmp_path / "archive", extra={"BodyPartExamined": "HEAD"}, **ids)
    Keyring.create(tmp_path / "secret.key")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "temporary").mkdir()
    return tmp_path


def command(site: Path) -> list[str]:
    program = [sys.executable, "-S", str(site / "program.py"), str(site / "ready")]
    return [*program, "{input}", "{output}"]


def run(site: Path, *, defacing: Defacing | None = None) -> StageSummary:
    return ingest.run(
        [site / "archive"],
        store=site / "store",
        key_file=site / "secret.key",
        progress=Silent(),
        options=IngestOptions(defacing=defacing),
    )


def awaited(ready: Path) -> tuple[int, Path]:
    """Return the reading process and where the head lies, once the program runs."""
    end = time.monotonic() + 60
    while not ready.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    pid, head = ready.read_text().splitlines()
    return int(pid), Path(head)


def test_a_reading_process_killed_while_a_face_is_removed_leaves_no_head(site, monkeypatch):
    temporary = site / "temporary"
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    seen = []

    def kill() -> None:
        reader, head = awaited(site / "ready")
        seen.append((head.is_relative_to(temporary), head.is_file()))
        os.kill(reader, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    run(site, defacing=Defacing(command=tuple(command(site))))
    killer.join()
    assert seen == [(True, True)]
    assert list(temporary.iterdir()) == []
    (refusal,) = Store.open(site / "store").refusals()
    assert refusal.code == "LIMIT_EXCEEDED"


def test_a_head_left_by_a_killed_ingest_is_removed_by_the_next(site, monkeypatch):
    temporary = site / "temporary"
    words = ["ingest", str(site / "archive"), "--store", str(site / "store")]
    words += ["--key-file", str(site / "secret.key"), "--deface-command", " ".join(command(site))]
    code = "from medcl.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    reader, head = awaited(site / "ready")
    process.kill()
    process.wait()
    os.kill(reader, signal.SIGKILL)
    assert head.is_file()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    run(site)
    assert not head.exists()
    assert list(temporary.iterdir()) == []


def test_where_no_private_folder_can_be_made_the_head_is_refused(site, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(site / "nowhere"))
    run(site, defacing=Defacing(command=tuple(command(site))))
    (refusal,) = Store.open(site / "store").refusals()
    assert refusal.code == "DEFACING_FAILED"
    assert refusal.detail == "No private folder can be made for it."
