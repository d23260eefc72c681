"""One writer at a time, any number of readers, and a disk that may run full."""

import errno
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from medcl.errors import InputError
from medcl.geometry.boxes import Box
from medcl.store.store import Store

FINGERPRINT = "f" * 16


def test_a_second_writer_in_the_same_process_is_told_to_wait(store, make_accepted):
    store.add(make_accepted(0))
    second = Store.open(store.folder, key_fingerprint=FINGERPRINT)
    with pytest.raises(InputError, match="one writer at a time"):
        second.add(make_accepted(1))
    assert len(second.rows()) == 1
    store.close()
    assert second.add(make_accepted(1)) == "added"


def test_a_second_writer_in_another_process_is_told_to_wait(store, make_accepted):
    store.add(make_accepted(0))

    def attempt():
        try:
            Store.open(store.folder, key_fingerprint=FINGERPRINT).add(make_accepted(1))
        except InputError as error:
            os._exit(2 if "one writer at a time" in str(error) else 4)
        os._exit(0)

    assert _status_of(attempt) == 2
    store.close()
    assert _status_of(attempt) == 0
    assert len(store.rows()) == 2


def test_the_lock_goes_with_a_store_that_is_forgotten(store, make_accepted):
    Store.open(store.folder, key_fingerprint=FINGERPRINT).add(make_accepted(0))
    Store.open(store.folder, key_fingerprint=FINGERPRINT).add(make_accepted(1))
    assert len(store.rows()) == 2


def test_threads_read_the_same_as_one(store, make_accepted):
    volumes = [make_accepted(number, masked=True) for number in range(4)]
    for accepted in volumes:
        store.add(accepted)
    reader = Store.open(store.folder)
    rng = np.random.default_rng(0)

    def read(task):
        accepted, lower = task
        box = Box(tuple(lower), tuple(low + 9 for low in lower))
        found = reader.read_box(accepted.key, box)
        valid = reader.read_validity(accepted.key, box)
        assert (valid == accepted.volume.validity[box.slices]).all()
        return bool((found == accepted.volume.array[:, *box.slices]).all())

    tasks = [(volumes[n % 4], rng.integers(0, 25, 3).tolist()) for n in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, tasks))


def _sum_of(store, key):
    return float(store.read_box(key, Box((0, 0, 0), (9, 9, 9))).sum())


def test_a_store_can_be_sent_to_worker_processes(store, make_accepted):
    accepted = make_accepted()
    store.add(accepted)
    expected = float(accepted.volume.array[:, :9, :9, :9].sum())
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        assert list(pool.map(_sum_of, [store] * 4, [accepted.key] * 4)) == [expected] * 4


@pytest.mark.slow
def test_another_program_reopens_the_store_while_it_is_written(store, make_accepted):
    accepted = make_accepted()
    store.add(accepted)
    program = (
        "import sys; from pathlib import Path; from medcl.store.store import Store\n"
        "store = Store.open(Path(sys.argv[1]))\n"
        "print(int(store.read(sys.argv[2]).array.astype('int64').sum()), len(store.rows()))"
    )
    arguments = [sys.executable, "-c", program, str(store.folder), accepted.key]
    found = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert found.stdout.split() == [str(int(accepted.volume.array.astype("int64").sum())), "1"]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_sentence_and_leaves_the_store_whole(
    store, make_accepted, monkeypatch, error
):
    store.add(make_accepted(0))
    before = store.digest

    def full(self, content):
        with self.open("wb") as stream:
            stream.write(content[: len(content) // 2])
        raise OSError(error, os.strerror(error), str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="disk is full") as caught:
        store.add(make_accepted(1))
    assert str(store.folder) not in str(caught.value)
    monkeypatch.undo()
    assert store.digest == before
    assert Store.open(store.folder).verify() == []
    assert list(store.folder.rglob("*.part")) == []
    assert store.add(make_accepted(1)) == "added"


@pytest.mark.parametrize("room", [20_000, 60_000, 100_000, 140_000])
def test_a_limit_on_file_size_at_any_point_leaves_the_store_whole(store, make_accepted, room):
    """Files and catalogue run into the limit alike, since it counts for both."""
    store.add(make_accepted(0))
    store.close()

    def add_until_full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        writer = Store.open(store.folder, key_fingerprint=FINGERPRINT)
        try:
            for number in range(1, 60):
                shape = (1, 4, 4, 4) if number % 9 else (1, 40, 37, 34)
                array = np.random.default_rng(number).integers(0, 999, shape).astype(np.int16)
                writer.add(make_accepted(number, array=array))
        except InputError as error:
            os._exit(2 if "disk is full" in str(error) else 4)
        os._exit(0)

    assert _status_of(add_until_full) == 2
    after = Store.open(store.folder, key_fingerprint=FINGERPRINT)
    assert after.verify() == []
    assert (after.read(make_accepted(0).key).array == make_accepted(0).volume.array).all()
    assert after.add(make_accepted(99)) == "added"


@pytest.mark.parametrize("room", [3_000, 20_000, 34_000, 50_000])
def test_a_store_that_could_not_be_founded_whole_is_founded_by_the_next_run(tmp_path, room):
    """Between the last two a catalogue once ended in its log, which the disk had no room for."""

    def found():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        try:
            Store.create(tmp_path / "store", key_fingerprint=FINGERPRINT)
        except InputError as error:
            os._exit(2 if "disk is full" in str(error) else 4)
        os._exit(0)

    assert _status_of(found) == (2 if room < 32_768 else 0)
    with Store.open_or_create(tmp_path / "store", key_fingerprint=FINGERPRINT) as store:
        assert store.verify() == []


def test_a_read_only_store_can_be_read_and_says_why_it_cannot_be_written(
    store, make_accepted, monkeypatch
):
    store.add(make_accepted())
    store.close()

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(store.folder))

    monkeypatch.setattr(os, "open", refuse)
    reader = Store.open(store.folder, key_fingerprint=FINGERPRINT)
    assert len(reader.rows()) == 1
    with pytest.raises(InputError, match="EROFS"):
        reader.add(make_accepted(1))


def _status_of(action):
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(3)
    return os.WEXITSTATUS(os.waitpid(child, 0)[1])
