"""Both views of some volumes, drawn and rendered as training does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch

from medcl.augment import views
from medcl.augment.policy import Policy
from medcl.augment.views import Drawn
from medcl.geometry.boxes import Box
from medcl.methods.pairing import patient_ids
from medcl.shapes import PatientIds, Points, Views
from medcl.store.pairs import ViewRows, draw_views, num_of_two
from medcl.store.partners import Partners, by_volume
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import read_boxes, read_lesions


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMaker:
    """Draws and renders both views of some volumes.

    Attributes:
        store: Where the voxels are.
        policy: How views are drawn.
        seed: Of everything random.
        lesion_set: Set of label maps that marks lesions, for views that keep off them; without
            one lesions may be anywhere.
        lesions: By key of the volume, points of each of its lesions, for crops that mind them.
        partners: By key, volumes that the second view may be of, where the policy has partners.
        device: Where to compute.
    """

    store: Store
    policy: Policy
    seed: int = 0
    lesion_set: str | None = None
    lesions: Mapping[str, tuple[Points, ...]] = field(default_factory=dict)
    partners: Partners = field(default_factory=dict)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def pairs(self, rows: Sequence[VolumeRow], step: int) -> tuple[Views, Views, PatientIds]:
        """Return first views, second views and patients of volumes at a step."""
        drawn, shown = self._drawn(rows, step)
        needed = list(zip(*(views.boxes(each) for each in drawn), strict=True))
        contents = [
            by_volume(volumes, boxes, partial(read_boxes, self.store))
            for volumes, boxes in zip(shown, needed, strict=True)
        ]
        lesions = [
            by_volume(volumes, boxes, self._lesions)
            for volumes, boxes in zip(shown, needed, strict=True)
        ]
        first, second = (
            views.render(
                each,
                [content[view][0] for content in contents],
                [content[view][1] for content in contents],
                [known[view] for known in lesions],
                device=self.device,
            )[0]
            for view, each in enumerate(drawn)
        )
        ids = patient_ids([row.patient_key for row in rows])
        return first, second, ids.to(self.device)

    def num_of_two(self, rows: Sequence[VolumeRow], step: int) -> int:
        """Return how many of these pairs are of two volumes; nothing is read for it."""
        return num_of_two(*self._drawn(rows, step)[0])

    def _drawn(self, rows: Sequence[VolumeRow], step: int) -> tuple[tuple[Drawn, ...], ViewRows]:
        return draw_views(
            replace(self.policy, local=None),
            rows,
            seed=self.seed,
            step=step,
            partners=self.partners,
            lesions=self.lesions,
        )

    def _lesions(self, key: str, boxes: Sequence[Box]) -> Sequence[np.ndarray | None]:
        unknown: list[np.ndarray | None] = [None] * len(boxes)
        if self.lesion_set is None:
            return unknown
        return read_lesions(self.store, self.lesion_set, key, boxes) or unknown
