"""A writer killed at any step leaves a store that reads, and that a second run completes."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from medcl.errors import InputError
from medcl.ingest.outcome import Refused
from medcl.io.refusal import ReasonCode
from medcl.store.catalogue import Catalogue
from medcl.store.rows import LabelRow
from medcl.store.store import Store

FINGERPRINT = "f" * 16
STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "sqlite3.connect"}


@pytest.fixture
def volumes(make_accepted):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-99, 99, (1, 14, 13, 12)).astype(np.int16) for _ in range(3)]
    return [make_accepted(n, array=array, masked=n == 1) for n, array in enumerate(arrays)]


def ingest(folder, volumes):
    """What a run does; doing it again must change nothing."""
    with Store.open_or_create(folder, key_fingerprint=FINGERPRINT) as store:
        for accepted in volumes:
            if not store.is_done(accepted.key, accepted.fingerprint):
                store.add(accepted)
        store.refuse(
            Refused(
                key="e" * 32,
                code=ReasonCode.MISSING_SLICES,
                detail="1 is missing.",
                num_files=9,
                fingerprint="r",
            )
        )
        first = volumes[0]
        store.add_labels("sides", [LabelRow(first.key, 1, "train")])
        labels = (first.volume.array[0] > 0).astype(np.uint8)
        store.add_label_map("organ", first.key, labels, affine=first.volume.affine)


def content_of(folder):
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for room in ("volumes", "label_maps")
        for path in (folder / room).rglob("*")
        if path.is_file()
    }
    with Store.open(folder, key_fingerprint=FINGERPRINT) as store:
        assert store.verify() == []
        return files, store.digest, store.counts().discovered, store.labels("sides")


def in_child(action):
    """Carry out an action in a forked process and return how that ended."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:  # noqa: BLE001 (nothing may run on in the forked test session)
            os._exit(3)
        os._exit(0)
    return child


def ingest_until(step, folder, volumes):
    """Kill this process when it comes to its ``step``-th change of the disk."""
    left = [step]

    def count(*_):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    flush, write = os.fsync, Catalogue.write
    os.fsync = lambda descriptor: (count(), flush(descriptor))
    Catalogue.write = lambda self, statements: (count(), write(self, statements), count())
    sys.addaudithook(lambda event, _: count() if event in STEPS else None)
    ingest(folder, volumes)


def assert_reads(folder, volumes):
    if not (folder / "catalogue.sqlite").exists():
        with pytest.raises(InputError, match="no store here"):
            Store.open(folder)
        return 0
    store = Store.open(folder)
    held = {row.key for row in store.rows()}
    for accepted in volumes:
        if accepted.key in held:
            assert (store.read(accepted.key).array == accepted.volume.array).all()
    assert store.verify() == []
    return len(held)


def test_a_run_killed_at_every_fifth_step_is_completed_by_the_next(tmp_path, volumes):
    ingest(tmp_path / "clean", volumes)
    expected = content_of(tmp_path / "clean")
    held = set()
    for step in range(1, 400, 5):
        folder = tmp_path / f"killed-{step}"
        child = in_child(lambda: ingest_until(step, folder, volumes))  # noqa: B023
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        held.add(assert_reads(folder, volumes))
        ingest(folder, volumes)
        assert content_of(folder) == expected
    assert step > 40
    assert held == {0, 1, 2, 3}


def test_a_run_killed_at_random_moments_is_completed_in_the_end(tmp_path, volumes):
    ingest(tmp_path / "clean", volumes)
    folder = tmp_path / "killed"
    rng = np.random.default_rng(0)
    for _ in range(12):
        child = in_child(lambda: ingest(folder, volumes))
        time.sleep(rng.uniform(0, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert_reads(folder, volumes)
    ingest(folder, volumes)
    assert content_of(folder) == content_of(tmp_path / "clean")


def test_a_file_without_a_row_is_removed_by_the_next_writer(store, make_accepted):
    store.add(make_accepted())
    store.close()
    stray = store.folder / "volumes" / "ab" / ("ab" * 16 + ".b2nd")
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"?")
    half = store.folder / "volumes" / "ab" / ".x.b2nd.17.part"
    half.write_bytes(b"?")
    writer = Store.open(store.folder, key_fingerprint=FINGERPRINT)
    assert writer.verify() == []
    assert stray.exists()
    writer.add(make_accepted(1))
    assert not stray.exists()
    assert not half.exists()
    assert len(list(Path(store.folder / "volumes").rglob("*.b2nd"))) == 2
