"""Progress for people: a bar with rate and time left on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Protocol, cast, runtime_checkable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from medcl.stages.progress import Advance, ProgressSink

LINE_EVERY_S = 5.0


@runtime_checkable
class Stream(Protocol):
    """What is needed of a text stream."""

    def write(self, text: str, /) -> int:
        """Write text."""

    def flush(self) -> None:
        """Hand over what was written."""

    def isatty(self) -> bool:
        """Return whether a person watches."""


def progress_on(stream: Stream) -> ProgressSink:
    """Return the right kind of progress for a stream.

    Args:
        stream: Where it is shown.

    Returns:
        A bar for a terminal, lines for anything else.
    """
    return Bars(stream) if stream.isatty() else Lines(stream)


class Lines:
    """One line at the start, one now and then, one at the end.

    Example:
        >>> import io
        >>> stream = io.StringIO()
        >>> with Lines(stream).task("Reading", total=2, unit="series") as advance:
        ...     advance(2, refused=1)
        >>> stream.getvalue().splitlines()[0]
        'Reading: 0/2 series'
    """

    def __init__(
        self,
        stream: Stream,
        *,
        every_s: float = LINE_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a stream, the least time between two lines, and a clock."""
        self._stream = stream
        self._every_s = every_s
        self._clock = clock

    @contextmanager
    def task(
        self, title: str, *, total: int | None = None, unit: str = "", done: int = 0
    ) -> Iterator[Advance]:
        """Open a piece of work; see `medcl.stages.progress.ProgressSink`."""
        state = _State(title, total, unit, self._clock(), done=done)
        last_line = state.start

        def advance(amount: int = 1, /, **figures: int | float | str) -> None:
            nonlocal last_line
            now = self._clock()
            state.done += amount
            state.figures |= figures
            if now - last_line >= self._every_s:
                last_line = now
                self._write(state.line(now))

        self._write(state.opening())
        yield advance
        self._write(
            f"{state.line(self._clock())}, done in {_duration(self._clock() - state.start)}"
        )

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class Bars:
    """A bar per piece of work."""

    def __init__(self, stream: Stream) -> None:
        """Take the terminal."""
        self._console = Console(file=cast("IO[str]", stream))

    @contextmanager
    def task(
        self, title: str, *, total: int | None = None, unit: str = "", done: int = 0
    ) -> Iterator[Advance]:
        """Open a piece of work; see `medcl.stages.progress.ProgressSink`."""
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(unit),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
        ]
        shown: dict[str, int | float | str] = {}
        with Progress(*columns, console=self._console) as bars:
            number: TaskID = bars.add_task(title, total=total, completed=done, figures="")

            def advance(amount: int = 1, /, **figures: int | float | str) -> None:
                shown.update(figures)
                bars.update(number, advance=amount, figures=_figures(shown))

            yield advance


class _Rate(ProgressColumn):
    """Work per second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else _rate(speed, self._unit))


class _State:
    """How far one piece of work is."""

    def __init__(
        self, title: str, total: int | None, unit: str, start: float, *, done: int
    ) -> None:
        self.title = title
        self.total = total
        self.unit = unit
        self.start = start
        self.done = self.before = done
        self.figures: dict[str, int | float | str] = {}

    def opening(self) -> str:
        return f"{self.title}: {self._count()}"

    def line(self, now: float) -> str:
        speed = (self.done - self.before) / max(now - self.start, 1e-9)
        parts = [self.opening(), _rate(speed, self.unit)]
        if self.total is not None and self.before < self.done < self.total:
            parts.append(f"{_duration((self.total - self.done) / speed)} left")
        shown = _figures(self.figures)
        return ", ".join([*parts, shown] if shown else parts)

    def _count(self) -> str:
        count = str(self.done) if self.total is None else f"{self.done}/{self.total}"
        return f"{count} {self.unit}".rstrip()


def _rate(speed: float, unit: str) -> str:
    number = f"{speed:.0f}" if speed >= 100 else f"{speed:.3g}"
    return f"{number} {unit}/s" if unit else f"{number}/s"


def _figures(figures: dict[str, int | float | str]) -> str:
    return "  ".join(
        f"{name.replace('_', ' ')} {value if isinstance(value, str | int) else f'{value:.4g}'}"
        for name, value in figures.items()
    )


def _duration(seconds: float) -> str:
    """Return a time as a person reads it.

    Example:
        >>> _duration(5.0), _duration(75.0), _duration(7260.0)
        ('5 s', '1:15', '2:01:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
