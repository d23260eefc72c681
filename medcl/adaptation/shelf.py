"""The labelled subset at hand: its volumes held in memory where they are few, views on demand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from medcl.augment import views
from medcl.augment.drawing.source import Source
from medcl.augment.policy import Policy
from medcl.augment.views import Drawn
from medcl.geometry.boxes import Box
from medcl.runtime.seeds import derive_seed
from medcl.shapes import Views
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import Content, read_boxes, source_of

MEMORY_VOXELS = 2**28
"""Voxels that are held in memory at most (1 GiB); larger subsets are read box by box."""


class Shelf:
    """Draws training views of some volumes.

    Attributes:
        rows: The volumes; places below are indices into them.
    """

    def __init__(self, store: Store, rows: Sequence[VolumeRow]) -> None:
        """Read the volumes, unless they are too many to hold."""
        self.rows = list(rows)
        self._store = store
        self._sources = [source_of(row) for row in rows]
        self._keys = {row.word: row.key for row in rows}
        self._held: dict[str, Content] = {}
        if sum(row.num_channels * int(np.prod(row.shape)) for row in rows) <= MEMORY_VOXELS:
            whole = {row.key: Box((0, 0, 0), row.shape) for row in rows}
            self._held = {key: read_boxes(store, key, [box])[0] for key, box in whole.items()}

    def draw(
        self,
        policy: Policy,
        places: Sequence[int],
        *,
        seed: int,
        step: int,
        bodies: Sequence[Box | None] | None = None,
    ) -> Drawn:
        """Return one view for each place; a place that comes up again gets another view.

        Args:
            policy: How views are drawn.
            places: Which volumes.
            seed: Of the run.
            step: Steps taken so far.
            bodies: Per place, the voxels a crop keeps to; ``None`` for the body of the volume.

        Returns:
            The views, decided, in the order of ``places``.
        """
        bodies = bodies or [None] * len(places)
        repeats = [list(places[:slot]).count(place) for slot, place in enumerate(places)]
        parts = []
        for place, body, repeat in zip(places, bodies, repeats, strict=True):
            source = self._sources[place]
            source = source if body is None else replace(source, body=body)
            own = derive_seed(seed, "repeat", repeat) if repeat else seed
            parts.append(views.draw(policy, [source], seed=own, step=step, view=0))
        return _joined(parts)

    def render(self, drawn: Drawn, *, device: torch.device) -> Views:
        """Return drawn views ``(B, C, X, Y, Z)`` on a device."""
        contents = [
            self._content(source, box)
            for source, box in zip(drawn.sources, views.boxes(drawn), strict=True)
        ]
        voxels, validity = [voxels for voxels, _ in contents], [known for _, known in contents]
        # Nobody marks lesions here: views that keep off them take them to be anywhere.
        unmarked = [None] * len(voxels)
        return views.render(drawn, voxels, validity, unmarked, device=device)[0]

    def _content(self, source: Source, box: Box) -> Content:
        key = self._keys[source.word]
        if key not in self._held:
            return read_boxes(self._store, key, [box])[0]
        voxels, validity = self._held[key]
        cut = box.slices
        return voxels[:, *cut], None if validity is None else validity[cut]


def _joined(parts: Sequence[Drawn]) -> Drawn:
    return replace(
        parts[0],
        sources=tuple(part.sources[0] for part in parts),
        poses=tuple(part.poses[0] for part in parts),
        parameters=tuple(part.parameters[0] for part in parts),
        seeds=tuple(part.seeds[0] for part in parts),
    )
