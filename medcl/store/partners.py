"""Partners: which volumes of a cohort show one patient in one frame of reference."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from medcl.geometry.boxes import Box
from medcl.store.rows import VolumeRow

Partners = Mapping[str, tuple[VolumeRow, ...]]
"""By key of a volume, those that a second view beside it may be of."""


_Found = TypeVar("_Found")


def partners_of(rows: Sequence[VolumeRow]) -> Partners:
    """Return, for each volume, the others whose points in mm are the same places of the patient.

    They share patient, frame of reference, modality, unit and number of channels, and do not have
    the same voxels. Where no frame is named, nobody can say so, and there are none.

    Args:
        rows: The volumes of a cohort.

    Returns:
        Volumes that have at least one partner, by key; their partners stand in an order that does
        not depend on that of the rows.
    """
    together: dict[tuple[object, ...], list[VolumeRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.word, row.key)):
        if row.frame_key is not None:
            kind = row.modality, row.unit, row.num_channels
            together[row.patient_key, row.frame_key, *kind].append(row)
    found = {
        row.key: tuple(other for other in group if other.word != row.word)
        for group in together.values()
        for row in group
    }
    return {key: others for key, others in found.items() if others}


def by_volume(
    volumes: Sequence[VolumeRow],
    boxes: Sequence[Box],
    read: Callable[[str, Sequence[Box]], Sequence[_Found]],
) -> list[_Found]:
    """Return what is read of the box of each view, all boxes of one volume in one go.

    Args:
        volumes: That each view is of.
        boxes: What it needs of it.
        read: Reads boxes of the volume with a key.

    Returns:
        One per view.
    """
    found: dict[int, _Found] = {}
    for key in dict.fromkeys(row.key for row in volumes):
        places = [place for place, row in enumerate(volumes) if row.key == key]
        found.update(zip(places, read(key, [boxes[place] for place in places]), strict=True))
    return [found[place] for place in range(len(volumes))]
