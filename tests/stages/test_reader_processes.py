"""Reading processes are lent to one task at a time, kept for the next, and load no torch."""

import subprocess
import sys
import threading
import time

from medcl.runtime.confinement import ChildLimits
from medcl.stages.reader_processes import lent, warm_up
from medcl.stages.reading import inspected, inspection, run_task

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
