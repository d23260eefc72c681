"""Resident volumes: a cohort that fits is kept on the device whole, and views are cut there.

Views are the very same: a kernel finds a box inside of a volume by the same table that it finds a
box in a strip by.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Shaped

from medcl.augment.rendering.strip import room_voxels
from medcl.geometry.boxes import Box
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Resident:
    """Every volume of a cohort, one after the other, on the device.

    Attributes:
        voxels: int16 where every one of them is stored so, float32 otherwise; after the last, as
            many zeros as a kernel reads without giving them weight.
        valid: True where voxels were measured; ``None`` if all were.
        starts: By key, the first voxel of each volume.
    """

    voxels: Shaped[torch.Tensor, "N"]
    valid: Bool[torch.Tensor, "N"] | None
    starts: Mapping[str, int]


def resident(
    store: Store,
    rows: Sequence[VolumeRow],
    *,
    device: torch.device,
    limit_gib: float,
    workers: int,
) -> Resident | None:
    """Return the volumes of some rows on a device, or ``None`` where they do not fit.

    Args:
        store: Where they are.
        rows: Of the volumes.
        device: Where to keep them.
        limit_gib: Memory that they may take.
        workers: Threads that read.

    Returns:
        The volumes.

    Raises:
        CorruptionError: A stored byte is not what was written.
    """
    is_whole = all(row.dtype == "int16" and row.coding.is_identity for row in rows)
    has_masks = any(row.mask_sha256 is not None for row in rows)
    sizes = [row.num_channels * int(np.prod(row.shape)) for row in rows]
    each = (2 if is_whole else 4) + (1 if has_masks else 0)
    if not 0 < sum(sizes) * each <= limit_gib * 2**30:
        if limit_gib > 0:
            _log.warning(
                f"{len(rows)} volumes take {sum(sizes) * each / 2**30:.1f} GiB, more than the "
                f"{limit_gib:g} GiB that device_cache_gib grants, and are read anew for every view."
            )
        return None
    dtype = torch.int16 if is_whole else torch.float32
    length = sum(sizes) + max(room_voxels(row.shape) for row in rows)
    voxels = torch.empty(length, dtype=dtype, device=device)
    voxels[sum(sizes) :] = 0
    valid = torch.ones(length, dtype=torch.bool, device=device) if has_masks else None
    starts = np.cumsum([0, *sizes])[:-1].tolist()

    def fill(row: VolumeRow, start: int) -> None:
        whole = Box((0, 0, 0), row.shape)
        values, measured = store.read_exact_box(row.key, whole), store.read_validity(row.key, whole)
        if measured is not None and valid is not None:
            values = np.where(measured, values, values.dtype.type(0))
            valid[start : start + measured.size] = torch.from_numpy(measured.reshape(-1))
        voxels[start : start + values.size] = torch.from_numpy(values.reshape(-1))

    with ThreadPoolExecutor(workers, thread_name_prefix="medcl-fill") as pool:
        for done in [
            pool.submit(fill, row, start) for row, start in zip(rows, starts, strict=True)
        ]:
            done.result()
    keys = [row.key for row in rows]
    return Resident(voxels=voxels, valid=valid, starts=dict(zip(keys, starts, strict=True)))
