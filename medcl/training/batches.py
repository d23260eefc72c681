"""Batches of views: drawn and read ahead, rendered where training runs."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from medcl.augment import views
from medcl.augment.drawing.source import Lesion
from medcl.augment.policy import Policy
from medcl.methods.pairing import patient_ids
from medcl.shapes import PatientIds, SmallViews, Views
from medcl.store.pairs import NUM_GLOBAL_VIEWS, num_of_two
from medcl.store.partners import Partners, partners_of
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.training.portions import Portion, Reading
from medcl.training.readers import Part, ReaderKind, Readers
from medcl.training.resident import Resident, resident
from medcl.training.sampler import PatientSampler

_log = logging.getLogger(__name__)

__all__ = ["NUM_GLOBAL_VIEWS", "Batch", "BatchReader"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batch:
    """What one process works on in one step.

    Attributes:
        step: Steps taken before.
        rows: Volumes of distinct patients.
        content: Their views, drawn and read.
        ids: Of their patients.
        compiled: Whether the kernels that make views are compiled.
        arrived: Tells when the content is on the GPU; ``None`` for the CPU.
    """

    step: int
    rows: list[VolumeRow]
    content: Portion
    ids: PatientIds
    compiled: bool = False
    arrived: torch.cuda.Event | None = None

    @property
    def num_of_two(self) -> int:
        """Pairs of which the second view is of a partner."""
        first, second = self.content.drawn[:NUM_GLOBAL_VIEWS]
        return num_of_two(first, second)

    def render(
        self, device: torch.device
    ) -> tuple[Views, Views, PatientIds, *tuple[SmallViews, ...]]:
        """Return both views of each row, the patients' ids, and the local views, on a device."""
        if self.arrived is not None:
            stream = torch.cuda.current_stream(device)
            stream.wait_event(self.arrived)
            self.content.record(stream)
            self.ids.record_stream(stream)
        count = len(self.content.drawn)
        first, second, *local = (self._render(view, device) for view in range(count))
        return first, second, self.ids.to(device), *local

    def _render(self, view: int, device: torch.device) -> Views:
        lesions = self.content.lesions
        rendered, _mask = views.render(
            self.content.drawn[view],
            self.content.strips[view],
            lesions=None if lesions is None else [each[view] for each in lesions],
            numbers=self.content.numbers[view],
            device=device,
            compiled=self.compiled,
        )
        return rendered


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BatchReader:
    """Reads the batches of coming steps while a step is computed.

    Which batches and which views they are depends on sampler, policy and seed only, never on who
    reads, on how many do, or on how far ahead they are.

    Attributes:
        store: Where the voxels are.
        policy: How views are drawn.
        sampler: Which volumes stand in a batch.
        rows: The part of each batch that is this process's.
        seed: Of the views.
        workers: Readers.
        prefetch_steps: Batches read ahead.
        lesion_set: Set of label maps that marks lesions, for views that keep off them.
        lesions: By key of the volume, points of each of its lesions, where they are known.
        device: Where batches will be rendered; a GPU gets their voxels ahead of the step.
        kind: Who reads.
        compiled: Whether the kernels that make views are compiled.
        cache_gib: Memory of the device in which the cohort is kept if it fits; 0 keeps nothing.
    """

    store: Store
    policy: Policy
    sampler: PatientSampler
    rows: slice
    seed: int
    workers: int
    prefetch_steps: int
    lesion_set: str | None = None
    lesions: Mapping[str, tuple[Lesion, ...]] = field(default_factory=dict)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    kind: ReaderKind = "threads"
    compiled: bool = False
    cache_gib: float = 0.0

    @contextmanager
    def batches(self, start: int, stop: int) -> Iterator[Iterator[Batch]]:
        """Give the batches of steps ``start`` to ``stop - 1``; readers end with the block.

        Args:
            start: First step.
            stop: Step after the last.

        Yields:
            Batches in the order of steps.
        """
        kept = resident(
            self.store,
            self.sampler.volumes,
            device=self.device,
            limit_gib=self.cache_gib,
            workers=self.workers,
        )
        reading = Reading(
            store=self.store,
            policy=self.policy,
            seed=self.seed,
            lesion_set=self.lesion_set,
            lesions=self.lesions,
            starts=None if kept is None else kept.starts,
            partners=self._partners(),
        )
        readers = Readers(
            reading,
            kind=self.kind,
            workers=self.workers,
            volumes=self.sampler.volumes,
            example=self.sampler.batch(start)[self.rows],
            batches=self.prefetch_steps + 2,
        )
        joiner = ThreadPoolExecutor(self._joiners, thread_name_prefix="medcl-join")
        try:
            yield self._in_order(readers, joiner, kept, start, stop)
        finally:
            readers.close()
            joiner.shutdown(wait=True, cancel_futures=True)
            readers.release()

    def _partners(self) -> Partners:
        """Return who may stand beside whom: volumes of the cohort, so of nobody held out."""
        if self.policy.partner is None:
            return {}
        found = partners_of(self.sampler.volumes)
        if not found:
            _log.warning(
                "The policy has partners, but no two volumes of the cohort show one patient in "
                "one frame of reference: both views of every pair are of one volume."
            )
        return found

    @property
    def _joiners(self) -> int:
        """Batches that are put together at once: into pinned memory this is a long copy."""
        return min(4, self.prefetch_steps + 1) if self.device.type == "cuda" else 1

    def _in_order(
        self,
        readers: Readers,
        joiner: ThreadPoolExecutor,
        kept: Resident | None,
        start: int,
        stop: int,
    ) -> Iterator[Batch]:
        stream = _stream(self.device)
        ahead: deque[Callable[[], Batch]] = deque()
        for step in range(start, stop):
            while len(ahead) <= self.prefetch_steps and step + len(ahead) < stop:
                coming = step + len(ahead)
                rows = self.sampler.batch(coming)[self.rows]
                parts = readers.submit(rows, coming)
                join = partial(self._batch, coming, rows, readers, parts, kept, stream)
                # Tables alone are joined in a millisecond; another thread at it would keep
                # Python's lock from this one, which feeds the device, for longer than that.
                ahead.append(joiner.submit(join).result if kept is None else join)
            yield ahead.popleft()()

    def _batch(
        self,
        step: int,
        rows: list[VolumeRow],
        readers: Readers,
        parts: list[Part],
        kept: Resident | None,
        stream: torch.cuda.Stream | None,
    ) -> Batch:
        content = readers.batch(parts, pin=stream is not None, resident=kept)
        ids = patient_ids([row.patient_key for row in rows])
        batch = Batch(step=step, rows=rows, content=content, ids=ids, compiled=self.compiled)
        if stream is None:
            return batch
        with torch.cuda.stream(stream):
            content = content.to(self.device)
            ids = ids.pin_memory().to(self.device, non_blocking=True)
            arrived = stream.record_event()
        return replace(batch, content=content, ids=ids, arrived=arrived)


def _stream(device: torch.device) -> torch.cuda.Stream | None:
    """Return a queue of copies beside the one that computes, on a GPU."""
    if device.type != "cuda":
        return None
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
