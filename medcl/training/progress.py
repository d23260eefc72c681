"""How far a run is, how fast it goes, and how much of its time it waits for data."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """State of a run after a step.

    Attributes:
        step: Optimiser steps taken.
        steps: In all.
        loss: Of this step, in nats.
        learning_rate: Of this step.
        volumes_per_s: Over all processes, since the report before.
        wait_share: Part of that time spent waiting for data, in ``[0, 1]``.
        seconds_left: At the mean rate so far.
        metrics: What the method tells about this step.
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    volumes_per_s: float
    wait_share: float
    seconds_left: float
    metrics: Mapping[str, float]


Report = Callable[[Progress], None]


def silent(_progress: Progress) -> None:
    """Report nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """Speed over some steps.

    Attributes:
        steps: How many.
        seconds: What they took.
        waited_s: What of it was waiting for data.
    """

    steps: int
    seconds: float
    waited_s: float

    @property
    def steps_per_s(self) -> float:
        """Steps per second; 0 before the first."""
        return self.steps / self.seconds if self.seconds > 0 else 0.0

    @property
    def wait_share(self) -> float:
        """Part of the time spent waiting, in ``[0, 1]``."""
        return self.waited_s / self.seconds if self.seconds > 0 else 0.0


class Meter:
    """Clocks a loop: in all, and since it was last asked.

    Example:
        >>> meter = Meter()
        >>> with meter.waiting():
        ...     pass
        >>> meter.count_step()
        >>> meter.total().steps
        1
    """

    def __init__(self) -> None:
        """Start the clock."""
        self._start = self._lap_start = time.perf_counter()
        self._steps = self._lap_steps = 0
        self._waited_s = self._lap_waited_s = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the block as waiting for data."""
        before = time.perf_counter()
        yield
        self._waited_s += time.perf_counter() - before

    def count_step(self) -> None:
        """Count one step."""
        self._steps += 1

    def total(self) -> Rate:
        """Return the rate since the start."""
        seconds = time.perf_counter() - self._start
        return Rate(steps=self._steps, seconds=seconds, waited_s=self._waited_s)

    def lap(self) -> Rate:
        """Return the rate since the last lap and begin another."""
        now = time.perf_counter()
        rate = Rate(
            steps=self._steps - self._lap_steps,
            seconds=now - self._lap_start,
            waited_s=self._waited_s - self._lap_waited_s,
        )
        self._lap_start, self._lap_steps, self._lap_waited_s = now, self._steps, self._waited_s
        return rate
