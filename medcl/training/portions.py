"""Portions of a batch: some of its rows, drawn and read in one go, by a thread or a process.

A process is worth its start where a GPU waits: decompressing holds Python's lock, and so does
drawing, so that threads of one process read hardly faster than one of them.
"""

import logging
import multiprocessing
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from multiprocessing.shared_memory import SharedMemory
from typing import Literal

import numpy as np
import torch

from medcl.augment import views
from medcl.augment.lattice import Lattice
from medcl.augment.numbers import Numbers
from medcl.augment.policy import Policy
from medcl.augment.source import Lesion
from medcl.augment.strip import Strip, strip_of, strip_within
from medcl.augment.views import Drawn
from medcl.geometry.boxes import Box
from medcl.runtime.memory import keep_freed_memory
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import read_boxes, read_lesions, source_of
from medcl.training.regions import Bytes, Regions, part_of, touch
from medcl.training.resident import Resident

NUM_GLOBAL_VIEWS = 2

_log = logging.getLogger(__name__)

ReaderKind = Literal["threads", "processes"]

Span = tuple[int, int, str]
"""First byte, number of voxels, and NumPy name of their type."""

_ALIGNED = 64
_ROOM = 1.3
"""Boxes are of many sizes; one in so many larger than those of the first batch is sent instead."""

LesionMaps = list[list[np.ndarray] | None]
"""Per row, where lesions are in each of its views; ``None`` if nobody marked them."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Portion:
    """Some rows of a batch, as read from the store.

    Attributes:
        drawn: Parameters of the first views, of the second ones, and of the local ones.
        strips: What each of these is sampled from.
        numbers: The parameters as tables.
        lesions: Per row; ``None`` where no label set marks lesions.
        spans: Where in a region of shared memory the voxels of each strip are, and their type;
            empty where strips have their voxels with them.
    """

    drawn: tuple[Drawn, ...]
    strips: tuple[Strip, ...]
    numbers: tuple[Numbers, ...]
    lesions: LesionMaps | None
    spans: tuple[Span, ...] = ()

    def left_in(self, region: Bytes) -> "Portion":
        """Return the portion without its voxels, which were left in a region if they fit."""
        spans, start = [], 0
        for strip in self.strips:
            voxels = strip.voxels.numpy()
            end = start + voxels.nbytes
            if end > len(region):
                return self
            region[start:end] = voxels.view(np.uint8)
            spans.append((start, len(voxels), voxels.dtype.str))
            start = -(-end // _ALIGNED) * _ALIGNED
        nothing = torch.empty(0, dtype=torch.int16)
        strips = tuple(replace(strip, voxels=nothing) for strip in self.strips)
        return replace(self, strips=strips, spans=tuple(spans))

    def found_in(self, region: Bytes) -> "Portion":
        """Return the portion with the voxels that were left in a region; nothing is copied."""
        if not self.spans:
            return self
        arrays = [
            np.frombuffer(region.data, kind, count, start) for start, count, kind in self.spans
        ]
        strips = tuple(
            replace(strip, voxels=torch.from_numpy(array))
            for strip, array in zip(self.strips, arrays, strict=True)
        )
        return replace(self, strips=strips, spans=())

    def to(self, device: torch.device) -> "Portion":
        """Return the portion on a device; from pinned memory copies go on in the background."""
        return replace(
            self,
            strips=tuple(strip.to(device) for strip in self.strips),
            numbers=tuple(each.to(device) for each in self.numbers),
        )

    def record(self, stream: torch.cuda.Stream) -> None:
        """Keep its memory on a GPU until a stream has used it."""
        for strip, numbers in zip(self.strips, self.numbers, strict=True):
            strip.record(stream)
            numbers.record(stream)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Reading:
    """Everything that reading a portion takes, apart from which one.

    Attributes:
        store: Where the voxels are.
        policy: How views are drawn.
        seed: Of the views.
        lesion_set: Set of label maps that marks lesions, for views that keep off them.
        lesions: By key of the volume, points of each of its lesions, where they are known.
        starts: By key, where volumes lie that need not be read, because the device has them all.
    """

    store: Store
    policy: Policy
    seed: int
    lesion_set: str | None = None
    lesions: Mapping[str, tuple[Lesion, ...]] = field(default_factory=dict)
    starts: Mapping[str, int] | None = None

    def portion(self, rows: Sequence[VolumeRow], step: int) -> Portion:
        """Return the views of some rows in one step, drawn and read."""
        drawn = self._drawn(rows, step)
        lattices = [each.lattices for each in drawn]
        strips = self._strips(rows, lattices)
        lesions: LesionMaps | None = None
        if self.lesion_set is not None:
            lesions = [
                read_lesions(self.store, self.lesion_set, row.key, wanted)
                for row, wanted in zip(rows, _boxes(lattices), strict=True)
            ]
        return Portion(
            drawn=drawn,
            strips=strips,
            numbers=tuple(views.numbers_of(each) for each in drawn),
            lesions=lesions,
        )

    def num_bytes(self, rows: Sequence[VolumeRow], step: int) -> int:
        """Return what the voxels of a portion take, without reading any."""
        lattices = [each.lattices for each in self._drawn(rows, step)]
        total = 0
        for row, boxes in zip(rows, _boxes(lattices), strict=True):
            is_whole = row.dtype == "int16" and row.coding.is_identity
            each = row.num_channels * (2 if is_whole else 4)
            total += each * sum(box.num_voxels for box in boxes) + _ALIGNED * len(boxes)
        return total

    def _strips(
        self, rows: Sequence[VolumeRow], lattices: Sequence[Sequence[Lattice]]
    ) -> tuple[Strip, ...]:
        if self.starts is not None:
            places = [(self.starts[row.key], row.shape) for row in rows]
            channels = rows[0].num_channels
            return tuple(strip_within(each, places, channels=channels) for each in lattices)
        contents = [
            read_boxes(self.store, row.key, wanted)
            for row, wanted in zip(rows, _boxes(lattices), strict=True)
        ]
        return tuple(
            strip_of(each, *zip(*(row[view] for row in contents), strict=True))
            for view, each in enumerate(lattices)
        )

    def _drawn(self, rows: Sequence[VolumeRow], step: int) -> tuple[Drawn, ...]:
        sources = [source_of(row, self.lesions) for row in rows]
        drawn = [
            views.draw(self.policy, sources, seed=self.seed, step=step, view=view)
            for view in range(NUM_GLOBAL_VIEWS)
        ]
        local = self.policy.local
        drawn += [
            views.draw_locals(self.policy, sources, seed=self.seed, step=step, number=number)
            for number in range(0 if local is None else local.count)
        ]
        return tuple(drawn)


def _boxes(lattices: Sequence[Sequence[Lattice]]) -> list[list[Box]]:
    """Return the boxes of each row's views."""
    return [[one.box() for one in row] for row in zip(*lattices, strict=True)]


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
        example: Sequence[VolumeRow] | None = None,
        batches: int = 1,
    ) -> None:
        """Start them.

        Args:
            reading: What they do.
            kind: Threads, or processes that open the store for themselves.
            workers: How many.
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
            initargs=(reading, memory),
        )

    def submit(self, rows: Sequence[VolumeRow], step: int) -> list[Part]:
        """Return the portions of some rows of a step, as even as the readers are many."""
        if self._kind == "threads":
            pool, read = self._pool, self._reading.portion
            return [(pool.submit(read, some, step), None) for some in self._shares(rows)]
        parts: list[Part] = []
        for some in self._shares(rows):
            region = None if self._regions is None else self._regions.take()
            parts.append((self._pool.submit(_portion, some, step, region), region))
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


_readings: list[Reading] = []
_memories: list[tuple[SharedMemory, int]] = []


def _begin(reading: Reading, memory: tuple[str, int] | None) -> None:
    """Prepare a reading process; the process that started it decides when to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    keep_freed_memory()
    _readings[:] = [reading]
    if memory is not None:
        name, num_bytes = memory
        _memories[:] = [(SharedMemory(name), num_bytes)]
        touch(_memories[0][0])


def _portion(rows: Sequence[VolumeRow], step: int, region: int | None) -> Portion:
    portion = _readings[0].portion(rows, step)
    if region is None:
        return portion
    memory, num_bytes = _memories[0]
    return portion.left_in(part_of(memory, region, num_bytes))


def joined(portions: Sequence[Portion], *, pin: bool, resident: Resident | None = None) -> Portion:
    """Return portions as one, in memory from which a GPU can copy if asked.

    Args:
        portions: At least one.
        pin: Whether it is asked.
        resident: The volumes that they are cut from, where the device has them all.
    """
    drawn = tuple(views.joined(each) for each in zip(*(one.drawn for one in portions), strict=True))
    strips = tuple(
        Strip.joined(each, pin=pin)
        if resident is None
        else Strip.inside(each, resident.voxels, resident.valid, pin=pin)
        for each in zip(*(one.strips for one in portions), strict=True)
    )
    numbers = tuple(
        Numbers.joined(each) for each in zip(*(one.numbers for one in portions), strict=True)
    )
    if pin:
        numbers = tuple(each.pinned() for each in numbers)
    marked = [one.lesions for one in portions]
    lesions = None if marked[0] is None else [maps for part in marked for maps in part or []]
    return Portion(drawn=drawn, strips=strips, numbers=numbers, lesions=lesions)
