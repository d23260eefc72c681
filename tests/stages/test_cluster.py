"""Reading on a cluster: a real scheduler, two worker processes, and one of them is killed."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stages.ingest_process import content_of, small_archive

_QUIET = {"DASK_DISTRIBUTED__ADMIN__LOG_FORMAT": "%(message)s", "OMP_NUM_THREADS": "1"}


def start(*words: str, **options: object) -> "subprocess.Popen[bytes]":
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        env={**os.environ, **_QUIET, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **options,  # type: ignore[call-overload]
    )


def writes_no_file() -> None:
    """Let a process write no byte into any file: only the coordinator may."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, list["subprocess.Popen[bytes]"]]]:
    """Start a scheduler and two workers on this machine's loopback."""
    said = folder / "scheduler.json"
    running = [
        start(
            "distributed.cli.dask_scheduler",
            *("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"),
            *("--scheduler-file", str(said)),
        )
    ]
    try:
        while not (said.exists() and said.read_text().endswith("}")):
            assert running[0].poll() is None, "the scheduler ended"
            time.sleep(0.05)
        address = json.loads(said.read_text())["address"]
        words = ("--host", "127.0.0.1", "--no-nanny", "--nthreads", "1", "--no-dashboard")
        place = ("--local-directory", str(folder / "scratch"), "--memory-limit", "0")
        workers = [
            start(
                "distributed.cli.dask_worker",
                address,
                *words,
                *place,
                preexec_fn=writes_no_file,
            )
            for _ in range(2)
        ]
        running += workers
        yield address, workers
    finally:
        for process in running:
            process.kill()
            process.wait()


def wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    with Client(address, timeout=60) as client:
        client.wait_for_workers(count, timeout=120)


@pytest.mark.ddp
def test_a_killed_worker_costs_nothing_and_only_the_coordinator_writes(tmp_path: Path) -> None:
    site = small_archive(tmp_path)
    site.ingest(tmp_path / "serial")
    store = tmp_path / "store"
    with cluster(tmp_path) as (address, workers):
        wait_for_workers(address, 2)

        def kill_one() -> None:
            while not list(store.glob("volumes/*/*")):
                time.sleep(0.001)
            workers[0].kill()

        killer = threading.Thread(target=kill_one, daemon=True)
        killer.start()
        site.ingest(store, scheduler=address, workers=2)
        killer.join(timeout=30)
        assert workers[0].wait(timeout=30) == -9
        assert workers[1].poll() is None
    assert content_of(store) == content_of(tmp_path / "serial")


@pytest.mark.ddp
@pytest.mark.slow
def test_two_processes_of_this_machine_bring_in_the_same_bytes_as_one(tmp_path: Path) -> None:
    site = small_archive(tmp_path)
    site.ingest(tmp_path / "serial")
    site.ingest(tmp_path / "store", workers=2)
    assert content_of(tmp_path / "store") == content_of(tmp_path / "serial")
