"""A strip: the boxes of many views one after the other in one array, however they are shaped.

Boxes of different shapes need no padding this way: a batch is one copy to the device, in the type
the store keeps, and a kernel finds each box by its start and its steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64, Shaped

from medcl.augment.rendering.lattice import Lattice
from medcl.augment.warp import Warp
from medcl.geometry.boxes import Box

Layout = Int[torch.Tensor, "B 8"]
"""Per view: first voxel, first voxel of its validity, step from channel to channel, along x and
along y, last index along x, y and z; int32 where that suffices, int64 otherwise."""


Places = Sequence[tuple[int, tuple[int, int, int]]]
"""Of volumes that lie one after the other: the first voxel of each, and its shape."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Strip:
    """What a batch of views is sampled from.

    Attributes:
        view_shape: Voxels of every view.
        warps: What displaces the voxels of each view; ``None`` for a view without one.
        shapes: Of the boxes.
        matrix: View voxel → box voxel, float32.
        ends: First and last voxel of each whole source, seen from its box, float32.
        sigmas: Widths of the blur against aliasing that each box needs, in its voxels; on the CPU.
        voxels: All boxes, int16 where every one of them is, float32 otherwise; channel by
            channel, x slowest.
        valid: True where voxels were measured, box after box; ``None`` if all were.
        channels: Of every view.
        where: Where each box is; on the CPU.
        is_inside: Whether each view lies among the centres of its source's voxels; on the CPU.
        layout: Where each box is, on the device.
    """

    view_shape: tuple[int, int, int]
    warps: tuple[Warp | None, ...]
    shapes: tuple[tuple[int, int, int], ...]
    matrix: Float[torch.Tensor, "B 3 4"]
    ends: Float[torch.Tensor, "B 2 3"]
    sigmas: Float[torch.Tensor, "B 3"]
    voxels: Shaped[torch.Tensor, "N"]
    valid: Bool[torch.Tensor, "M"] | None
    channels: int
    where: Int64[np.ndarray, "B 8"]
    is_inside: Bool[np.ndarray, "B"]
    layout: Layout

    @property
    def is_measured(self) -> bool:
        """Whether every voxel of every view is known to be measured."""
        return self.valid is None and bool(self.is_inside.all())

    def __reduce__(self) -> tuple[object, ...]:
        """Return how another process gets it: tables by value, voxels in shared memory."""
        tables = (self.matrix, self.ends, self.sigmas, self.layout)
        return _received, (
            self.view_shape,
            self.warps,
            self.shapes,
            self.voxels,
            self.valid,
            self.channels,
            (self.where, self.is_inside, *(table.numpy() for table in tables)),
        )

    def row(self, place: int) -> "Strip":
        """Return the strip of one view; nothing is copied."""
        here = slice(place, place + 1)
        start, valid_start, along_c, along_x, along_y, *last = self.where[place].tolist()
        size = last[0] * along_x + last[1] * along_y + last[2] + 1
        length = (self.channels - 1) * along_c + size
        where = self.where[here].copy()
        where[:, :2] = 0
        return replace(
            self,
            warps=self.warps[here],
            shapes=self.shapes[here],
            matrix=self.matrix[here],
            ends=self.ends[here],
            sigmas=self.sigmas[here],
            voxels=self.voxels[start : start + length],
            valid=None if self.valid is None else self.valid[valid_start : valid_start + size],
            where=where,
            is_inside=self.is_inside[here],
            layout=torch.from_numpy(where).to(self.layout),
        )

    @staticmethod
    def joined(strips: "Sequence[Strip]", *, pin: bool) -> "Strip":
        """Return strips as one.

        Args:
            strips: At least one, of views of equal channels.
            pin: Put it into memory from which a GPU copies while other work goes on.
        """
        if len(strips) == 1 and not pin:
            return strips[0]
        dtypes = {strip.voxels.dtype for strip in strips}
        dtype = dtypes.pop() if len(dtypes) == 1 else torch.float32
        tables, start, valid_start = [], 0, 0
        for strip in strips:
            table = strip.where.copy()
            table[:, 0] += start
            table[:, 1] += valid_start
            tables.append(table)
            start += len(strip.voxels)
            valid_start += len(strip.voxels) // strip.channels
        valid = None
        if any(strip.valid is not None for strip in strips):
            parts = [
                torch.ones(len(strip.voxels) // strip.channels, dtype=torch.bool)
                if strip.valid is None
                else strip.valid
                for strip in strips
            ]
            valid = _concatenated(parts, torch.bool, pin=pin)
        voxels = _concatenated([strip.voxels for strip in strips], dtype, pin=pin)
        return _with_tables(strips, np.concatenate(tables), voxels, valid, pin=pin)

    @staticmethod
    def inside(
        strips: "Sequence[Strip]",
        voxels: Shaped[torch.Tensor, "N"],
        valid: Bool[torch.Tensor, "M"] | None,
        *,
        pin: bool,
    ) -> "Strip":
        """Return strips of `strip_within` as one, with the voxels that they lie in.

        Args:
            strips: At least one, of views of equal channels.
            voxels: Whole volumes one after the other, on the device.
            valid: Which of them were measured; ``None`` if all were.
            pin: Put all else into memory from which a GPU copies while other work goes on.
        """
        where = np.concatenate([strip.where for strip in strips])
        return _with_tables(strips, where, voxels, valid, pin=pin)

    def record(self, stream: torch.cuda.Stream) -> None:
        """Keep the strip's memory on a GPU until a stream has used it."""
        for tensor in (self.voxels, self.valid, self.layout, self.matrix, self.ends):
            if tensor is not None:
                tensor.record_stream(stream)

    def to(self, device: torch.device) -> "Strip":
        """Return the strip on a device; from pinned memory the copy goes on in the background."""

        def there(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, non_blocking=True)

        return replace(
            self,
            matrix=there(self.matrix),
            ends=there(self.ends),
            voxels=there(self.voxels),
            valid=None if self.valid is None else there(self.valid),
            layout=there(self.layout),
        )


def _with_tables(
    strips: Sequence[Strip],
    where: Int64[np.ndarray, "B 8"],
    voxels: torch.Tensor,
    valid: torch.Tensor | None,
    *,
    pin: bool,
) -> Strip:
    dtype = _index_dtype(len(voxels))
    return Strip(
        view_shape=strips[0].view_shape,
        warps=tuple(warp for strip in strips for warp in strip.warps),
        shapes=tuple(shape for strip in strips for shape in strip.shapes),
        matrix=_concatenated([strip.matrix for strip in strips], torch.float32, pin=pin),
        ends=_concatenated([strip.ends for strip in strips], torch.float32, pin=pin),
        sigmas=torch.cat([strip.sigmas for strip in strips]),
        voxels=voxels,
        valid=valid,
        channels=strips[0].channels,
        where=where,
        is_inside=np.concatenate([strip.is_inside for strip in strips]),
        layout=_concatenated([torch.from_numpy(where)], dtype, pin=pin),
    )


def _received(
    view_shape: tuple[int, int, int],
    warps: tuple[Warp | None, ...],
    shapes: tuple[tuple[int, int, int], ...],
    voxels: torch.Tensor,
    valid: torch.Tensor | None,
    channels: int,
    tables: tuple[np.ndarray, ...],
) -> Strip:
    where, is_inside, *others = tables
    matrix, ends, sigmas, layout = (torch.from_numpy(table) for table in others)
    return Strip(
        view_shape=view_shape,
        warps=warps,
        shapes=shapes,
        matrix=matrix,
        ends=ends,
        sigmas=sigmas,
        voxels=voxels,
        valid=valid,
        channels=channels,
        where=where,
        is_inside=is_inside,
        layout=layout,
    )


def _index_dtype(num_voxels: int) -> torch.dtype:
    return torch.int32 if num_voxels < 2**31 else torch.int64


def _concatenated(parts: Sequence[torch.Tensor], dtype: torch.dtype, *, pin: bool) -> torch.Tensor:
    length = sum(len(part) for part in parts)
    whole = torch.empty(length, *parts[0].shape[1:], dtype=dtype, pin_memory=pin)
    start = 0
    for part in parts:
        whole[start : start + len(part)] = part
        start += len(part)
    return whole


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
    last = np.array([lattice.source_shape for lattice in lattices], dtype=float) - 1.0
    matrices = np.stack([lattice.matrix[:3] for lattice in lattices])
    matrices[:, :, 3] -= lower
    ends = np.stack([-lower, last - lower], axis=1)
    where = np.array(rows, dtype=np.int64)
    return Strip(
        view_shape=lattices[0].view_shape,
        warps=tuple(lattice.warp for lattice in lattices),
        shapes=tuple(box.shape for box in boxes),
        matrix=torch.from_numpy(matrices.astype(np.float32)),
        ends=torch.from_numpy(ends.astype(np.float32)),
        sigmas=torch.tensor([lattice.prefilter for lattice in lattices]),
        voxels=voxels,
        valid=valid,
        channels=channels,
        where=where,
        is_inside=np.array([lattice.is_inside for lattice in lattices]),
        layout=torch.from_numpy(where).to(_index_dtype(len(voxels))),
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
