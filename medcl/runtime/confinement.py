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
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, NoReturn

from medcl.runtime.pipes import (
    ANSWER,
    DIED,
    Content,
    TooLongError,
    VoidFrameError,
    pass_on,
    receive,
    receive_head,
    send,
    widened,
)

Serve = Callable[[bytes], bytes | list[Content]]
"""Turns a request into an answer, whole or in pieces, in the child."""

_LARGEST_REQUEST_BYTES = 2**31
_RELEASED_BYTES = 2**28
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildLimits:
    """What a child may use for one request.

    Attributes:
        memory_bytes: Memory beyond what it has when it is forked, bytes.
        cpu_s: Seconds of computing per request.
        wall_s: Seconds from request to answer, waiting for disks included.
        answer_bytes: Largest answer, bytes.
    """

    memory_bytes: int = 8 * 2**30
    cpu_s: int = 300
    wall_s: int = 900
    answer_bytes: int = 6 * 2**30


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
        >>> echo = "import sys, medcl.runtime.confinement as c; c.run_guard(bytes, sys.argv[1:])"
        >>> with Confined(["-c", echo]) as confined:
        ...     confined.ask(b"hello")
        b'hello'
    """

    def __init__(self, program: Sequence[str], *, limits: ChildLimits | None = None) -> None:
        """Say what answers; nothing is started yet.

        Args:
            program: Arguments of a Python interpreter that make it call `run_guard`.
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
            quiet = {"OMP_NUM_THREADS": "1", "BLOSC_NTHREADS": "1", "PYTHONWARNINGS": "ignore"}
            self._guard = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **quiet},
            )
            assert self._guard.stdout is not None
            widened(self._guard.stdout.fileno())
        return self._guard


def run_guard(serve: Serve, arguments: Sequence[str]) -> NoReturn:
    """Be the guard: pass requests from standard input to a child, answers to standard output.

    Args:
        serve: Runs in the child. What it raises kills the child, but `MemoryError` is told apart.
        arguments: The four numbers of `ChildLimits`.

    It ends with standard input, and at once: there is nothing left to take down.
    """
    memory, cpu, wall, answer = (int(number) for number in arguments)
    limits = ChildLimits(memory_bytes=memory, cpu_s=cpu, wall_s=wall, answer_bytes=answer)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not stand among the answers.
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child: _Child | None = None
    while True:
        try:
            _, request = receive(requests, _LARGEST_REQUEST_BYTES)
        except EOFError:
            break
        child = child or _Child(serve, limits)
        try:
            answer_bytes = child.answer(request, answers)
        except ChildDied as died:
            child.end()
            child = None
            send(answers, DIED, died.reason.encode("ascii"))
        else:
            if answer_bytes > _RELEASED_BYTES:
                child.end()
                child = None
    if child is not None:
        child.end()
    os._exit(0)


class _Child:
    """A forked process that serves requests one after the other."""

    def __init__(self, serve: Serve, limits: ChildLimits) -> None:
        self._limits = limits
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(down_write)
            os.close(up_read)
            _serve_forever(serve, limits, os.fdopen(down_read, "rb"), os.fdopen(up_write, "wb"))
        os.close(down_read)
        os.close(up_write)
        self._requests, self._answers = os.fdopen(down_write, "wb"), FileIO(widened(up_read))

    def answer(self, request: bytes, answers: BinaryIO) -> int:
        """Pass the answer on, or say how the child ended.

        Args:
            request: For the child.
            answers: Pipe that takes its answer.

        Returns:
            Bytes of the answer.

        Raises:
            ChildDied: It did.
        """
        deadline = time.monotonic() + self._limits.wall_s
        try:
            send(self._requests, ANSWER, request)
            ready, _, _ = select.select([self._answers], [], [], deadline - time.monotonic())
            if not ready:
                raise ChildDied(f"more than {self._limits.wall_s} s")
            kind, length = receive_head(self._answers, self._limits.answer_bytes)
            if kind == ANSWER:
                pass_on(self._answers, answers, kind, length)
                return length
            reason = self._answers.read(length)
        except TooLongError:
            raise ChildDied("an answer larger than it may be") from None
        except (OSError, EOFError):
            raise ChildDied(self._ending()) from None
        raise ChildDied((reason or b"").decode("ascii", "replace"))

    def end(self) -> None:
        """Kill the process and wait for it."""
        for pipe in (self._requests, self._answers):
            with suppress(OSError):
                pipe.close()
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0

    def _ending(self) -> str:
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}:
            return f"more than {self._limits.cpu_s} s of computing, or killed by the system"
        return "the reading process crashed"


def _serve_forever(
    serve: Serve, limits: ChildLimits, requests: BinaryIO, answers: BinaryIO
) -> NoReturn:
    """Answer until the guard ends; never return into the guard's code."""
    try:
        _limit_memory(limits.memory_bytes)
        while True:
            _, request = receive(requests, _LARGEST_REQUEST_BYTES)
            used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
            seconds = int(used) + 1 + limits.cpu_s
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
            try:
                answer = serve(request)
            except MemoryError:
                send(answers, DIED, b"more memory than a reading process may use")
                continue
            send(answers, ANSWER, *(answer if isinstance(answer, list) else [answer]))
    finally:
        # Nothing of this process may go on into the guard's code.
        os._exit(1)


def _limit_memory(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    present = int(_STATM.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (present + memory_bytes, present + memory_bytes))
