"""Reading processes are lent to one task at a time, kept for the next, and load no torch."""

import hashlib
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medcl.ingest import archive
from medcl.ingest.archive_index import ArchiveIndex
from medcl.ingest.identity import Keyring
from medcl.ingest.inspection import inspect_file
from medcl.ingest.jobs import Job
from medcl.ingest.options import IngestOptions
from medcl.ingest.outcome import Refused
from medcl.ingest.reading import is_plain
from medcl.ingest.wire import job_to_json
from medcl.io.dicom.writing import write_dicom_series
from medcl.runtime.confinement import ChildLimits
from medcl.stages import reader
from medcl.stages.reader_processes import lent, warm_up
from medcl.stages.reading import inspected, inspection, packed, reading, run_task
from medcl.store.inbox import ROOM, Inbox
from medcl.store.packing import Packed
from medcl.volume import Volume
from tests.stages.ingest_process import small_archive

LIMITS = ChildLimits(cpu_s=97)  # of no other test, so that none of its processes wait


def test_a_process_given_back_is_lent_again_and_two_at_once_are_two() -> None:
    with lent(LIMITS) as first, lent(LIMITS) as second:
        assert first is not second
    with lent(LIMITS) as third, lent(LIMITS) as fourth:
        assert {third, fourth} == {first, second}


def test_processes_that_load_early_are_those_that_are_lent() -> None:
    warm_up(LIMITS, count=2)
    with lent(LIMITS) as first, lent(LIMITS) as second:
        guards = first.start(), second.start()
    warm_up(LIMITS, count=2)
    with lent(LIMITS) as first, lent(LIMITS) as second:
        assert {first.start(), second.start()} == set(guards)


def test_a_process_that_was_never_asked_ends_at_once() -> None:
    limits = ChildLimits(cpu_s=98)
    with lent(limits) as reader:
        reader.start()
        start = time.monotonic()
        reader.close()
        assert time.monotonic() - start < 2


def test_tasks_of_several_threads_are_answered_each_with_its_own(tmp_path) -> None:
    paths = [tmp_path / f"{number}" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * number)
    answers: dict[int, int] = {}

    def ask(count: int) -> None:
        answers[count] = len(inspected(run_task(inspection(paths[:count], LIMITS))))

    threads = [threading.Thread(target=ask, args=(count,)) for count in (1, 3, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {1: 1, 3: 3, 6: 6}


def test_neither_the_reading_process_nor_the_one_that_asks_loads_torch() -> None:
    code = (
        "import sys, medcl.stages.reading, medcl.stages.ingest, medcl.cli.main;"
        "print({'torch', 'scipy.ndimage', 'dask', 'matplotlib'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


PLAIN_ONLY = """
import json, sys
from medcl.stages.reader import load, serve
from medcl.runtime.guard import NotPreparedError

def asked(request):
    return b"".join(serve(json.dumps(request).encode()))

plain, job, other = sys.argv[1], sys.argv[2], sys.argv[3]
facts, read = asked({"inspect": [plain]}), asked({"read": job})
print({"pydicom", "nibabel", "dask", "torch"} & set(sys.modules))
try:
    asked({"inspect": [plain, other]})
except NotPreparedError:
    print("asks for more")
load()
print(facts == asked({"inspect": [plain]}), read == asked({"read": job}))
asked({"inspect": [plain, other]})
"""


@pytest.fixture
def job(tmp_path) -> Job:
    volume = Volume(
        array=np.arange(4 * 5 * 6, dtype=np.int16).reshape(1, 4, 5, 6),
        affine=np.diag([-0.8, -0.8, 2.0, 1.0]),
        modality="CT",
        unit="HU",
    )
    names = {"patient_id": "P1", "study_uid": "1.2.3", "series_uid": "1.2.3.4"}
    write_dicom_series(volume, tmp_path / "series", **names)
    keyring = Keyring(bytes(32))
    with ArchiveIndex() as index:
        archive.find([tmp_path / "series"], index)
        for found in index.files():
            archive.note(found, inspect_file(found.path), index, keyring)
        (planned,) = archive.plan(index, keyring, IngestOptions())
    assert isinstance(planned, Job)
    return planned


def test_plain_files_are_read_without_what_takes_long_to_load_and_come_out_the_same(
    tmp_path, job
) -> None:
    paths = sorted((tmp_path / "series").iterdir())
    other = tmp_path / "other"
    other.write_text("no image")
    answer = subprocess.run(
        [sys.executable, "-c", PLAIN_ONLY, str(paths[0]), job_to_json(job), str(other)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split("\n") == ["set()", "asks for more", "True True", ""]
    assert is_plain(job)
    for path in paths:
        path.unlink()
    assert not is_plain(job)
    (gone,) = packed(run_task(reading(job, LIMITS)), job)
    assert isinstance(gone, Refused)
    assert gone.code == "UNREADABLE"


def test_what_is_packed_is_left_in_the_inbox_and_sent_where_that_cannot_be(tmp_path, job) -> None:
    here, elsewhere = Inbox(tmp_path, 0o640), Inbox(tmp_path / "of another machine", 0o640)
    (left,) = packed(run_task(reading(job, LIMITS, here)), job, here)
    (sent,) = packed(run_task(reading(job, LIMITS, elsewhere)), job, elsewhere)
    assert isinstance(left, Packed)
    assert isinstance(sent, Packed)
    assert isinstance(left.voxels, Path)
    assert left.voxels.stat().st_mode & 0o777 == 0o640
    assert left.voxels.read_bytes() == sent.voxels
    assert hashlib.sha256(left.voxels.read_bytes()).hexdigest() == sent.row.sha256


def test_a_process_of_two_threads_packs_the_same(job) -> None:
    (one,) = packed(run_task(reading(job, LIMITS)), job)
    (two,) = packed(run_task(reading(job, replace(LIMITS, threads=2))), job)
    assert isinstance(one, Packed)
    assert isinstance(two, Packed)
    assert (two.voxels, two.row.content_sha256) == (one.voxels, one.row.content_sha256)


@pytest.mark.parametrize(("threads", "is_used"), [(1, False), (2, True)])
def test_a_second_thread_is_used_where_it_is_allowed(job, monkeypatch, threads, is_used) -> None:
    asked: list[None] = []
    monkeypatch.setattr(reader, "_beside", lambda: asked.append(None))
    request = reading(job, replace(LIMITS, threads=threads)).request
    assert len(reader.serve(request)) > 1
    assert bool(asked) == is_used


def test_ingest_leaves_what_it_packs_in_an_inbox_and_no_inbox_behind(tmp_path, monkeypatch):
    found: list[Path] = []
    take = Inbox.found

    def noted(self: Inbox, name: str, num_bytes: int) -> Path:
        found.append(take(self, name, num_bytes))
        return found[-1]

    monkeypatch.setattr(Inbox, "found", noted)
    store = tmp_path / "store"
    small_archive(tmp_path).ingest(store, limits=LIMITS)
    assert len(found) == len(list(store.rglob("*.b2nd"))) > 1
    assert {path.parents[1] for path in found} == {(store / ROOM).resolve()}
    assert not (store / ROOM).exists()
