"""Trilinear sampling from a strip: one pass over the voxels of the views, nothing in between."""

from typing import cast

import torch
from jaxtyping import Bool, Float, Shaped

from medcl.augment.elementary import limited

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
        # A box ends only where its source does, or where no view voxel comes.
        held = limited(place, 0.0, _column(layout[:, 5 + axis]).to(torch.float32))
        here = (place - held).abs_() <= HALF
        inside = here if inside is None else inside & here
        below = torch.floor(held)
        indices.append(below.to(layout.dtype))
        parts.append(held - below)
    assert inside is not None
    near = indices[0] * along_x + indices[1] * along_y + indices[2]
    starts, along_channels = _column(layout[:, 0]), _column(layout[:, 2])
    values = torch.stack(
        [
            _blend(
                _corners(voxels, near + (starts + channel * along_channels), along_x, along_y),
                parts,
            )
            for channel in range(channels)
        ],
        dim=1,
    )
    if valid is not None:
        valid_starts = _column(layout[:, 1])
        share = _blend(_corners(valid, near + valid_starts, along_x, along_y), parts)
        inside = inside & (share >= 1.0 - WHOLE)
    return values, inside[:, None]


def coordinates(row: torch.Tensor, shape: tuple[int, int, int]) -> Coordinates:
    """Return one source coordinate of every view voxel, from one row of each matrix."""
    steps = [torch.arange(size, device=row.device, dtype=row.dtype) for size in shape]
    x = row[:, 0, None] * steps[0] + row[:, 3, None]
    y = row[:, 1, None] * steps[1]
    z = row[:, 2, None] * steps[2]
    return x[:, :, None, None] + y[:, None, :, None] + z[:, None, None, :]


def _column(values: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, 1, 1, 1)


def _corners(
    flat: torch.Tensor, near: torch.Tensor, along_x: torch.Tensor, along_y: torch.Tensor
) -> list[torch.Tensor]:
    """Return the eight voxels around each place, z fastest.

    At the last voxel of an axis the upper one is some other voxel, and what is blended of it none.
    """
    found = []
    for corner in (near, near + along_y, near + along_x, near + (along_x + along_y)):
        found += [_picked(flat, corner, 0), _picked(flat, corner, 1)]
    return found


def _picked(flat: torch.Tensor, index: torch.Tensor, beyond: int) -> torch.Tensor:
    """Return the entries so far beyond indices.

    Compiled, without a check of each, and in 64 bits: then the step to the next voxel is part of
    the instruction that reads. Else by a selection of rows, which takes a third to a tenth of the
    time of indexing; of voxels beyond the last, which have no weight, it reads the last.
    """
    if torch.compiler.is_compiling():
        always = torch.ones(index.shape, dtype=torch.bool, device=flat.device)
        places = [index.to(torch.int64)]
        found = torch.ops.aten._unsafe_masked_index(flat[beyond:], always, places, 0)
        return cast("torch.Tensor", found)
    within = (index.reshape(-1) + beyond).clamp_max(len(flat) - 1)
    return torch.index_select(flat, 0, within).reshape(index.shape)


def _blend(corners: list[torch.Tensor], parts: list[torch.Tensor]) -> torch.Tensor:
    """Return the mean of eight corners, z fastest, by the fractions along x, y and z."""
    values = [corner.to(torch.float32) for corner in corners]
    for part in reversed(parts):
        values = [
            low + (high - low) * part for low, high in zip(values[::2], values[1::2], strict=True)
        ]
    return values[0]
