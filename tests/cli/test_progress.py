"""Progress: a bar for people who watch, lines for logs."""

import io
import time

import pytest

from medcl.cli.progress import Bars, Lines, progress_on


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lines_come_at_the_start_now_and_then_and_at_the_end():
    clock, stream = Clock(), io.StringIO()
    with Lines(stream, every_s=4.9, clock=clock).task(
        "Reading", total=100, unit="series"
    ) as advance:
        for _ in range(100):
            clock.now += 0.2
            advance(1, refused=2)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "Reading: 0/100 series"
    assert lines[1] == "Reading: 25/100 series, 5 series/s, 15 s left, refused 2"
    assert lines[-1] == "Reading: 100/100 series, 5 series/s, refused 2, done in 20 s"
    assert len(lines) == 6


def test_work_that_was_done_before_a_stop_does_not_count_as_speed():
    clock, stream = Clock(), io.StringIO()
    with Lines(stream, every_s=0.5, clock=clock).task(
        "Training", total=1000, unit="steps", done=900
    ) as advance:
        clock.now += 10
        advance(20)
        clock.now += 10
        advance(80)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "Training: 900/1000 steps"
    assert lines[1] == "Training: 920/1000 steps, 2 steps/s, 40 s left"
    assert lines[-1].startswith("Training: 1000/1000 steps, 5 steps/s")


def test_work_of_unknown_size_shows_no_time_left():
    clock, stream = Clock(), io.StringIO()
    with Lines(stream, every_s=1.0, clock=clock).task("Looking", unit="files") as advance:
        clock.now += 2
        advance(500)
    assert stream.getvalue().splitlines()[1] == "Looking: 500 files, 250 files/s"


def test_work_that_fails_is_not_called_done():
    stream = io.StringIO()
    with pytest.raises(RuntimeError), Lines(stream).task("Reading", total=2):
        raise RuntimeError
    assert "done" not in stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_with_rate_and_figures(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    progress = progress_on(stream)
    assert isinstance(progress, Bars)
    with progress.task("Training", total=2, unit="volumes") as advance:
        advance(1)
        time.sleep(0.01)
        advance(1, loss=1.23456, wait_share=0.01)
    assert "2/2" in stream.getvalue()
    assert "volumes/s" in stream.getvalue()
    assert "loss 1.235  wait share 0.01" in stream.getvalue()


def test_anything_else_gets_lines():
    assert isinstance(progress_on(io.StringIO()), Lines)
