"""From the catalogue to views: the geometry that views are drawn from, the voxels they need."""

from collections.abc import Mapping, Sequence

import numpy as np

from medcl.augment.drawing.source import Lesion, Source
from medcl.geometry.boxes import Box
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

Content = tuple[np.ndarray, np.ndarray | None]
"""Voxels ``(C, x, y, z)`` of a box in the volume's unit, int16 where they are whole numbers of that
type and float32 otherwise, and where they were measured."""


def source_of(row: VolumeRow, lesions: Mapping[str, tuple[Lesion, ...]] | None = None) -> Source:
    """Return what drawing views needs to know about a volume.

    Args:
        row: The volume in the catalogue.
        lesions: By key, voxel coordinates of points of each lesion, where they are known.

    Returns:
        Its geometry, the 1 % and 99 % quantiles as its range, the box of its body, which crops
        keep to, and its frame of reference; a frame is of one patient, whoever else has its key.
    """
    return Source(
        word=row.word,
        shape=row.shape,
        affine=row.affine,
        low=row.statistics.p01,
        high=row.statistics.p99,
        body=row.body,
        lesions=() if lesions is None else lesions.get(row.key, ()),
        frame=None if row.frame_key is None else f"{row.patient_key}:{row.frame_key}",
    )


def read_boxes(store: Store, key: str, boxes: Sequence[Box]) -> list[Content]:
    """Return the contents of several boxes of one volume.

    Two views of a volume overlap much; where one box around all of them holds fewer voxels than
    they do together, that one is read and cut.

    Args:
        store: Where the volume is.
        key: Of the volume.
        boxes: At least one.

    Returns:
        One content per box, in their order.
    """
    around = _around(boxes)
    if around.num_voxels >= sum(box.num_voxels for box in boxes):
        return [(store.read_exact_box(key, box), store.read_validity(key, box)) for box in boxes]
    voxels, validity = store.read_exact_box(key, around), store.read_validity(key, around)
    cuts = [_relative(box, around).slices for box in boxes]
    return [(voxels[:, *cut], None if validity is None else validity[cut]) for cut in cuts]


def read_lesions(
    store: Store, label_set: str, key: str, boxes: Sequence[Box]
) -> list[np.ndarray] | None:
    """Return where the lesions of a volume are, in several boxes.

    Args:
        store: Where the volume is.
        label_set: Set of label maps; every class but 0 is a lesion.
        key: Of the volume.
        boxes: At least one.

    Returns:
        One mask per box, in their order; ``None`` where the set holds no map of the volume, so
        that lesions may be anywhere.
    """
    if not store.has_label_map(label_set, key):
        return None
    return [store.read_label_box(label_set, key, box) != 0 for box in boxes]


def _around(boxes: Sequence[Box]) -> Box:
    lower = np.min([box.lower for box in boxes], axis=0).tolist()
    upper = np.max([box.upper for box in boxes], axis=0).tolist()
    return Box((lower[0], lower[1], lower[2]), (upper[0], upper[1], upper[2]))


def _relative(box: Box, around: Box) -> Box:
    lower = (np.asarray(box.lower) - around.lower).tolist()
    upper = (np.asarray(box.upper) - around.lower).tolist()
    return Box((lower[0], lower[1], lower[2]), (upper[0], upper[1], upper[2]))
