"""What is learnt from: volumes of a store, what is known of them, who vouched for the views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medcl.augment.drawing.source import Lesion
from medcl.augment.safety.verdict import Verdict
from medcl.store.rows import VolumeRow
from medcl.store.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohort:
    """The data of one pretraining run.

    Attributes:
        store: Where the voxels are.
        rows: Volumes to learn from.
        lesions: By key of the volume, voxel coordinates of points of each of its lesions.
        verdict: Whether the views are safe, and what was accepted with which justification; it is
            kept in every checkpoint.
    """

    store: Store
    rows: Sequence[VolumeRow]
    lesions: Mapping[str, tuple[Lesion, ...]] = field(default_factory=dict)
    verdict: Verdict | None = None
