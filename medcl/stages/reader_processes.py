"""The confined reading processes of this process: started early, lent to one task at a time, kept.

It imports nothing heavy, so that they can load while the command that needs them still does.
"""

import atexit
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from medcl.runtime.confinement import ChildLimits, Confined

_PROGRAM = ("-m", "medcl.stages.reader")
_IDLE: dict[ChildLimits, list[Confined]] = {}
_GUARD = threading.Lock()


def warm_up(limits: ChildLimits, *, count: int) -> None:
    """Start reading processes, unless as many wait already.

    Args:
        limits: Of each, per file or series.
        count: How many will be lent at once.
    """
    with ExitStack() as held:
        for _ in range(count):
            held.enter_context(lent(limits)).start()


@contextmanager
def lent(limits: ChildLimits) -> Iterator[Confined]:
    """Give a reading process that nobody else of this process uses; it is kept for the next.

    Args:
        limits: Of each request.

    Yields:
        The process; it starts when it is first asked.
    """
    with _GUARD:
        waiting = _IDLE.setdefault(limits, [])
        reader = waiting.pop() if waiting else None
    if reader is None:
        reader = Confined(_PROGRAM, limits=limits)
        atexit.register(reader.close)
    try:
        yield reader
    finally:
        with _GUARD:
            waiting.append(reader)
