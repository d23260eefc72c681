"""Regions of memory that processes share: a reader leaves voxels there, and nobody sends them.

Memory that is made anew for every batch has to be cleared and mapped page by page, in both
processes; these regions are used again and again.
"""

import os
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory
from queue import Empty, SimpleQueue

import numpy as np
from jaxtyping import UInt8

_PAGE = 4096

Bytes = UInt8[np.ndarray, "N"]


class Regions:
    """Equal parts of one piece of shared memory.

    Example:
        >>> regions = Regions(4096, 1)
        >>> regions.take(), regions.take(), regions.give(0), regions.take()
        (0, None, None, 0)
        >>> regions.close()
    """

    def __init__(self, num_bytes: int, count: int) -> None:
        """Reserve the memory.

        Args:
            num_bytes: Of each part.
            count: Of parts.

        Raises:
            OSError: There is not so much shared memory.
        """
        self.num_bytes = -(-num_bytes // _PAGE) * _PAGE
        self._memory = SharedMemory(create=True, size=self.num_bytes * count)
        self._free: SimpleQueue[int] = SimpleQueue()
        try:
            _reserve(self._memory)
            touch(self._memory)
        except OSError:
            self.close()
            raise
        for number in range(count):
            self._free.put(number)

    @property
    def name(self) -> str:
        """What another process opens the memory by."""
        return self._memory.name

    def take(self) -> int | None:
        """Return the number of a part that nobody uses, or ``None``."""
        with suppress(Empty):
            return self._free.get_nowait()
        return None

    def give(self, number: int) -> None:
        """Say that a part is no longer used."""
        self._free.put(number)

    def part(self, number: int) -> Bytes:
        """Return the memory of a part."""
        return part_of(self._memory, number, self.num_bytes)

    def close(self) -> None:
        """Give the memory back."""
        with suppress(BufferError):
            self._memory.close()
        self._memory.unlink()


def part_of(memory: SharedMemory, number: int, num_bytes: int) -> Bytes:
    """Return one of the parts of a piece of shared memory."""
    assert memory.buf is not None
    return np.frombuffer(memory.buf, np.uint8, num_bytes, number * num_bytes)


def touch(memory: SharedMemory) -> None:
    """Look at every page once, so that none has to be mapped when voxels are waited for."""
    assert memory.buf is not None
    np.frombuffer(memory.buf, np.uint8)[::_PAGE].max()


def _reserve(memory: SharedMemory) -> None:
    """Fail now instead of when the memory is written to."""
    path = f"/dev/shm/{memory.name.lstrip('/')}"
    if hasattr(os, "posix_fallocate") and os.path.exists(path):  # noqa: PTH110 - no file
        file = os.open(path, os.O_RDWR)
        try:
            os.posix_fallocate(file, 0, memory.size)
        finally:
            os.close(file)
