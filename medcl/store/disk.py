"""What a full, failing or read-only disk makes of a change to the store."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from medcl.errors import InputError

NO_ROOM = (
    "The store cannot be written: the disk is full or failing. What it held is unharmed; "
    "make room and run the same command again, it goes on where it stopped."
)
"""Said when the disk is full."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


@contextmanager
def disk_errors_as_sentences() -> Iterator[None]:
    """Turn what the system says about a disk into a sentence of medcl.

    Raises:
        InputError: The disk is full or cannot be written to.

    Example:
        >>> with disk_errors_as_sentences():
        ...     raise OSError(errno.EACCES, "Permission denied", "/archive/of/somebody")
        Traceback (most recent call last):
            ...
        medcl.errors.InputError: The store cannot be written here (EACCES).
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise InputError(NO_ROOM) from None
        name = errno.errorcode.get(error.errno or 0, "unknown error")
        raise InputError(f"The store cannot be written here ({name}).") from None
