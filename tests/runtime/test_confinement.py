"""Hostile work dies with its child: the caller is told why, and the next request is served."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from medcl.runtime.confinement import ChildDied, ChildLimits, Confined

PROGRAM = [str(Path(__file__).with_name("echo.py"))]
LIMITS = ChildLimits(memory_bytes=2**28, cpu_s=1, wall_s=120, answer_bytes=2**20)


@pytest.fixture(scope="module")
def confined() -> Iterator[Confined]:
    with Confined(PROGRAM, limits=LIMITS) as process:
        yield process


def test_bytes_come_back(confined: Confined) -> None:
    for request in (b"", b"one", bytes(range(256)) * 1000):
        assert confined.ask(request) == request


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (b"eat 400000000", "memory"),
        (b"spin ", "computing"),
        (b"crash ", "crashed"),
        (b"raise ", "crashed"),
        (b"x" * (2**20 + 1), "larger"),
    ],
    ids=["memory", "computing", "abort", "exception", "answer"],
)
def test_what_goes_beyond_a_limit_is_told_and_costs_nothing_else(
    confined: Confined, request_bytes: bytes, reason: str
) -> None:
    with pytest.raises(ChildDied, match=reason) as died:
        confined.ask(request_bytes)
    assert "header" not in str(died.value)
    assert confined.ask(b"still here") == b"still here"


def test_a_process_that_keeps_much_memory_is_forked_anew_and_one_that_keeps_little_is_not() -> None:
    with Confined(PROGRAM, limits=replace(LIMITS, memory_bytes=2**31, cpu_s=60)) as confined:
        first = confined.ask(b"keep 1000")
        assert confined.ask(b"pid ") == first
        assert confined.ask(b"keep %d" % (2**30 + 2**26)) == first
        assert confined.ask(b"pid ") != first


def test_who_waits_too_long_is_told_and_costs_nothing_else() -> None:
    """With limits of its own: on a busy machine computing takes longer than it counts."""
    with Confined(PROGRAM, limits=replace(LIMITS, wall_s=2)) as confined:
        with pytest.raises(ChildDied, match="more than 2 s"):
            confined.ask(b"sleep ")
        assert confined.ask(b"still here") == b"still here"


def test_an_answer_that_breaks_off_is_told_and_costs_nothing_else(confined: Confined) -> None:
    for _ in range(2):
        with pytest.raises(ChildDied, match="crashed"):
            confined.ask(b"half ")
        assert confined.ask(b"x" * 2**19) == b"x" * 2**19


def test_an_answer_in_pieces_comes_as_one(confined: Confined) -> None:
    assert confined.ask(b"parts one") == b"one + one"


def test_what_a_request_takes_is_loaded_once_and_every_later_child_has_it() -> None:
    with Confined(PROGRAM, limits=LIMITS) as confined:
        first = confined.ask(b"pid")
        assert confined.ask(b"later ") == b"prepared once"
        second = confined.ask(b"pid")
        assert second != first
        with pytest.raises(ChildDied):
            confined.ask(b"crash ")
        assert confined.ask(b"later ") == b"prepared once"
        assert confined.ask(b"pid") != second


def test_who_is_never_prepared_is_told(confined: Confined) -> None:
    for _ in range(2):
        with pytest.raises(ChildDied, match="prepared"):
            confined.ask(b"never ")
        assert confined.ask(b"still here") == b"still here"


def test_memory_below_the_limit_is_given(confined: Confined) -> None:
    assert confined.ask(b"eat 100000000") == bytes(95)


def test_what_a_library_prints_stays_out_of_the_answers(confined: Confined) -> None:
    assert confined.ask(b"print ") == b"print "
    assert confined.ask(b"next") == b"next"


def test_a_child_serves_until_it_dies(confined: Confined) -> None:
    first = confined.ask(b"pid")
    assert confined.ask(b"pid") == first
    with pytest.raises(ChildDied):
        confined.ask(b"crash ")
    assert confined.ask(b"pid") != first


def test_seconds_count_per_request(confined: Confined) -> None:
    for _ in range(3):
        assert confined.ask(b"eat 200000000") == bytes(190)


def test_a_guard_that_died_is_replaced() -> None:
    with Confined(PROGRAM, limits=LIMITS) as confined:
        assert confined.ask(b"one") == b"one"
        assert confined._guard is not None
        confined._guard.kill()
        confined._guard.wait()
        assert confined.ask(b"two") == b"two"
