"""One writer per store: a lock that dies with the process that holds it."""

import fcntl
import os
from pathlib import Path

from medcl.errors import InputError

_HELD: dict[Path, int] = {}
_TAKEN = (
    "A store takes one writer at a time, and another one is writing to this store now. "
    "Wait until it has finished, or stop it; reading is always possible."
)


class WriterLock:
    """The right to change a store.

    A POSIX lock keeps other processes out and is not inherited by forked workers, so that a worker
    which outlives a killed writer does not block the next one. Such a lock does not keep the same
    process out; a table in memory does.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Args:
            folder: The store's folder.

        Raises:
            InputError: Somebody else holds it.
        """
        self._path = (folder / "writer.lock").resolve()
        self._file = -1
        if _HELD.get(self._path) == os.getpid():
            raise InputError(_TAKEN)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise InputError(_TAKEN) from None
        _HELD[self._path] = os.getpid()

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._file >= 0:
            if _HELD.get(self._path) == os.getpid():
                del _HELD[self._path]
            os.close(self._file)
            self._file = -1
