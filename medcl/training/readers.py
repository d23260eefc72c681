"""Readers: threads or processes that read portions of batches ahead of the step.

A process is worth its start where a GPU waits: decompressing holds Python's lock, and so does
drawing, so that threads of one process read hardly faster than one of them.
"""

import logging
import multiprocessing
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from multiprocessing.shared_memory import SharedMemory
from typing import Literal

import torch

from medcl.runtime.memory import keep_freed_memory
from medcl.store.rows import VolumeRow
from medcl.training.portions import Portion, Reading, joined
from medcl.training.regions import Regions, part_of, touch
from medcl.training.resident import Resident

ReaderKind = Literal["threads", "processes"]

_log = logging.getLogger(__name__)

_ROOM = 1.3
"""Boxes are of many sizes; one in so many larger than those of the first batch is sent instead."""

_TABLED_ROWS = 8
"""Where no voxels are read, parts of this many rows: many small ones take longer to receive."""

Part = tuple["Future[Portion]", int | None]
"""A portion to come, and the region of shared memory that its voxels may be left in."""


class Readers:
    """Threads or processes that read portions."""

    def __init__(
        self,
        reading: Reading,
        *,
        kind: ReaderKind,
        workers: int,
        volumes: Sequence[VolumeRow],
        example: Sequence[VolumeRow] | None = None,
        batches: int = 1,
    ) -> None:
        """Start them.

        Args:
            reading: What they do.
            kind: Threads, or processes that open the store for themselves.
            workers: How many.
            volumes: All that may be asked for; processes are told the keys alone later on.
            example: Rows of a batch, from which the size of others is told, so that processes can
                leave voxels in shared memory instead of sending them.
            batches: How many are read at once.
        """
        self._reading, self._kind, self._workers = reading, kind, workers
        self._regions: Regions | None = None
        self._pool: Executor
        if kind == "threads":
            self._pool = ThreadPoolExecutor(workers, thread_name_prefix="medcl-read")
            return
        memory: tuple[str, int] | None = None
        if example is not None and reading.starts is None:
            self._regions = self._reserved(example, batches)
        if self._regions is not None:
            memory = self._regions.name, self._regions.num_bytes
        self._pool = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(reading, {row.key: row for row in volumes}, memory),
        )

    def submit(self, rows: Sequence[VolumeRow], step: int) -> list[Part]:
        """Return the portions of some rows of a step, as even as the readers are many."""
        if self._kind == "threads":
            pool, read = self._pool, self._reading.portion
            return [(pool.submit(read, some, step), None) for some in self._shares(rows)]
        parts: list[Part] = []
        for some in self._shares(rows):
            region = None if self._regions is None else self._regions.take()
            keys = [row.key for row in some]
            parts.append((self._pool.submit(_portion, keys, step, region), region))
        return parts

    def batch(
        self, parts: Sequence[Part], *, pin: bool, resident: Resident | None = None
    ) -> Portion:
        """Return the portions of a step as one, see `joined`, once they are read.

        Args:
            parts: What `submit` returned.
            pin: Put it into memory from which a GPU can copy.
            resident: The volumes that it is cut from, where the device has them all.

        Returns:
            The portion; the regions of memory that its parts were left in are free again.
        """
        found = []
        for future, region in parts:
            portion = future.result()
            if region is not None and self._regions is not None:
                portion = portion.found_in(self._regions.part(region))
            found.append(portion)
        whole = joined(found, pin=pin, resident=resident)
        if len(found) == 1 and not pin and self._regions is not None:
            copies = tuple(replace(each, voxels=each.voxels.clone()) for each in whole.strips)
            whole = replace(whole, strips=copies)
        for _, region in parts:
            if region is not None and self._regions is not None:
                self._regions.give(region)
        return whole

    def close(self) -> None:
        """End them; what has not begun is not read."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def release(self) -> None:
        """Give back the memory that they share, which nobody may be using any more."""
        if self._regions is not None:
            self._regions.close()

    def _shares(self, rows: Sequence[VolumeRow]) -> list[Sequence[VolumeRow]]:
        count = min(self._workers, len(rows))
        if self._reading.starts is not None:
            count = min(count, -(-len(rows) // _TABLED_ROWS))
        ends = [len(rows) * number // count for number in range(count + 1)]
        return [rows[first:last] for first, last in pairwise(ends)]

    def _reserved(self, example: Sequence[VolumeRow], batches: int) -> Regions | None:
        shares = self._shares(example)
        largest = max(self._reading.num_bytes(share, 0) for share in shares)
        try:
            return Regions(int(largest * _ROOM), batches * len(shares))
        except OSError:
            _log.warning(
                "There is too little shared memory for batches that are read ahead; voxels are "
                "sent from process to process, which is slower. Views are the same."
            )
            return None


_readings: list[tuple[Reading, Mapping[str, VolumeRow]]] = []
_memories: list[tuple[SharedMemory, int]] = []


def _begin(
    reading: Reading, volumes: Mapping[str, VolumeRow], memory: tuple[str, int] | None
) -> None:
    """Prepare a reading process; the process that started it decides when to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    keep_freed_memory()
    _readings[:] = [(reading, volumes)]
    if memory is not None:
        name, num_bytes = memory
        _memories[:] = [(SharedMemory(name), num_bytes)]
        touch(_memories[0][0])


def _portion(keys: Sequence[str], step: int, region: int | None) -> Portion:
    reading, volumes = _readings[0]
    portion = reading.portion([volumes[key] for key in keys], step)
    if region is None:
        return portion
    memory, num_bytes = _memories[0]
    return portion.left_in(part_of(memory, region, num_bytes))
