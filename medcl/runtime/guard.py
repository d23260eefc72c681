"""The guard's side of confinement: fork a child under limits, pass on its answers, tell its death.

See `medcl.runtime.confinement` for the whole.
"""

import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, NoReturn

from medcl.runtime.confinement import ChildDied, ChildLimits
from medcl.runtime.pipes import (
    ANSWER,
    DIED,
    UNPREPARED,
    Content,
    TooLongError,
    pass_on,
    receive,
    receive_head,
    send,
    widened,
)

Serve = Callable[[bytes], bytes | list[Content]]
"""Turns a request into an answer, whole or in pieces, in the child."""

_LARGEST_REQUEST_BYTES = 2**31
_MOST_KEPT_BYTES = 2**30
"""What a child may keep between two requests; one that keeps more is forked anew."""


class NotPreparedError(Exception):
    """What a request takes is not loaded yet: the guard loads it, and a new child is asked."""


def run_guard(
    serve: Serve, arguments: Sequence[str], *, prepare: Callable[[], None] | None = None
) -> NoReturn:
    """Be the guard: pass requests from standard input to a child, answers to standard output.

    Args:
        serve: Runs in the child. What it raises kills the child, but `MemoryError` and
            `NotPreparedError` are told apart.
        arguments: The four numbers of `ChildLimits`.
        prepare: Loads what some requests take, when the first of them comes.

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
            try:
                child.answer(request, answers)
            except NotPreparedError:
                child.end()
                child, prepare = _prepared_child(serve, limits, prepare), None
                child.answer_prepared(request, answers)
        except ChildDied as died:
            child.end()
            child = None
            send(answers, DIED, died.reason.encode("ascii"))
        else:
            if child.kept_bytes() > _MOST_KEPT_BYTES:
                child.end()
                child = None
    if child is not None:
        child.end()
    os._exit(0)


def _prepared_child(
    serve: Serve, limits: ChildLimits, prepare: Callable[[], None] | None
) -> "_Child":
    if prepare is not None:
        prepare()
    return _Child(serve, limits)


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

    def kept_bytes(self) -> int:
        """Return the memory that it holds beyond this process, bytes; 0 once it is gone."""
        try:
            return _memory_bytes(self._pid).resident - _memory_bytes("self").resident
        except OSError:
            return 0

    def answer(self, request: bytes, answers: BinaryIO) -> None:
        """Pass the answer on, or say how the child ended.

        Args:
            request: For the child.
            answers: Pipe that takes its answer.

        Raises:
            ChildDied: It did.
            NotPreparedError: The child lacks what the request takes.
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
                return
            reason = self._answers.read(length + 1)[:-1]
        except TooLongError:
            raise ChildDied("an answer larger than it may be") from None
        except (OSError, EOFError):
            raise ChildDied(self._ending()) from None
        if kind == UNPREPARED:
            raise NotPreparedError
        raise ChildDied((reason or b"").decode("ascii", "replace"))

    def answer_prepared(self, request: bytes, answers: BinaryIO) -> None:
        """Do as `answer`, of a child that lacks nothing any more.

        Args:
            request: For the child.
            answers: Pipe that takes its answer.

        Raises:
            ChildDied: It says that it does.
        """
        try:
            self.answer(request, answers)
        except NotPreparedError:
            raise ChildDied("the reading process was not prepared") from None

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
            except NotPreparedError:
                send(answers, UNPREPARED)
                continue
            send(answers, ANSWER, *(answer if isinstance(answer, list) else [answer]))
    finally:
        # Nothing of this process may go on into the guard's code.
        os._exit(1)


class _Memory(NamedTuple):
    """Address space and memory of a process, bytes."""

    mapped: int
    resident: int


def _memory_bytes(process: int | Literal["self"]) -> _Memory:
    mapped, resident = Path(f"/proc/{process}/statm").read_text().split()[:2]
    return _Memory(int(mapped) * resource.getpagesize(), int(resident) * resource.getpagesize())


def _limit_memory(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    present = _memory_bytes("self").mapped
    resource.setrlimit(resource.RLIMIT_AS, (present + memory_bytes, present + memory_bytes))
