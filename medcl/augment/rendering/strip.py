"""A strip: the boxes of many views one after the other in one array, however they are shaped.

Boxes of different shapes need no padding this way: a batch is one copy to the device, in the type
the store keeps, and a kernel finds each box by its start and its steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64, Shaped

from medcl.augment.warp import Warp

Layout = Int[torch.Tensor, "B 8"]
"""Per view: first voxel, first voxel of its validity, step from channel to channel, along x and
along y, last index along x, y and z; int32 where that suffices, int64 otherwise."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Strip:
    """What a batch of views is sampled from.

    Attributes:
        view_shape: Voxels of every view.
        warps: What displaces the voxels of each view; ``None`` for a view without one.
        shapes: Of the boxes.
        matrix: View voxel → box voxel, float32.
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
        tables = (self.matrix, self.sigmas, self.layout)
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
            sigmas=self.sigmas[here],
            voxels=self.voxels[start : start + length],
            valid=None if self.valid is None else self.valid[valid_start : valid_start + size],
            where=where,
            is_inside=self.is_inside[here],
            layout=torch.from_numpy(where).to(self.layout),
        )

    def roomy(self) -> "Strip":
        """Return the strip with as many voxels after the last box as a kernel reads.

        A kernel asks of no place whether it is the last of its box: it reads the next slice, row
        and voxel all the same, and gives them no weight. Strips that were joined, and volumes on
        a device, have room for that; others are copied.
        """
        num_voxels, num_valid = _num_read(self.where, self.channels)
        return replace(
            self,
            voxels=_lengthened(self.voxels, num_voxels),
            valid=None if self.valid is None else _lengthened(self.valid, num_valid),
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
        where = np.concatenate(tables)
        num_voxels, num_valid = _num_read(where, strips[0].channels)
        valid = None
        if any(strip.valid is not None for strip in strips):
            parts = [
                torch.ones(len(strip.voxels) // strip.channels, dtype=torch.bool)
                if strip.valid is None
                else strip.valid
                for strip in strips
            ]
            valid = _concatenated(parts, torch.bool, pin=pin, least=num_valid)
        parts = [strip.voxels for strip in strips]
        voxels = _concatenated(parts, dtype, pin=pin, least=num_voxels)
        return _with_tables(strips, where, voxels, valid, pin=pin)

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
        for tensor in (self.voxels, self.valid, self.layout, self.matrix):
            if tensor is not None:
                tensor.record_stream(stream)

    def to(self, device: torch.device) -> "Strip":
        """Return the strip on a device; from pinned memory the copy goes on in the background."""

        def there(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, non_blocking=True)

        return replace(
            self,
            matrix=there(self.matrix),
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
    dtype = index_dtype(len(voxels))
    return Strip(
        view_shape=strips[0].view_shape,
        warps=tuple(warp for strip in strips for warp in strip.warps),
        shapes=tuple(shape for strip in strips for shape in strip.shapes),
        matrix=_concatenated([strip.matrix for strip in strips], torch.float32, pin=pin),
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
    matrix, sigmas, layout = (torch.from_numpy(table) for table in others)
    return Strip(
        view_shape=view_shape,
        warps=warps,
        shapes=shapes,
        matrix=matrix,
        sigmas=sigmas,
        voxels=voxels,
        valid=valid,
        channels=channels,
        where=where,
        is_inside=is_inside,
        layout=layout,
    )


def index_dtype(num_voxels: int) -> torch.dtype:
    """Return the integers that count so many voxels."""
    return torch.int32 if num_voxels < 2**31 else torch.int64


def room_voxels(shape: tuple[int, int, int]) -> int:
    """Return how far a kernel reads beyond the last voxel of a volume: a slice, a row, a voxel.

    Example:
        >>> room_voxels((10, 5, 4))
        25
    """
    return (shape[1] + 1) * shape[2] + 1


def _num_read(where: Int64[np.ndarray, "B 8"], channels: int) -> tuple[int, int]:
    """Return how many voxels, and how many of their validities, a kernel reads from."""
    starts, valid_starts, along_channels, along_x, along_y, *last = where.T
    lengths = (last[0] + 1) * along_x + (last[1] + 1) * along_y + last[2] + 2
    voxels = starts + (channels - 1) * along_channels + lengths
    return int(voxels.max()), int((valid_starts + lengths).max())


def _lengthened(array: torch.Tensor, length: int) -> torch.Tensor:
    """Return an array that is at least so long, with zeros where it was not."""
    if len(array) >= length:
        return array
    return torch.cat([array, array.new_zeros(length - len(array))])


def _concatenated(
    parts: Sequence[torch.Tensor], dtype: torch.dtype, *, pin: bool, least: int = 0
) -> torch.Tensor:
    """Return parts one after the other, with zeros up to the length that is asked at least."""
    length = max(sum(len(part) for part in parts), least)
    whole = torch.empty(length, *parts[0].shape[1:], dtype=dtype, pin_memory=pin)
    start = 0
    for part in parts:
        whole[start : start + len(part)] = part
        start += len(part)
    whole[start:] = 0
    return whole
