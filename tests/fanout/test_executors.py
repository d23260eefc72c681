"""Tasks run here, in processes, or on a cluster, behind one interface."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import as_completed

import pytest

from medcl.errors import RequestError
from medcl.fanout.executors import SerialExecutor, dask_at, executor


def square_or_die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_serial_tasks_run_when_submitted() -> None:
    seen: list[int] = []
    with SerialExecutor() as tasks:
        future = tasks.submit(seen.append, 1)
        assert seen == [1]
        assert future.done()


def test_a_serial_error_waits_for_who_asks() -> None:
    with executor("serial") as tasks:
        future = tasks.submit(int, "x")
        with pytest.raises(ValueError, match="invalid literal"):
            future.result()


def test_threads_that_wait_for_something_wait_at_once() -> None:
    meeting = threading.Barrier(2)
    with executor("threads", workers=2) as tasks:
        waits = [tasks.submit(meeting.wait, 30) for _ in range(2)]
        assert sorted(wait.result() for wait in waits) == [0, 1]


def test_an_error_of_the_run_leaves_tasks_undone_that_no_thread_took_up() -> None:
    started, go_on, seen = threading.Event(), threading.Event(), []

    def first() -> None:
        started.set()
        go_on.wait(30)

    def run() -> None:
        with executor("threads", workers=1) as tasks:
            tasks.submit(first)
            tasks.submit(seen.append, 1)
            started.wait(30)
            # It ends only after the pool was told to stop.
            threading.Timer(0.2, go_on.set).start()
            raise KeyError

    with pytest.raises(KeyError):
        run()
    assert seen == []


@pytest.mark.ddp
@pytest.mark.slow
def test_a_killed_worker_costs_its_task_not_the_run() -> None:
    with executor("local", workers=2) as tasks:
        futures = {tasks.submit(square_or_die, number): number for number in range(6)}
        results = {}
        for future in as_completed(futures, timeout=120):
            error = future.exception()
            results[futures[future]] = type(error).__name__ if error else future.result()
    assert results == {0: 0, 1: 1, 2: 4, 3: "KilledWorker", 4: 16, 5: 25}


def test_an_address_that_no_scheduler_answers_is_refused() -> None:
    with (
        pytest.raises(RequestError, match="none did in 1 s"),
        dask_at("tcp://127.0.0.1:9", timeout_s=1.0),
    ):
        pass


@pytest.mark.parametrize(("where", "workers"), [("cloud", 1), ("local", 0), ("threads", 0)])
def test_an_unknown_place_is_refused(where: str, workers: int) -> None:
    with pytest.raises(RequestError), executor(where, workers=workers):
        pass


def test_dask_is_not_imported_before_it_is_used() -> None:
    code = "import sys, medcl.fanout.executors; print({'dask', 'distributed'} & set(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"
