"""Work on hostile bytes in a process that may die: limits of memory and time, answers as bytes.

A *guard* process loads the readers once and forks a *child* that does the work under limits. A
child that asks for too much memory or time is killed and forked anew, which takes milliseconds
because nothing has to be loaded again. Requests and answers are bytes in frames; nothing that a
child says is ever unpickled.

```
caller ──pipe── guard (waits, counts seconds) ──pipe── child (limited, parses)
```
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from medcl.runtime.pipes import (
    ANSWER,
    DIED,
    TooLongError,
    VoidFrameError,
    receive,
    send,
    widened,
)

_TUNABLES = ":".join(
    f"glibc.malloc.{setting}"
    for setting in ("hugetlb=1", f"mmap_threshold={2**30}", f"trim_threshold={2**29}")
)
"""The C library asks for large pages, which are cleared sooner, and keeps up to 512 MiB of freed
memory for the next volume, since getting it anew takes a tenth of the time of a series."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildLimits:
    """What a child may use for one request.

    Attributes:
        memory_bytes: Memory beyond what it has when it is forked, bytes.
        cpu_s: Seconds of computing per request.
        wall_s: Seconds from request to answer, waiting for disks included.
        answer_bytes: Largest answer, bytes.
        threads: That compute at once; what a second one would do, one does in turn.
    """

    memory_bytes: int = 8 * 2**30
    cpu_s: int = 300
    wall_s: int = 900
    answer_bytes: int = 6 * 2**30
    threads: int = 1


class ChildDied(Exception):  # noqa: N818 (an outcome that every caller must handle)
    """The child used more than it may, or crashed; the next request gets a new child.

    Args:
        reason: In a few words, such as "more than 300 s of computing".
    """

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


class Confined:
    """The caller's side: starts the guard when first asked, and again if the guard itself dies.

    Example:
        >>> echo = "import sys, medcl.runtime.guard as g; g.run_guard(bytes, sys.argv[1:])"
        >>> with Confined(["-c", echo]) as confined:
        ...     confined.ask(b"hello")
        b'hello'
    """

    def __init__(self, program: Sequence[str], *, limits: ChildLimits | None = None) -> None:
        """Say what answers; nothing is started yet.

        Args:
            program: Arguments of a Python interpreter that make it call
                `medcl.runtime.guard.run_guard`.
            limits: Of the child.
        """
        self._program = tuple(program)
        self._limits = limits or ChildLimits()
        self._guard: subprocess.Popen[bytes] | None = None
        self._was_asked = False

    def __enter__(self) -> "Confined":
        """Return this."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the guard and its child."""
        self.close()

    def ask(self, request: bytes) -> bytes:
        """Return the child's answer.

        Args:
            request: What `Serve` is given.

        Returns:
            What it returned.

        Raises:
            ChildDied: The child was killed over this request.
        """
        guard = self.start()
        assert guard.stdin is not None
        assert guard.stdout is not None
        self._was_asked = True
        try:
            send(guard.stdin, ANSWER, request)
            try:
                kind, answer = receive(guard.stdout, self._limits.answer_bytes)
            except VoidFrameError:
                kind, answer = receive(guard.stdout, self._limits.answer_bytes)
        except (OSError, EOFError, TooLongError):
            self.close()
            raise ChildDied("the guard of the reading process died") from None
        if kind == DIED:
            raise ChildDied(answer.decode("ascii", "replace"))
        return answer

    def close(self) -> None:
        """End the guard and its child; `ask` would start them anew."""
        if self._guard is None:
            return
        guard, self._guard = self._guard, None
        for pipe in (guard.stdin, guard.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        if not self._was_asked:
            # It has no child yet and may still be loading.
            guard.kill()
        try:
            guard.wait(timeout=5)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the guard unless it runs; it loads while the caller goes on.

        Returns:
            The guard.
        """
        if self._guard is not None and self._guard.poll() is not None:
            self.close()
        if self._guard is None:
            limits = self._limits
            numbers = (limits.memory_bytes, limits.cpu_s, limits.wall_s, limits.answer_bytes)
            # -P: a folder in the working directory must not pass for a library.
            command = [sys.executable, "-P", *self._program, *map(str, numbers)]
            memory = {"GLIBC_TUNABLES": _TUNABLES}
            quiet = {"OMP_NUM_THREADS": "1", "BLOSC_NTHREADS": "1", "PYTHONWARNINGS": "ignore"}
            self._guard = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**memory, **os.environ, **quiet},
            )
            assert self._guard.stdout is not None
            widened(self._guard.stdout.fileno())
        return self._guard
