"""Where the lesions of a volume are, as points: enough to tell how much of one a view shows."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from medcl.augment.drawing.source import Lesion
from medcl.shapes import LabelMap
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

_MOST_POINTS = 256


def lesion_points(
    store: Store, label_set: str, rows: Sequence[VolumeRow]
) -> dict[str, tuple[Lesion, ...]]:
    """Return points of every lesion of the volumes that a label set has a map of.

    Args:
        store: Where the maps are.
        label_set: Set of label maps; every class but 0 is a lesion.
        rows: The volumes.

    Returns:
        By key of the volume; nothing for volumes without a map, no lesions for an empty map.
    """
    marked = {found.key for found in store.label_maps(label_set)}
    return {
        row.key: parts(store.read_label_map(label_set, row.key))
        for row in rows
        if row.key in marked
    }


def parts(labels: LabelMap) -> tuple[Lesion, ...]:
    """Return each connected part of a label map as points spread evenly over its voxels.

    Args:
        labels: 0 where nothing is.

    Returns:
        Per part, voxel coordinates, shape ``(P, 3)`` with ``P`` of 256 at most. Voxels that touch
        at a corner are connected.

    Example:
        >>> labels = np.zeros((4, 4, 4), dtype=np.int16)
        >>> labels[0, 0, 0], labels[3, 3, 2:] = 1, 2
        >>> [part.tolist() for part in parts(labels)]
        [[[0.0, 0.0, 0.0]], [[3.0, 3.0, 2.0], [3.0, 3.0, 3.0]]]
    """
    numbered, count = ndimage.label(labels != 0, structure=np.ones((3, 3, 3)))
    places = np.argwhere(numbered)
    owners = numbered[tuple(places.T)]
    found = []
    for number in range(1, count + 1):
        own = places[owners == number].astype(float)
        # A regular choice in the order of voxels covers the whole lesion.
        chosen = np.linspace(0, len(own) - 1, min(len(own), _MOST_POINTS)).round().astype(int)
        found.append(own[chosen])
    return tuple(found)
