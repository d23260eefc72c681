"""Sampling: many boxes of voxels, one matrix each, one interpolation, on the device."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from medcl.augment.interpolation.native import has_native, trilinear_native
from medcl.augment.interpolation.slabs import trilinear_by_slabs
from medcl.augment.interpolation.trilinear import HALF, coordinates, trilinear
from medcl.augment.rendering.lattice import Lattice
from medcl.augment.rendering.strip import Strip, index_dtype
from medcl.augment.rendering.strip_building import strip_of
from medcl.augment.taps import RADII, smooth
from medcl.augment.warp import Warp
from medcl.geometry.boxes import Box
from medcl.shapes import ViewMask, Views

Samplings = tuple[
    torch.Tensor,
    torch.Tensor | None,
    torch.Tensor,
    torch.Tensor,
    torch.Tensor | None,
]


def sample(
    lattices: Sequence[Lattice],
    voxels: Sequence[np.ndarray],
    validity: Sequence[np.ndarray | None],
    *,
    device: torch.device,
) -> tuple[Views, ViewMask]:
    """Return views sampled trilinearly from boxes of voxels, and where they are measured.

    Voxels reach half their size beyond their centres; what lies outside of the source, or draws on
    an invalid voxel, has mask false and value 0.

    Args:
        lattices: Where each view lies.
        voxels: Per view, the source's voxels in `Lattice.box`, shape ``(C, x, y, z)``.
        validity: Per view, True where these voxels were measured, or ``None`` if all were.
        device: Where to compute.

    Returns:
        Views ``(B, C, X, Y, Z)`` float32 and mask ``(B, 1, X, Y, Z)``.

    Raises:
        ValueError: Voxels or validity do not have the shape of their box.
    """
    strip = strip_of(lattices, voxels, validity)
    shape, channels = lattices[0].view_shape, strip.channels
    given = samplings(strip, device=device)
    values, inside = interpolated(given, view_shape=shape, channels=channels)
    return torch.where(inside, values, 0.0), inside


def interpolated(
    given: Samplings, *, view_shape: tuple[int, int, int], channels: int, compiled: bool = False
) -> tuple[Views, ViewMask]:
    """Return samples and where they are measured, the fastest way that the device knows.

    Args:
        given: What `samplings` returns.
        view_shape: Voxels of every view.
        channels: Of every view.
        compiled: Sample by a compiled loop where that can be had; of effect on a CPU only, since
            the kernels of a GPU sample themselves.
    """
    if given[0].device.type != "cpu":
        return trilinear(*given, view_shape=view_shape, channels=channels)
    way = trilinear_native if compiled and has_native(given[0]) else trilinear_by_slabs
    return way(*given, view_shape=view_shape, channels=channels)


def samplings(strip: Strip, *, device: torch.device) -> Samplings:
    """Return what `medcl.augment.interpolation.trilinear.trilinear` asks for, on the device.

    Args:
        strip: The boxes; where a view steps over several source voxels at once, its box is
            blurred first.
        device: Where to compute.

    Returns:
        Voxels, validity, layout, matrices and shifts.
    """
    strip = _prefiltered(strip.to(device))
    if device.type != "cpu":
        strip = strip.roomy()
    shifts = _shifts(strip.warps, strip.view_shape, device)
    return strip.voxels, strip.valid, strip.layout, strip.matrix, shifts


def _prefiltered(strip: Strip) -> Strip:
    """Return the boxes blurred to the resolution of their views, in float32 and padded alike.

    Weights of validity keep edges and holes from leaking into tissue. A strip whose views need no
    blur is returned as it is.
    """
    if not strip.sigmas.any():
        return strip
    device, shapes = strip.voxels.device, strip.shapes
    x, y, z = (max(shape[axis] for shape in shapes) for axis in range(3))
    padded = torch.zeros(len(shapes), strip.channels + 1, x, y, z, device=device)
    for row, shape, where in zip(padded, shapes, strip.where.tolist(), strict=True):
        inner = row[:, : shape[0], : shape[1], : shape[2]]
        start, valid_start, along_c, along_x, along_y = where[:5]
        box = (strip.channels, *shape), (along_c, along_x, along_y, 1)
        inner[:-1] = strip.voxels.as_strided(*box, start + strip.voxels.storage_offset())
        inner[-1] = 1.0
        if strip.valid is not None:
            first = valid_start + strip.valid.storage_offset()
            inner[-1] = strip.valid.as_strided(shape, (along_x, along_y, 1), first)
    values, weights = padded[:, :-1], padded[:, -1:]
    a, b, c = (math.ceil(RADII * width) for width in strip.sigmas.amax(dim=0).tolist())
    blurred = smooth(
        torch.cat([values * weights, weights], dim=1),
        strip.sigmas.to(device, non_blocking=True),
        beyond="constant",
        radii=(a, b, c),
    )
    values = blurred[:, :-1] / blurred[:, -1:].clamp_min(1e-6) * (weights > 0)
    where = strip.where.copy()
    where[:, 0] = np.arange(len(shapes)) * (strip.channels * x * y * z)
    where[:, 1] = np.arange(len(shapes)) * (x * y * z)
    where[:, 2:5] = x * y * z, y * z, z
    layout = torch.from_numpy(where).to(index_dtype(values.numel()))
    return replace(
        strip,
        voxels=values.reshape(-1),
        valid=None if strip.valid is None else (weights > 0).reshape(-1),
        where=where,
        layout=layout.to(device, non_blocking=True),
    )


def _shifts(
    warps: Sequence[Warp | None], shape: tuple[int, int, int], device: torch.device
) -> Float[torch.Tensor, "B 3 X Y Z"] | None:
    """Return how far every view voxel is displaced, in view voxels; ``None`` if none is."""
    if all(warp is None for warp in warps):
        return None
    return torch.stack(
        [
            torch.zeros(3, *shape, device=device) if warp is None else warp.on_grid(shape, device)
            for warp in warps
        ]
    )


def _indices(
    lattice: Lattice, box: Box, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the nearest box voxel of every view voxel, one index array per source axis."""
    found = []
    for axis, place in enumerate(_places(lattice, device)):
        nearest = torch.floor(place + 0.5).long() - box.lower[axis]
        found.append(nearest.clamp_(0, box.shape[axis] - 1))
    return found[0], found[1], found[2]


def _places(lattice: Lattice, device: torch.device) -> list[torch.Tensor]:
    """Return the source coordinates of every view voxel, one array per source axis."""
    matrix = torch.from_numpy(lattice.matrix[None, :3]).to(device)
    shifts = _shifts([lattice.warp], lattice.view_shape, device)
    places = []
    for axis in range(3):
        place = coordinates(matrix[:, axis], lattice.view_shape)[0]
        if shifts is not None:
            place += torch.einsum("cxyz,c->xyz", shifts[0].to(place), matrix[0, axis, :3])
        places.append(place)
    return places


def sample_labels(
    lattices: Sequence[Lattice], maps: Sequence[np.ndarray], *, device: torch.device
) -> torch.Tensor:
    """Return label maps sampled at the nearest voxel; outside of the source is 0, background.

    Args:
        lattices: Where each view lies.
        maps: Per view, the labels in `Lattice.box`, shape ``(x, y, z)``.
        device: Where to compute.

    Returns:
        Labels ``(B, X, Y, Z)`` int64.

    Raises:
        ValueError: A map does not have the shape of its box.
    """
    found = []
    for lattice, labels in zip(lattices, maps, strict=True):
        box = lattice.box()
        if labels.shape != box.shape:
            raise ValueError(
                f"Labels must have the shape of their box {box.shape}, got {labels.shape}."
            )
        values = torch.from_numpy(labels.astype(np.int64)).to(device)
        picked = values[_indices(lattice, box, device)]
        found.append(torch.where(_is_inside(lattice, device), picked, 0))
    return torch.stack(found)


def _is_inside(lattice: Lattice, device: torch.device) -> torch.Tensor:
    inside = torch.ones(lattice.view_shape, dtype=torch.bool, device=device)
    for axis, place in enumerate(_places(lattice, device)):
        inside &= (place >= -HALF) & (place <= lattice.source_shape[axis] - 1 + HALF)
    return inside
