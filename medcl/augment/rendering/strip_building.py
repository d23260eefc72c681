"""Building a strip: boxes laid one after the other, or found within volumes on a device."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from medcl.augment.rendering.lattice import Lattice
from medcl.augment.rendering.strip import Strip, index_dtype
from medcl.geometry.boxes import Box

Places = Sequence[tuple[int, tuple[int, int, int]]]
"""Of volumes that lie one after the other: the first voxel of each, and its shape."""


def strip_of(
    lattices: Sequence[Lattice],
    voxels: Sequence[np.ndarray],
    validity: Sequence[np.ndarray | None],
) -> Strip:
    """Lay boxes one after the other.

    Args:
        lattices: Where each view lies.
        voxels: Per view, the source's voxels in `Lattice.box`, shape ``(C, x, y, z)``.
        validity: Per view, True where these voxels were measured, or ``None`` if all were.

    Returns:
        The strip. The box of a single view is not copied where that can be avoided.

    Raises:
        ValueError: Voxels or validity do not have the shape of their box.
    """
    boxes = [lattice.box() for lattice in lattices]
    for box, values, valid in zip(boxes, voxels, validity, strict=True):
        _require_shapes(box.shape, values, valid)
    shapes = [box.shape for box in boxes]
    sizes = [int(np.prod(shape)) for shape in shapes]
    channels = voxels[0].shape[0]
    dtype = np.int16 if all(values.dtype == np.int16 for values in voxels) else np.float32
    measured = [
        values if valid is None else np.where(valid, values, values.dtype.type(0))
        for values, valid in zip(voxels, validity, strict=True)
    ]
    starts = np.cumsum([0, *sizes])[:-1].tolist()
    rows = [
        (channels * start, start, x * y * z, y * z, z, x - 1, y - 1, z - 1)
        for start, (x, y, z) in zip(starts, shapes, strict=True)
    ]
    joined = torch.from_numpy(_joined(measured, np.dtype(dtype)))
    known = _joined_validity(validity, shapes)
    return _of(lattices, boxes, rows, joined, known, channels)


def strip_within(lattices: Sequence[Lattice], places: Places, *, channels: int) -> Strip:
    """Return boxes of volumes that lie whole on a device, one after the other, without voxels.

    Args:
        lattices: Where each view lies.
        places: Of the volume of each view.
        channels: Of every volume.

    Returns:
        The strip; `Strip.inside` gives it its voxels.
    """
    boxes = [lattice.box() for lattice in lattices]
    rows = []
    for box, (start, (x, y, z)) in zip(boxes, places, strict=True):
        first = start + (box.lower[0] * y + box.lower[1]) * z + box.lower[2]
        a, b, c = box.shape
        rows.append((first, first, x * y * z, y * z, z, a - 1, b - 1, c - 1))
    return _of(lattices, boxes, rows, torch.empty(0, dtype=torch.int16), None, channels)


def _of(
    lattices: Sequence[Lattice],
    boxes: Sequence[Box],
    rows: Sequence[tuple[int, ...]],
    voxels: torch.Tensor,
    valid: torch.Tensor | None,
    channels: int,
) -> Strip:
    lower = np.array([box.lower for box in boxes], dtype=float)
    matrices = np.stack([lattice.matrix[:3] for lattice in lattices])
    matrices[:, :, 3] -= lower
    where = np.array(rows, dtype=np.int64)
    return Strip(
        view_shape=lattices[0].view_shape,
        warps=tuple(lattice.warp for lattice in lattices),
        shapes=tuple(box.shape for box in boxes),
        matrix=torch.from_numpy(matrices.astype(np.float32)),
        sigmas=torch.tensor([lattice.prefilter for lattice in lattices]),
        voxels=voxels,
        valid=valid,
        channels=channels,
        where=where,
        is_inside=np.array([lattice.is_inside for lattice in lattices]),
        layout=torch.from_numpy(where).to(index_dtype(len(voxels))),
    )


def _require_shapes(
    shape: tuple[int, int, int], values: np.ndarray, valid: np.ndarray | None
) -> None:
    if values.ndim != 4 or values.shape[1:] != shape:
        raise ValueError(f"Voxels must have the shape of their box {shape}, got {values.shape}.")
    if valid is not None and valid.shape != shape:
        raise ValueError(f"Validity must have the shape of its box {shape}, got {valid.shape}.")


def _joined(arrays: Sequence[np.ndarray], dtype: np.dtype) -> np.ndarray:
    if len(arrays) == 1:
        only = np.ascontiguousarray(arrays[0], dtype=dtype).reshape(-1)
        return only if only.flags.writeable else only.copy()
    ends = np.cumsum([0] + [array.size for array in arrays]).tolist()
    joined = np.empty(ends[-1], dtype)
    for (start, end), array in zip(pairwise(ends), arrays, strict=True):
        joined[start:end].reshape(array.shape)[...] = array
    return joined


def _joined_validity(
    validity: Sequence[np.ndarray | None], shapes: Sequence[tuple[int, ...]]
) -> torch.Tensor | None:
    if all(valid is None for valid in validity):
        return None
    known = [
        np.ones(shape, bool) if valid is None else valid
        for valid, shape in zip(validity, shapes, strict=True)
    ]
    return torch.from_numpy(_joined(known, np.dtype(bool)))
