"""Batches of views: drawn ahead, read by threads, rendered where training runs."""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch

from medcl.augment import views
from medcl.augment.policy import Policy
from medcl.augment.source import Lesion
from medcl.augment.views import Drawn
from medcl.geometry.boxes import Box
from medcl.methods.pairing import patient_ids
from medcl.shapes import PatientIds, SmallViews, Views
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import Content, read_boxes, read_lesions, source_of
from medcl.training.sampler import PatientSampler

NUM_GLOBAL_VIEWS = 2


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batch:
    """What one process works on in one step, as read from the store.

    Attributes:
        step: Steps taken before.
        rows: Volumes of distinct patients.
        drawn: Parameters of the first views, of the second ones, and of the local ones.
        contents: Per row, what each of its views needs.
        lesions: Per row, where lesions are in each of its views, ``None`` if nobody marked them;
            ``None`` for the whole batch where no label set says so.
    """

    step: int
    rows: list[VolumeRow]
    drawn: tuple[Drawn, ...]
    contents: list[list[Content]]
    lesions: list[list[np.ndarray] | None] | None = None

    def render(
        self, device: torch.device
    ) -> tuple[Views, Views, PatientIds, *tuple[SmallViews, ...]]:
        """Return both views of each row, the patients' ids, and the local views, on a device."""
        first, second, *local = (self._render(view, device) for view in range(len(self.drawn)))
        ids = patient_ids([row.patient_key for row in self.rows])
        return first, second, ids.to(device), *local

    def _render(self, view: int, device: torch.device) -> Views:
        voxels = [content[view][0] for content in self.contents]
        validity = [content[view][1] for content in self.contents]
        lesions = None
        if self.lesions is not None:
            lesions = [None if each is None else each[view] for each in self.lesions]
        rendered, _mask = views.render(self.drawn[view], voxels, validity, lesions, device=device)
        return rendered


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _DrawnViews:
    """All views of some rows, and per row the boxes they need."""

    drawn: tuple[Drawn, ...]
    boxes: list[tuple[Box, ...]]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Read:
    """What the views of one row need."""

    contents: list[Content]
    lesions: list[np.ndarray] | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Pending:
    """A batch whose parts are being read."""

    step: int
    rows: list[VolumeRow]
    drawn: "Future[_DrawnViews]"
    jobs: list["Future[_Read]"]
    has_lesions: bool

    def result(self) -> Batch:
        """Return the batch once every part has been read."""
        parts = [job.result() for job in self.jobs]
        return Batch(
            step=self.step,
            rows=self.rows,
            drawn=self.drawn.result().drawn,
            contents=[part.contents for part in parts],
            lesions=[part.lesions for part in parts] if self.has_lesions else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BatchReader:
    """Reads the batches of coming steps while a step is computed.

    Which batches and which views they are depends on sampler, policy and seed only, never on the
    number of threads or on how far ahead they read.

    Attributes:
        store: Where the voxels are.
        policy: How views are drawn.
        sampler: Which volumes stand in a batch.
        rows: The part of each batch that is this process's.
        seed: Of the views.
        workers: Threads.
        prefetch_steps: Batches read ahead.
        lesion_set: Set of label maps that marks lesions, for views that keep off them.
        lesions: By key of the volume, points of each of its lesions, where they are known.
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

    @contextmanager
    def batches(self, start: int, stop: int) -> Iterator[Iterator[Batch]]:
        """Give the batches of steps ``start`` to ``stop - 1``; threads end with the block.

        Args:
            start: First step.
            stop: Step after the last.

        Yields:
            Batches in the order of steps.
        """
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="medcl-read")
        try:
            yield self._in_order(pool, start, stop)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _in_order(self, pool: ThreadPoolExecutor, start: int, stop: int) -> Iterator[Batch]:
        ahead: deque[_Pending] = deque()
        for step in range(start, stop):
            while len(ahead) <= self.prefetch_steps and step + len(ahead) < stop:
                ahead.append(self._begin(pool, step + len(ahead)))
            yield ahead.popleft().result()

    def _begin(self, pool: ThreadPoolExecutor, step: int) -> _Pending:
        rows = self.sampler.batch(step)[self.rows]
        drawn = pool.submit(self._draw, rows, step)
        jobs = [pool.submit(self._read, drawn, place, row) for place, row in enumerate(rows)]
        has_lesions = self.lesion_set is not None
        return _Pending(step=step, rows=rows, drawn=drawn, jobs=jobs, has_lesions=has_lesions)

    def _draw(self, rows: list[VolumeRow], step: int) -> _DrawnViews:
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
        boxes = zip(*(views.boxes(each) for each in drawn), strict=True)
        return _DrawnViews(drawn=tuple(drawn), boxes=list(boxes))

    def _read(self, drawn: "Future[_DrawnViews]", place: int, row: VolumeRow) -> _Read:
        boxes = drawn.result().boxes[place]
        contents = read_boxes(self.store, row.key, boxes)
        if self.lesion_set is None:
            return _Read(contents=contents, lesions=None)
        lesions = read_lesions(self.store, self.lesion_set, row.key, boxes)
        return _Read(contents=contents, lesions=lesions)
