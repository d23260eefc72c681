"""``events.jsonl``: what happened in a run, one line each, only ever appended to.

It is the source of truth; a tracking server gets copies. A run that was killed may have reported
steps after its last checkpoint; it takes them again on resume, with the same values, so a reader
keeps the last line of each step.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

Event = Mapping[str, object]


class EventLog:
    """Appends events to a file, each line in one write, so that a kill tears at most the last.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "events.jsonl"
        >>> with EventLog(path) as log:
        ...     log.write("step", step=1, loss=2.5)
        >>> [(event["kind"], event["loss"]) for event in read_events(path)]
        [('step', 2.5)]
    """

    def __init__(self, path: Path) -> None:
        """Open for appending; a line torn by a kill is closed first."""
        torn = path.exists() and path.stat().st_size > 0 and not _ends_with_newline(path)
        self._file = path.open("ab", buffering=0)
        if torn:
            self._file.write(b"\n")

    def write(self, kind: str, **fields: object) -> None:
        """Append one event with the time in seconds since 1970.

        Args:
            kind: What happened, such as ``step``, ``resumed`` or ``saved``.
            fields: Plain values; a number that is NaN or infinite becomes ``null``, as JSON has
                neither.
        """
        event = {"kind": kind, "time_s": round(time.time(), 3), **fields}
        line = json.dumps(_finite(event), allow_nan=False, ensure_ascii=True)
        self._file.write(line.encode() + b"\n")

    def __enter__(self) -> "EventLog":
        """Return the log itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()


def read_events(path: Path) -> Iterator[dict[str, object]]:
    """Return the events of a file in the order written, without a torn line.

    Args:
        path: An ``events.jsonl``; one that does not exist has no events.

    Yields:
        One dictionary per event, with at least ``kind`` and ``time_s``.
    """
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return value
