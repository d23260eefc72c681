"""A strip: the boxes of many views one after the other in one array, however they are shaped.

Boxes of different shapes need no padding this way: a batch is one copy to the device, in the type
the store keeps, and a kernel finds each box by its start and its steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped

from medcl.augment.lattice import Lattice

Layout = Int[torch.Tensor, "B 8"]
"""Per view: first voxel, first voxel of its validity, step from channel to channel, along x and
along y, last index along x, y and z; int32 where that suffices, int64 otherwise."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Strip:
    """What a batch of views is sampled from.

    Attributes:
        lattices: Where each view lies in its source.
        shapes: Of the boxes.
        matrix: View voxel → box voxel, float32.
        ends: First and last voxel of each whole source, seen from its box, float32.
        sigmas: Widths of the blur against aliasing that each box needs, in its voxels; on the CPU.
        voxels: All boxes, int16 where every one of them is, float32 otherwise; channel by
            channel, x slowest.
        valid: True where voxels were measured, box after box; ``None`` if all were.
        channels: Of every view.
        layout: Where each box is.
    """

    lattices: tuple[Lattice, ...]
    shapes: tuple[tuple[int, int, int], ...]
    matrix: Float[torch.Tensor, "B 3 4"]
    ends: Float[torch.Tensor, "B 2 3"]
    sigmas: Float[torch.Tensor, "B 3"]
    voxels: Shaped[torch.Tensor, "N"]
    valid: Bool[torch.Tensor, "M"] | None
    channels: int
    layout: Layout

    @property
    def is_measured(self) -> bool:
        """Whether every voxel of every view is known to be measured."""
        return self.valid is None and all(lattice.is_inside for lattice in self.lattices)

    def __reduce__(self) -> tuple[object, ...]:
        """Return how another process gets it: tables by value, voxels in shared memory."""
        tables = (self.matrix, self.ends, self.sigmas, self.layout)
        return _received, (
            self.lattices,
            self.shapes,
            self.voxels,
            self.valid,
            self.channels,
            tuple(table.numpy() for table in tables),
        )

    def row(self, place: int) -> "Strip":
        """Return the strip of one view; nothing is copied."""
        shape = self.shapes[place]
        size = shape[0] * shape[1] * shape[2]
        start, valid_start = (int(self.layout[place, column]) for column in (0, 1))
        here = slice(place, place + 1)
        layout = self.layout[here].clone()
        layout[:, :2] = 0
        return Strip(
            lattices=self.lattices[here],
            shapes=self.shapes[here],
            matrix=self.matrix[here],
            ends=self.ends[here],
            sigmas=self.sigmas[here],
            voxels=self.voxels[start : start + self.channels * size],
            valid=None if self.valid is None else self.valid[valid_start : valid_start + size],
            channels=self.channels,
            layout=layout,
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
        layouts, start, valid_start = [], 0, 0
        for strip in strips:
            layout = strip.layout.long()
            layout[:, 0] += start
            layout[:, 1] += valid_start
            layouts.append(layout)
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
        return Strip(
            lattices=tuple(lattice for strip in strips for lattice in strip.lattices),
            shapes=tuple(shape for strip in strips for shape in strip.shapes),
            matrix=_concatenated([strip.matrix for strip in strips], torch.float32, pin=pin),
            ends=_concatenated([strip.ends for strip in strips], torch.float32, pin=pin),
            sigmas=torch.cat([strip.sigmas for strip in strips]),
            voxels=_concatenated([strip.voxels for strip in strips], dtype, pin=pin),
            valid=valid,
            channels=strips[0].channels,
            layout=_concatenated(layouts, _index_dtype(start), pin=pin),
        )

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


def _received(
    lattices: tuple[Lattice, ...],
    shapes: tuple[tuple[int, int, int], ...],
    voxels: torch.Tensor,
    valid: torch.Tensor | None,
    channels: int,
    tables: tuple[np.ndarray, ...],
) -> Strip:
    matrix, ends, sigmas, layout = (torch.from_numpy(table) for table in tables)
    return Strip(
        lattices=lattices,
        shapes=shapes,
        matrix=matrix,
        ends=ends,
        sigmas=sigmas,
        voxels=voxels,
        valid=valid,
        channels=channels,
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
    starts = np.cumsum([0, *sizes])[:-1]
    rows = [
        (channels * start, start, x * y * z, y * z, z, x - 1, y - 1, z - 1)
        for start, (x, y, z) in zip(starts, shapes, strict=True)
    ]
    lower = np.array([box.lower for box in boxes], dtype=float)
    last = np.array([lattice.source_shape for lattice in lattices], dtype=float) - 1.0
    matrices = np.stack([lattice.matrix[:3] for lattice in lattices])
    matrices[:, :, 3] -= lower
    ends = np.stack([-lower, last - lower], axis=1)
    return Strip(
        lattices=tuple(lattices),
        shapes=tuple(shapes),
        matrix=torch.from_numpy(matrices.astype(np.float32)),
        ends=torch.from_numpy(ends.astype(np.float32)),
        sigmas=torch.tensor([lattice.prefilter for lattice in lattices]),
        voxels=torch.from_numpy(_joined(measured, np.dtype(dtype))),
        valid=_joined_validity(validity, shapes),
        channels=channels,
        layout=torch.tensor(rows, dtype=_index_dtype(channels * sum(sizes))),
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
