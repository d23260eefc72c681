"""What a command says: text for people, or one JSON line for machines and nothing beside it."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout

from medcl.cli.progress import Stream, progress_on
from medcl.stages.progress import ProgressSink
from medcl.stages.summary import Figure, StageSummary, Table


class Output:
    """Where a command's words go.

    Attributes:
        progress: For work that takes time; on standard error.
    """

    progress: ProgressSink

    def __init__(self, *, people: Stream, machines: Stream | None) -> None:
        """Take a stream for people and, if JSON was asked for, one for machines."""
        self._people = people
        self._machines = machines
        self.progress = progress_on(sys.stderr)

    @property
    def is_json(self) -> bool:
        """Whether JSON was asked for."""
        return self._machines is not None

    def say(self, *lines: str) -> None:
        """Write lines for people."""
        for line in lines:
            print(line, file=self._people)

    def table(self, table: Table) -> None:
        """Write a table for people."""
        self.say(*format_table(table))

    def record(self, content: Mapping[str, object]) -> None:
        """Write one line for machines; without ``--json`` nothing."""
        if self._machines is not None:
            text = json.dumps(content, allow_nan=False, ensure_ascii=False, default=str)
            print(text, file=self._machines, flush=True)

    def finish(self, summary: StageSummary) -> None:
        """Say what came of a stage, what it wrote, and what to type next.

        Raises:
            KeyboardInterrupt: The stage was asked to stop and did, so the command is not done.
        """
        for table in summary.tables:
            self.table(table)
        self.say(*summary.notes)
        if not summary.tables:
            self.say(
                *_aligned(
                    (name.replace("_", " "), value) for name, value in summary.figures.items()
                )
            )
        if summary.written:
            self.say(
                "", "Written:", *_aligned((one.what, str(one.path)) for one in summary.written)
            )
        if summary.next_command:
            self.say("", f"Next: {summary.next_command}")
        self.record(summary.to_json())
        if summary.is_stopped:
            raise KeyboardInterrupt


@contextmanager
def opened(*, json_wanted: bool) -> Iterator[Output]:
    """Open the streams of one command.

    With JSON, everything else that is written to standard output while the command runs, by
    libraries and their C code too, goes to standard error.

    Args:
        json_wanted: Whether ``--json`` was given.

    Yields:
        The output.
    """
    if not json_wanted:
        yield Output(people=sys.stdout, machines=None)
        return
    with _standard_output_kept() as machines, redirect_stdout(sys.stderr):
        yield Output(people=sys.stderr, machines=machines)


@contextmanager
def _standard_output_kept() -> Iterator[Stream]:
    """Give what standard output was, while its descriptor leads to standard error."""
    original = sys.stdout
    if original is not sys.__stdout__ or original is None:
        yield original
        return
    original.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as machines:
            yield machines
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def format_table(table: Table) -> list[str]:
    r"""Return a table as lines, numbers to the right, text to the left.

    Example:
        >>> print("\n".join(format_table(Table(("reason", "files"), (("OK", 12), ("GAP", 3))))))
        reason  files
        OK         12
        GAP         3
    """
    cells = [[_text(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(table.columns))]
    is_number = [
        all(isinstance(row[column], int | float) or row[column] is None for row in table.rows)
        for column in range(len(table.columns))
    ]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ).rstrip()
        for row in cells
    ]
    return [table.title, *lines] if table.title else lines


def _text(value: Figure) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _aligned(pairs: Iterable[tuple[str, Figure]]) -> list[str]:
    rows = [(name, _text(value)) for name, value in pairs]
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name.ljust(width)}  {value}" for name, value in rows]
