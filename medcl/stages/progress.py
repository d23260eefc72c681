"""How a stage tells how far it is, without knowing who listens."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable


@runtime_checkable
class Advance(Protocol):
    """Says that a piece of work is done."""

    def __call__(self, amount: int = 1, /, **figures: int | float | str) -> None:
        """Count work and show figures.

        Args:
            amount: How much was done since the last call.
            figures: A few values to show beside the bar, such as ``loss``; they stay until given
                anew.
        """


@runtime_checkable
class ProgressSink(Protocol):
    """Shows work in progress: a bar on a terminal, lines in a log, or nothing."""

    def task(
        self, title: str, *, total: int | None = None, unit: str = "", done: int = 0
    ) -> AbstractContextManager[Advance]:
        """Open a piece of work.

        Args:
            title: What is being done, two or three words, never a value from a header.
            total: How much there is; ``None`` if not known.
            unit: What is counted, such as ``series``.
            done: How much of it was done before, and says nothing of the speed.

        Returns:
            A context that gives a function to call as work gets done.
        """


class Silent:
    """Shows nothing.

    Example:
        >>> with Silent().task("Reading", total=2, unit="series") as advance:
        ...     advance(1, refused=0)
    """

    @contextmanager
    def task(
        self, title: str, *, total: int | None = None, unit: str = "", done: int = 0
    ) -> Iterator[Advance]:
        """Open a piece of work that nobody watches."""
        del title, total, unit, done
        yield _ignore


def _ignore(amount: int = 1, /, **figures: int | float | str) -> None:
    del amount, figures


def counted(advance: Advance) -> Callable[[int, int], None]:
    """Return a report of "so many done of all" that feeds a task.

    Args:
        advance: Of the task.

    Returns:
        A function of the number done and of all.

    Example:
        >>> report = counted(lambda amount=1, **_: print(amount))
        >>> report(2, 5)
        2
        >>> report(5, 5)
        3
    """
    last = 0

    def report(done: int, _total: int) -> None:
        nonlocal last
        advance(done - last)
        last = done

    return report
