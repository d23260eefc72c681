"""Trilinear sampling from a strip: one pass over the voxels of the views, nothing in between."""

import torch
from jaxtyping import Bool, Float, Shaped

from medcl.augment.elementary import (
    FLOOR_BITS,
    FLOOR_FROM,
    floor_bits,
    has_instructions,
    last_index,
    limited,
)

HALF = 0.5 + 1e-4
"""A voxel reaches this far beyond its centre; float32 needs the rest."""

WHOLE = 1e-3  # a view voxel is valid if at most this much of it comes from unmeasured voxels

Values = Float[torch.Tensor, "B C X Y Z"]
Inside = Bool[torch.Tensor, "B 1 X Y Z"]
Coordinates = Float[torch.Tensor, "B X Y Z"]


def trilinear(
    voxels: Shaped[torch.Tensor, "N"],
    valid: Bool[torch.Tensor, "M"] | None,
    layout: torch.Tensor,
    matrix: Float[torch.Tensor, "B 3 4"],
    shifts: Float[torch.Tensor, "B 3 X Y Z"] | None,
    *,
    view_shape: tuple[int, int, int],
    channels: int,
) -> tuple[Values, Inside]:
    """Return samples at the places of view voxels, and which of them are measured.

    Where coordinates are whole numbers, samples are the very voxels, to the last bit.

    Args:
        voxels: Boxes one after the other, finite; a compiled kernel also reads, and gives no
            weight to, what follows them, see `medcl.augment.rendering.strip.Strip.roomy`.
        valid: Which of their voxels were measured; ``None`` if all were.
        layout: Where each box is, see `medcl.augment.rendering.strip.Layout`.
        matrix: View voxel → box voxel.
        shifts: Displacement of each view voxel before the matrix, in view voxels.
        view_shape: Voxels of every view.
        channels: Of every view.

    Returns:
        Values ``(B, C, X, Y, Z)`` float32 and mask ``(B, 1, X, Y, Z)``.
    """
    inside: torch.Tensor | None = None
    along_x, along_y = (_column(layout[:, 3 + axis]) for axis in range(2))
    indices, parts = [], []
    for axis in range(3):
        place = coordinates(matrix[:, axis], view_shape)
        if shifts is not None:
            for other in range(3):
                place = place + shifts[:, other] * _column(matrix[:, axis, other])
        last = _column(layout[:, 5 + axis]).to(torch.float32)
        # A box ends only where its source does, or where no view voxel comes.
        held = limited(place, 0.0, last, keeps_nan=False)
        here = (place - held).abs_() <= HALF
        inside = here if inside is None else inside & here
        whole, part, more = _cut(held)
        indices.append(whole.to(layout.dtype))
        parts.append(part)
    assert inside is not None
    near = indices[0] * along_x
    if more:
        near = near - (along_x + along_y + 1) * more
    near = near + indices[1] * along_y + indices[2]
    starts, along_channels = _column(layout[:, 0]), _column(layout[:, 2])
    values = torch.stack(
        [
            _blend(
                _corners(voxels, near, starts + channel * along_channels, along_x, along_y),
                parts,
            )
            for channel in range(channels)
        ],
        dim=1,
    )
    if valid is not None:
        valid_starts = _column(layout[:, 1])
        share = _blend(_corners(valid, near, valid_starts, along_x, along_y), parts)
        inside = inside & (share >= 1.0 - WHOLE)
    return values, inside[:, None]


def coordinates(row: torch.Tensor, shape: tuple[int, int, int]) -> Coordinates:
    """Return one source coordinate of every view voxel, from one row of each matrix."""
    x, y = (torch.arange(size, device=row.device, dtype=row.dtype) for size in shape[:2])
    z = last_index((len(row), *shape), row.device).to(row.dtype)
    numbers = row.reshape(-1, 4, 1, 1, 1)
    first = numbers[:, 0] * x[:, None, None] + numbers[:, 3]
    return first + numbers[:, 1] * y[:, None] + numbers[:, 2] * z


def _cut(places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return the whole numbers at or below places, the rest, and by how much the former are more.

    A kernel takes the surplus off their sum, once for all voxels of a row.
    """
    if has_instructions(places):
        bits = floor_bits(places)
        return bits, places - (bits.view(torch.float32) - FLOOR_FROM), FLOOR_BITS
    below = torch.floor(places)
    return below, places - below, 0


def _column(values: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, 1, 1, 1)


def _corners(
    flat: torch.Tensor,
    near: torch.Tensor,
    start: torch.Tensor,
    along_x: torch.Tensor,
    along_y: torch.Tensor,
) -> list[torch.Tensor]:
    """Return the eight voxels around each place, z fastest.

    At the last voxel of an axis the upper one is some other voxel, and what is blended of it none.
    """
    found = []
    for corner in (start, start + along_y, start + along_x, start + (along_x + along_y)):
        found += _pair(flat, near, corner)
    return found


def _pair(flat: torch.Tensor, near: torch.Tensor, start: torch.Tensor) -> list[torch.Tensor]:
    """Return the entries so far beyond the start of each view, and the next ones.

    Compiled, without a check of each, and in 64 bits: then the step to the next voxel is part of
    the instruction that reads, and the address that a view starts from is made once. Else by a
    selection of rows, which takes a third to a tenth of the time of indexing; of voxels beyond the
    last, which have no weight, it reads the last.
    """
    if torch.compiler.is_compiling():
        index = start.to(torch.int64) + near.to(torch.int64)
        always = torch.ones(index.shape, dtype=torch.bool, device=flat.device)
        read = torch.ops.aten._unsafe_masked_index
        return [read(flat[beyond:], always, [index], 0) for beyond in (0, 1)]
    index = (near + start).reshape(-1)
    return [
        torch.index_select(flat, 0, (index + beyond).clamp_max(len(flat) - 1)).reshape(near.shape)
        for beyond in (0, 1)
    ]


def _blend(corners: list[torch.Tensor], parts: list[torch.Tensor]) -> torch.Tensor:
    """Return the mean of eight corners, z fastest, by the fractions along x, y and z."""
    values = [corner.to(torch.float32) for corner in corners]
    for part in reversed(parts):
        values = [
            low + (high - low) * part for low, high in zip(values[::2], values[1::2], strict=True)
        ]
    return values[0]
