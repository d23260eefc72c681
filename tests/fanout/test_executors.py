"""Tasks run here, in processes, or on a cluster, behind one interface."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import as_completed

import psutil
import pytest

from medcl.errors import RequestError
from medcl.fanout.executors import SerialExecutor, dask_at, executor


def square_or_die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


MEETING = threading.Barrier(2)
STARTED, GO_ON = threading.Event(), threading.Event()
DONE: list[int] = []


def meet() -> int:
    return MEETING.wait(30)


def wait_and_note(number: int) -> None:
    STARTED.set()
    GO_ON.wait(30)
    DONE.append(number)


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
    with executor("threads", workers=2) as tasks:
        waits = [tasks.submit(meet) for _ in range(2)]
        assert sorted(wait.result(30) for wait in waits) == [0, 1]


def test_threads_of_dask_are_of_this_process_and_nobody_else_can_reach_them() -> None:
    with executor("threads", workers=2) as tasks:
        assert tasks.submit(os.getpid).result(30) == os.getpid()
        listening = [one for one in psutil.Process().net_connections() if one.status == "LISTEN"]
        assert {one.laddr.ip for one in listening} <= {"127.0.0.1"}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_run_leaves_tasks_undone_that_no_thread_took_up(workers: int) -> None:
    STARTED.clear()
    GO_ON.clear()
    DONE.clear()

    def run() -> None:
        with executor("threads", workers=workers) as tasks:
            held = [tasks.submit(wait_and_note, number) for number in range(6)]
            assert STARTED.wait(30)
            # It ends only after the pool was told to stop.
            threading.Timer(0.5, GO_ON.set).start()
            raise KeyError(len(held))

    with pytest.raises(KeyError):
        run()
    assert len(DONE) <= workers


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
