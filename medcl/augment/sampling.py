"""Sampling: many boxes of voxels, one matrix each, one interpolation, on the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch.nn import functional as F

from medcl.augment.taps import RADII, smooth
from medcl.augment.warp import Warp
from medcl.geometry.boxes import Box, box_around
from medcl.shapes import Affine, ViewMask, Views

Coordinates = Float[torch.Tensor, "B X Y Z"]

_HALF = 0.5 + 1e-4  # a voxel reaches this far beyond its centre; float32 needs the rest
_WHOLE = 1e-3  # a view voxel is valid if at most this much of it comes from unmeasured voxels


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Where the voxels of one view lie in its source.

    Attributes:
        matrix: View voxel → source voxel, 4 x 4.
        view_shape: Voxels of the view.
        source_shape: Voxels of the source.
        warp: Displaces view voxels before the matrix; ``None`` for a view without one.
    """

    matrix: Affine
    view_shape: tuple[int, int, int]
    source_shape: tuple[int, int, int]
    warp: Warp | None = None

    @property
    def prefilter(self) -> tuple[float, float, float]:
        """Standard deviation in source voxels of the anti-aliasing Gaussian along each axis.

        Where a view steps over ``f`` source voxels at once, the source is first blurred to the
        resolution of the view: ``(f² - 1) / (8 ln 2)`` is the variance that brings a full width
        at half maximum of one voxel to ``f`` voxels.

        References:
            Cardoso et al., "Scale factor point spread function matching: beyond aliasing in image
            resampling", MICCAI 2015.
        """
        steps = np.linalg.norm(self.matrix[:3, :3], axis=1)
        variance = np.maximum(steps**2 - 1.0, 0.0) / (8 * np.log(2))
        # A step of a few per cent aliases nothing; blurring there would only cost.
        x, y, z = np.where(steps > 1.1, np.sqrt(variance), 0.0).tolist()
        return x, y, z

    @property
    def is_whole(self) -> bool:
        """Whether every view voxel is exactly one source voxel."""
        return (
            self.warp is None
            and bool((self.matrix == np.rint(self.matrix)).all())
            and bool(np.abs(self.matrix[:3, :3]).sum() == 3)
        )

    def box(self) -> Box:
        """Return the source voxels that sampling touches, at least one."""
        ends = [(0, size - 1) for size in self.view_shape]
        corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
        points = corners @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        margin = np.ceil(np.asarray(self.prefilter) * RADII)
        if self.warp is not None:
            margin = margin + np.abs(self.matrix[:3, :3]) @ self.warp.reach_voxels
        wide = np.concatenate([points - margin, points + margin])
        last = np.asarray(self.source_shape) - 1.0
        return box_around(np.clip(wide, 0.0, last), margin=0, shape=self.source_shape)


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
    boxes = [lattice.box() for lattice in lattices]
    _require_shapes(boxes, voxels, validity)
    sigmas = torch.tensor([lattice.prefilter for lattice in lattices])
    weighted = bool(sigmas.any()) or any(valid is not None for valid in validity)
    padded = _stack(boxes, voxels, validity, weighted=weighted).to(device)
    if sigmas.any():
        padded = _prefilter(padded, sigmas.to(device))
    values, inside = _interpolate(padded, lattices, boxes)
    _copy_whole(values, padded, lattices, boxes)
    if weighted:
        inside &= values[:, -1:] >= 1.0 - _WHOLE
        values = values[:, :-1]
    return torch.where(inside, values, 0.0), inside


def _require_shapes(
    boxes: Sequence[Box],
    voxels: Sequence[np.ndarray],
    validity: Sequence[np.ndarray | None],
) -> None:
    for box, values, valid in zip(boxes, voxels, validity, strict=True):
        if values.ndim != 4 or values.shape[1:] != box.shape:
            raise ValueError(
                f"Voxels must have the shape of their box {box.shape}, got {values.shape}."
            )
        if valid is not None and valid.shape != box.shape:
            raise ValueError(
                f"Validity must have the shape of its box {box.shape}, got {valid.shape}."
            )


def _stack(
    boxes: Sequence[Box],
    voxels: Sequence[np.ndarray],
    validity: Sequence[np.ndarray | None],
    *,
    weighted: bool,
) -> torch.Tensor:
    """Return all boxes in one zero-padded batch, with a last channel of weights if asked."""
    x, y, z = (max(box.shape[axis] for box in boxes) for axis in range(3))
    channels = voxels[0].shape[0]
    padded = torch.zeros(len(boxes), channels + int(weighted), x, y, z)
    target = padded.numpy()
    for row, box, values, valid in zip(target, boxes, voxels, validity, strict=True):
        x, y, z = box.shape
        inner = row[:, :x, :y, :z]
        inner[:channels] = values if valid is None else np.where(valid, values, 0)
        if weighted:
            inner[channels] = 1.0 if valid is None else valid
    return padded


def _prefilter(padded: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Return all blurred by weights of validity: neither edges nor holes leak into tissue."""
    weights = padded[:, -1:]
    blurred = smooth(
        torch.cat([padded[:, :-1] * weights, weights], dim=1), sigmas, beyond="constant"
    )
    values = blurred[:, :-1] / blurred[:, -1:].clamp_min(1e-6)
    return torch.cat([values * (weights > 0), weights], dim=1)


def _interpolate(
    padded: torch.Tensor, lattices: Sequence[Lattice], boxes: Sequence[Box]
) -> tuple[torch.Tensor, ViewMask]:
    """Return trilinear samples and which of them lie inside of their source."""
    shape = lattices[0].view_shape
    matrices = np.stack([lattice.matrix[:3] for lattice in lattices])
    lower = np.array([box.lower for box in boxes], dtype=float)
    matrices[:, :, 3] -= lower
    ends = np.array([lattice.source_shape for lattice in lattices], dtype=float) - lower
    matrix = torch.from_numpy(matrices.astype(np.float32)).to(padded.device)
    low = torch.from_numpy((-lower).astype(np.float32)).to(padded.device)
    high = torch.from_numpy((ends - 1.0).astype(np.float32)).to(padded.device)
    inside = torch.ones(len(boxes), *shape, dtype=torch.bool, device=padded.device)
    shifts = _shifts(lattices, padded.device)
    normalised = []
    for axis in range(3):
        place = _coordinates(matrix[:, axis], shape)
        if shifts is not None:
            place += torch.einsum("bcxyz,bc->bxyz", shifts, matrix[:, axis, :3])
        first, last = (end[:, axis].reshape(-1, 1, 1, 1) for end in (low, high))
        inside &= (place >= first - _HALF) & (place <= last + _HALF)
        last_index = max(padded.shape[2 + axis] - 1, 1)
        normalised.append(place.clamp_(first, last) * (2.0 / last_index) - 1.0)
    grid = torch.stack(normalised[::-1], dim=-1)
    values = F.grid_sample(padded, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return values, inside[:, None]


def _shifts(
    lattices: Sequence[Lattice], device: torch.device
) -> Float[torch.Tensor, "B 3 X Y Z"] | None:
    """Return how far every view voxel is displaced, in view voxels; ``None`` if none is."""
    if all(lattice.warp is None for lattice in lattices):
        return None
    shape = lattices[0].view_shape
    return torch.stack(
        [
            torch.zeros(3, *shape, device=device)
            if lattice.warp is None
            else lattice.warp.on_grid(shape, device)
            for lattice in lattices
        ]
    )


def _coordinates(row: torch.Tensor, shape: tuple[int, int, int]) -> Coordinates:
    """Return one source coordinate of every view voxel, from one row of each matrix."""
    steps = [torch.arange(size, device=row.device, dtype=row.dtype) for size in shape]
    x = row[:, 0, None] * steps[0] + row[:, 3, None]
    y = row[:, 1, None] * steps[1]
    z = row[:, 2, None] * steps[2]
    return x[:, :, None, None] + y[:, None, :, None] + z[:, None, None, :]


def _copy_whole(
    values: torch.Tensor,
    padded: torch.Tensor,
    lattices: Sequence[Lattice],
    boxes: Sequence[Box],
) -> None:
    """Overwrite samples that need no interpolation by the very voxels: exact to the last bit."""
    for row, (lattice, box) in enumerate(zip(lattices, boxes, strict=True)):
        if lattice.is_whole:
            values[row] = padded[row][:, *_indices(lattice, box, padded.device)]


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
    shifts = _shifts([lattice], device)
    places = []
    for axis in range(3):
        place = _coordinates(matrix[:, axis], lattice.view_shape)[0]
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
        inside &= (place >= -_HALF) & (place <= lattice.source_shape[axis] - 1 + _HALF)
    return inside
