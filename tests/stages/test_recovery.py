"""Whatever stops an ingest, the store reads, and the next run ends with the very same bytes."""

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from medcl.errors import PrivacyError
from medcl.ingest.identity import Keyring
from medcl.store.store import Store
from tests.stages.ingest_process import SERIES, Archive, content_of, small_archive

Content = tuple[dict[str, bytes], list[str]]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return small_archive(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def expected(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Content:
    """What an undisturbed run leaves."""
    store = tmp_path_factory.mktemp("clean") / "store"
    archive.ingest(store)
    files, rows = content_of(store)
    assert len(files) == SERIES - 1
    return files, rows


@dataclass(frozen=True)
class Moment:
    """When a run is killed: so many volumes are on disk, and a little later."""

    volumes: int
    delay_s: float


def moments(count: int) -> list[Moment]:
    """Return seeded moments: a third while the program starts, the others while it writes."""
    rng = np.random.default_rng(7)
    found = []
    for number in range(count):
        if number % 3 == 0:
            found.append(Moment(0, float(rng.uniform(0.2, 4))))
        else:
            found.append(Moment(int(rng.integers(1, SERIES)), float(rng.uniform(0, 0.03))))
    return found


def wait_for(process: "subprocess.Popen[str]", store: Path, volumes: int) -> None:
    while process.poll() is None and len(list(store.glob("volumes/*/*"))) < volumes:
        time.sleep(0.001)


def kill_and_complete(archive: Archive, store: Path, moment: Moment) -> int:
    """Kill a run, check that the store reads, run again.

    Returns:
        Volumes that the killed run had brought in.
    """
    process = archive.start(store)
    wait_for(process, store, moment.volumes)
    time.sleep(moment.delay_s)
    process.kill()
    process.communicate()
    held = 0
    if (store / "catalogue.sqlite").exists():
        opened = Store.open(store)
        assert opened.verify() == []
        held = len(opened.rows())
    archive.ingest(store)
    return held


def test_an_ingest_killed_while_it_starts_or_writes_is_completed_byte_for_byte(
    archive: Archive, expected: Content, tmp_path: Path
) -> None:
    for number, moment in enumerate([Moment(0, 1.0), Moment(3, 0.0)]):
        kill_and_complete(archive, tmp_path / str(number), moment)
        assert content_of(tmp_path / str(number)) == expected, moment


@pytest.mark.slow
def test_an_ingest_killed_at_thirty_random_moments_is_completed_byte_for_byte(
    archive: Archive, expected: Content, tmp_path: Path
) -> None:
    held = set()
    for number, moment in enumerate(moments(30)):
        held.add(kill_and_complete(archive, tmp_path / str(number), moment))
        assert content_of(tmp_path / str(number)) == expected, moment
    assert len(held) > 3, "the kills all fell at the same place"


@pytest.mark.slow
def test_a_store_killed_over_and_over_is_completed_in_the_end(
    archive: Archive, expected: Content, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    for moment in moments(8):
        process = archive.start(store)
        wait_for(process, store, moment.volumes)
        time.sleep(moment.delay_s)
        process.kill()
        process.communicate()
    archive.ingest(store)
    assert content_of(store) == expected


def test_of_two_ingests_at_once_the_second_is_told_to_wait_and_harms_nothing(
    archive: Archive, expected: Content, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    first = archive.start(store)
    wait_for(first, store, 1)
    first.send_signal(signal.SIGSTOP)  # in the middle, for as long as the second one takes
    try:
        second = archive.start(store)
        _, said = second.communicate(timeout=120)
    finally:
        first.send_signal(signal.SIGCONT)
    assert second.returncode == 2, said
    assert "one writer at a time" in said
    assert "Surveying" not in said
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    assert content_of(store) == expected


def test_a_limit_on_file_size_stops_with_a_sentence_and_the_next_run_completes(
    archive: Archive, expected: Content, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    room = (12_000, 12_000)
    process = archive.start(
        store, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, room)
    )
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2, said
    assert "disk is full" in said
    assert "Traceback" not in said
    archive.ingest(store)
    assert content_of(store) == expected


_ON_TMPFS = """
import subprocess, sys
from pathlib import Path
from tests.stages.ingest_process import Archive, content_of
folder, archive, key_file, clean = map(Path, sys.argv[1:])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(folder)], check=True)
given, store = Archive(archive, key_file), folder / "store"
full = given.start(store)
said = full.communicate()[1]
assert full.returncode == 2, (full.returncode, said)
assert "disk is full" in said and "Traceback" not in said, said
assert len(content_of(store)[0]) < len(content_of(clean)[0])
subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
given.ingest(store)
assert content_of(store) == content_of(clean)
print("completed")
"""


@pytest.mark.slow
def test_a_full_disk_stops_with_a_sentence_and_the_next_run_completes(
    archive: Archive, expected: Content, tmp_path: Path
) -> None:
    probe = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "x", "/mnt"]
    try:
        subprocess.run(probe, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets nobody mount a file system of his own")
    full, clean = tmp_path / "full", tmp_path / "clean"
    full.mkdir()
    archive.ingest(clean)
    places = map(str, (full, archive.folder, archive.key_file, clean))
    done = subprocess.run(
        [*probe[:4], sys.executable, "-c", _ON_TMPFS, *places],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
        timeout=200,
    )
    assert done.stdout.endswith("completed\n"), done.stderr
    assert content_of(clean) == expected


def test_another_secret_stops_before_anything_is_opened_or_written(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = tmp_path / "store", tmp_path / "other.key"
    archive.ingest(store)
    before = stored_bytes(store)
    Keyring.create(other)
    monkeypatch.setattr("medcl.ingest.archive.find", lambda *_, **__: pytest.fail("it looked"))
    with pytest.raises(PrivacyError, match="one patient would become two"):
        Archive(archive.folder, other).ingest(store)
    assert stored_bytes(store) == before


def stored_bytes(folder: Path) -> dict[Path, bytes]:
    """Return everything but the two files that SQLite keeps beside an open catalogue."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {p: p.read_bytes() for p in paths if not p.name.endswith(("-shm", "-wal"))}
