"""Trilinear sampling on a CPU without a compiler: slab by slab, so that a slab stays in the cache.

What `medcl.augment.interpolation.trilinear` says in one go over a whole view goes through memory
some fifty times; a slab of it goes through the cache instead, in a quarter of the time.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Shaped

from medcl.augment.interpolation.trilinear import HALF, WHOLE, Inside, Values

_SLAB_VOXELS = 131_072
"""A dozen arrays of so many floats fit into a cache."""


class _Box(NamedTuple):
    """One row of a layout, see `medcl.augment.rendering.strip.Layout`."""

    start: int
    valid_start: int
    along_channels: int
    steps: tuple[int, int, int]
    last: tuple[int, int, int]

    @property
    def corners(self) -> list[int]:
        """How far the eight voxels around a place lie from the lowest, z fastest."""
        x, y, z = (
            (0, step if last > 0 else 0) for step, last in zip(self.steps, self.last, strict=True)
        )
        return [a + b + c for a in x for b in y for c in z]


class _Grid(NamedTuple):
    """Where the voxels of one view lie in its box along one axis: across + along z + shift."""

    across: Float[torch.Tensor, "X Y 1"]
    along_z: Float[torch.Tensor, "Z"]
    shift: Float[torch.Tensor, "X Y Z"] | None

    def within(self, slab: slice) -> tuple[torch.Tensor, float, float]:
        """Return the places of a slab, and bounds of them."""
        across = self.across[slab]
        places = across + self.along_z
        if self.shift is not None:
            places += self.shift[slab]
            low, high = places.aminmax()
            return places, low.item(), high.item()
        # Sums are rounded alike in order: the sums of the ends are the ends of the sums.
        (first, last), (low, high) = across.aminmax(), self.along_z.aminmax()
        return places, (first + low).item(), (last + high).item()


def trilinear_by_slabs(
    voxels: Shaped[torch.Tensor, "N"],
    valid: Bool[torch.Tensor, "M"] | None,
    layout: torch.Tensor,
    matrix: Float[torch.Tensor, "B 3 4"],
    shifts: Float[torch.Tensor, "B 3 X Y Z"] | None,
    *,
    view_shape: tuple[int, int, int],
    channels: int,
) -> tuple[Values, Inside]:
    """Return what `medcl.augment.interpolation.trilinear.trilinear` does, within rounding."""
    values = torch.empty(len(layout), channels, *view_shape)
    inside = torch.ones(len(layout), 1, *view_shape, dtype=torch.bool)
    flat = voxels.to(torch.float32)
    weights = None if valid is None else valid.to(torch.float32)
    size_x, size_y, size_z = view_shape
    thick = max(1, _SLAB_VOXELS // (size_y * size_z))
    for row, numbers in enumerate(layout.tolist()):
        start, valid_start, along_channels, along_x, along_y, *last = numbers
        box = _Box(start, valid_start, along_channels, (along_x, along_y, 1), tuple(last))
        grids = _grids(matrix[row], None if shifts is None else shifts[row], view_shape)
        for begin in range(0, size_x, thick):
            slab = slice(begin, min(begin + thick, size_x))
            seen = inside[row, 0, slab]
            near, parts = _located(grids, box, slab, seen, layout.dtype)
            for channel, made in enumerate(values[row, :, slab]):
                first = box.start + channel * box.along_channels
                _blend(flat, first, box.corners, near, parts, out=made)
            if weights is not None:
                share = torch.empty_like(parts[0])
                _blend(weights, box.valid_start, box.corners, near, parts, out=share)
                seen &= share >= 1.0 - WHOLE
    return values, inside


def _grids(
    matrix: torch.Tensor, shifts: torch.Tensor | None, shape: tuple[int, int, int]
) -> list[_Grid]:
    x, y, z = (torch.arange(size, dtype=torch.float32) for size in shape)
    return [
        _Grid(
            (row[0] * x + row[3])[:, None, None] + (row[1] * y)[:, None],
            row[2] * z,
            None if shifts is None else (shifts * row[:3, None, None, None]).sum(dim=0),
        )
        for row in matrix
    ]


def _located(
    grids: Sequence[_Grid],
    box: _Box,
    slab: slice,
    seen: torch.Tensor,
    index_dtype: torch.dtype,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the lowest of the eight voxels around each place of a slab, and the parts beyond it.

    ``seen`` is made false where a place lies outside of the box, which ends only where its source
    does, or where no view voxel comes.
    """
    near, outside = torch.zeros((), dtype=index_dtype), None
    parts = []
    for grid, step, last in zip(grids, box.steps, box.last, strict=True):
        places, lowest, highest = grid.within(slab)
        low, high = -HALF, last + HALF
        if lowest < low or highest > high:
            # Comparisons are slow; what clamping changes lies outside.
            beyond = (places - places.clamp(low, high)).abs_()
            outside = beyond if outside is None else outside.add_(beyond)
        if lowest < 0.0 or highest > last:
            places.clamp_(0.0, last)
        # At the last voxel of a box all comes from the upper of two.
        below = places.floor().clamp_max_(max(last - 1, 0))
        parts.append(places.sub_(below))
        near = torch.add(near, below.to(index_dtype), alpha=step)
    if outside is not None:
        seen &= outside == 0.0
    return near, parts


def _blend(
    flat: torch.Tensor,
    first: int,
    corners: Sequence[int],
    near: torch.Tensor,
    parts: Sequence[torch.Tensor],
    *,
    out: torch.Tensor,
) -> None:
    """Write the mean of the eight voxels around each place."""
    index = near.reshape(-1)
    values = [
        torch.index_select(flat[first + corner :], 0, index).reshape(near.shape)
        for corner in corners
    ]
    x, y, z = parts
    for part in (z, y):
        values = [
            torch.lerp(low, high, part) for low, high in zip(values[::2], values[1::2], strict=True)
        ]
    torch.lerp(values[0], values[1], x, out=out)
