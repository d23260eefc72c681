"""Folders for files that nobody else may see, of which none is left behind for long.

A folder belongs to the process that made it, which removes it whatever becomes of the processes
that write into it. A lock on a file in it ends with that process: a folder whose lock nobody holds
is left over from a process that was killed, and the next one removes it.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX, _LOCK = "medcl-private-", "lock"
_TRIES = 8
_ONLY_OWNER = 0o700


@contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder that only this user can look into; it is removed after the block.

    It lies in the folder for temporary files (``TMPDIR``), and holds nothing but its lock.

    Yields:
        The folder.

    Raises:
        OSError: None can be made.

    Example:
        >>> with private_folder() as folder:
        ...     oct(folder.stat().st_mode & 0o777)
        '0o700'
        >>> folder.exists()
        False
    """
    folder, lock = _made()
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def remove_abandoned() -> int:
    """Remove the private folders of this user whose processes are no longer alive.

    Returns:
        How many there were.
    """
    count = 0
    for folder in Path(tempfile.gettempdir()).glob(_PREFIX + "*"):
        if not _is_ours(folder):
            continue
        try:
            lock = _locked(folder, os.O_RDWR)
        except FileNotFoundError:
            # Its process was killed before it could lock it, so that it is empty; or it is about
            # to, and will make another one.
            with suppress(OSError):
                folder.rmdir()
                count += 1
        except OSError:
            continue
        else:
            _remove(folder)
            os.close(lock)
            count += 1
    return count


def _made() -> tuple[Path, int]:
    """Return a new folder and its lock.

    Raises:
        OSError: None can be made.
    """
    for _ in range(_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Another process may take it for abandoned as long as it is not locked.
        with suppress(FileNotFoundError, BlockingIOError):
            try:
                lock = _locked(folder, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            except OSError:
                _remove(folder)
                raise
            if (folder / _LOCK).exists():
                return folder, lock
            os.close(lock)
    raise OSError(f"{_TRIES} new folders were gone before they could be locked.")


def _locked(folder: Path, flags: int) -> int:
    """Return the opened lock of a folder, held.

    Raises:
        OSError: There is none, or another process holds it.
    """
    lock = os.open(folder / _LOCK, flags | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    mode = found.st_mode
    return stat.S_ISDIR(mode) and stat.S_IMODE(mode) == _ONLY_OWNER and found.st_uid == os.geteuid()


def _remove(folder: Path) -> None:
    """Remove a folder, also while a program that was left running still writes into it."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
