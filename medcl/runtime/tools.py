"""Somebody else's program, run on a file of a private folder under limits of time and memory."""

import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolLimits:
    """What a program may use; its memory is what the process that starts it may use.

    Attributes:
        wall_s: Seconds from start to end; its computing is held to as many per process.
        file_bytes: Largest file it may write.
    """

    wall_s: int = 300
    file_bytes: int = 4 * 2**30


class ToolFailed(Exception):  # noqa: N818 (an outcome that every caller must handle)
    """The program did not end as it should.

    Args:
        reason: In a few words, such as "ended with status 1"; nothing that the program printed.
    """

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


def run_tool(command: Sequence[str], *, folder: Path, limits: ToolLimits) -> None:
    """Run a program and all that it starts, silent and in a folder of its own.

    Args:
        command: The program and its arguments; no shell reads them.
        folder: Where it works; its temporary files and its home are there too.
        limits: What it may use.

    Raises:
        ToolFailed: It cannot be started, fails, or takes too long.

    Example:
        >>> run_tool(["true"], folder=Path("/tmp"), limits=ToolLimits())
        >>> run_tool(["false"], folder=Path("/tmp"), limits=ToolLimits())
        Traceback (most recent call last):
            ...
        medcl.runtime.tools.ToolFailed: ended with status 1
    """
    places = dict.fromkeys(("TMPDIR", "HOME"), str(folder))
    library = ctypes.CDLL(None)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    file_bytes = limits.file_bytes if most < 0 else min(limits.file_bytes, most)

    def confine() -> None:
        # It must not outlive the reading process that waits for it.
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (limits.wall_s, limits.wall_s))
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    try:
        running = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**os.environ, **places},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=confine,
        )
    except OSError as error:
        raise ToolFailed(f"cannot be started ({type(error).__name__})") from None
    try:
        status = running.wait(timeout=limits.wall_s)
    except subprocess.TimeoutExpired:
        raise ToolFailed(f"took more than {limits.wall_s} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    if status:
        raise ToolFailed(f"ended with status {status}")
