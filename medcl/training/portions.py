"""Portions of a batch: some of its rows, drawn and read in one go, by a thread or a process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch

from medcl.augment import views
from medcl.augment.drawing.source import Lesion
from medcl.augment.policy import Policy
from medcl.augment.rendering.lattice import Lattice
from medcl.augment.rendering.numbers import Numbers
from medcl.augment.rendering.strip import Strip
from medcl.augment.rendering.strip_building import strip_of, strip_within
from medcl.augment.views import Drawn
from medcl.geometry.boxes import Box
from medcl.store.pairs import ViewRows, draw_views
from medcl.store.partners import Partners, by_volume
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import read_boxes, read_lesions
from medcl.training.regions import Bytes
from medcl.training.resident import Resident

Span = tuple[int, int, str]
"""First byte, number of voxels, and NumPy name of their type."""

_ALIGNED = 64

LesionMaps = list[list[np.ndarray | None]]
"""Per row, where lesions are in each of its views; ``None`` in those of volumes without marks."""


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
        partners: By key, volumes that the second view may be of, see `partners_of`.
    """

    store: Store
    policy: Policy
    seed: int
    lesion_set: str | None = None
    lesions: Mapping[str, tuple[Lesion, ...]] = field(default_factory=dict)
    starts: Mapping[str, int] | None = None
    partners: Partners = field(default_factory=dict)

    def portion(self, rows: Sequence[VolumeRow], step: int) -> Portion:
        """Return the views of some rows in one step, drawn and read."""
        drawn, shown = self._drawn(rows, step)
        lattices = [each.lattices for each in drawn]
        strips = self._strips(shown, lattices)
        lesions: LesionMaps | None = None
        if self.lesion_set is not None:
            lesions = [
                by_volume(volumes, wanted, partial(_marked, self.store, self.lesion_set))
                for volumes, wanted in zip(shown, _boxes(lattices), strict=True)
            ]
        return Portion(
            drawn=drawn,
            strips=strips,
            numbers=tuple(views.numbers_of(each) for each in drawn),
            lesions=lesions,
        )

    def num_bytes(self, rows: Sequence[VolumeRow], step: int) -> int:
        """Return what the voxels of a portion take, without reading any."""
        drawn, shown = self._drawn(rows, step)
        lattices = [each.lattices for each in drawn]
        total = 0
        for volumes, boxes in zip(shown, _boxes(lattices), strict=True):
            for row, box in zip(volumes, boxes, strict=True):
                is_whole = row.dtype == "int16" and row.coding.is_identity
                each = row.num_channels * (2 if is_whole else 4)
                total += each * box.num_voxels + _ALIGNED
        return total

    def _strips(self, shown: ViewRows, lattices: Sequence[Sequence[Lattice]]) -> tuple[Strip, ...]:
        if self.starts is not None:
            starts, channels = self.starts, shown[0][0].num_channels
            return tuple(
                strip_within(
                    each, [(starts[row.key], row.shape) for row in volumes], channels=channels
                )
                for volumes, each in zip(zip(*shown, strict=True), lattices, strict=True)
            )
        contents = [
            by_volume(volumes, wanted, partial(read_boxes, self.store))
            for volumes, wanted in zip(shown, _boxes(lattices), strict=True)
        ]
        return tuple(
            strip_of(each, *zip(*(row[view] for row in contents), strict=True))
            for view, each in enumerate(lattices)
        )

    def _drawn(self, rows: Sequence[VolumeRow], step: int) -> tuple[tuple[Drawn, ...], ViewRows]:
        """Return the views of some rows, and the volume that each is of."""
        return draw_views(
            self.policy,
            rows,
            seed=self.seed,
            step=step,
            partners=self.partners,
            lesions=self.lesions,
        )


def _marked(
    store: Store, label_set: str, key: str, boxes: Sequence[Box]
) -> Sequence[np.ndarray | None]:
    known = read_lesions(store, label_set, key, boxes)
    return [None] * len(boxes) if known is None else known


def _boxes(lattices: Sequence[Sequence[Lattice]]) -> list[list[Box]]:
    """Return the boxes of each row's views."""
    return [[one.box() for one in row] for row in zip(*lattices, strict=True)]


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
