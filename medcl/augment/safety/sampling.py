"""Sampling: what the one resampling of a policy does to values, by how voxels and views lie.

A policy interpolates once, trilinearly, after a Gaussian where a view is coarser than its volume.
That has a contract of its own, whatever places and transforms of values do besides:

Whole voxels. Where view and volume have the same spacing along the same axes, a view is moved by
less than a voxel onto the lattice of the volume, and every value is one of the volume, to the bit.

Noise. Between voxels, trilinear weights take white noise down to ``(1/√2)³ = 0.35`` of what it is
where all three offsets are half a voxel, and leave it where they are whole: two views of one volume
differ in texture by where they lie. Rotations on average leave ``(2/3)^(3/2) = 0.54``. A Gaussian
before them takes more (`medcl.augment.safety.sampling_noise`).

Density. The weights are positive and their sum is 1, so level tissue keeps its value, and no value
is invented beyond those around. They also reproduce straight ramps, and the mean over a tissue is
that of the voxels it is made of. So trilinear weights alone move no tissue. The Gaussian before
them does, where a tissue is not level: bone is dense at its rim and spongy inside. Along one axis,
in lengths of the view's voxel, let its variance be ``r``, the values of a tissue span ``W`` HU, and
the tissue be ``m`` voxels thick once two are left out at either border. Integrated over those
``m``, ``k * f - f = r f''/2`` leaves the slopes at both ends only. Over the two voxels to either
side of an end, all of them tissue, a slope is ``W/4`` on average. So the mean moves by at most
``r/2 · 2 (W/4) / m = r W / (4 m)``, and axes add up. ``r`` is ``(1 - 1/f²) / (8 ln 2)`` for a view
``f`` times as coarse, never above 0.18.

On three thin CT and five grids, bone moved by 35 HU per unit of ``r``, lung by 6, fat, muscle and
air by up to 3; the bounds with ``m = 4`` are 44, 28 and 3.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from medcl.augment.grid import ViewGrid
from medcl.augment.prefilter import prefilter_variance
from medcl.augment.safety.source_geometry import SourceGeometry, Triple
from medcl.augment.safety.spatial_bounds import SpatialBounds

SPAN_HU: Mapping[str, float] = {
    "air": 50.0,
    "lung": 450.0,
    "fat": 50.0,
    "water": 25.0,
    "muscle": 50.0,
    "bone": 700.0,
}
"""HU that a tissue spans: the width of its range; of bone, from spongy to 1000 HU."""

_BORDER_VOXELS = 2
_THICK_VOXELS = 4.0
STILL = SpatialBounds(
    degrees=0.0,
    degrees_between=0.0,
    stretch=(1.0, 1.0),
    stretch_between=1.0,
    volume=(1.0, 1.0),
    volume_between=1.0,
    signs=frozenset({1}),
)
"""What the maps of views amount to that are neither turned nor scaled."""


@dataclass(frozen=True, slots=True)
class SamplingClaim:
    """What sampling promises, for one size of view and some volumes.

    Attributes:
        is_whole: Whether every view that is neither turned nor scaled consists of whole voxels.
        smoothing: Part of what a tissue spans by which its mean may move, all axes together;
            infinite where a volume is too short to say.
    """

    is_whole: bool
    smoothing: float

    def bound_hu(self, tissue: str) -> float:
        """Return by how many HU the mean of a tissue may move, as named in `SPAN_HU`.

        Example:
            >>> SamplingClaim(is_whole=False, smoothing=0.02).bound_hu("bone")
            14.0
        """
        return self.smoothing * SPAN_HU[tissue]


def sampling_claim(
    grid: ViewGrid, geometry: SourceGeometry, moved: SpatialBounds = STILL
) -> SamplingClaim:
    """Return what sampling promises.

    Args:
        grid: Of the views.
        geometry: Of the volumes.
        moved: What the spatial transforms of the policy amount to: a turn mixes the spacings of a
            view, and a view of magnified anatomy is finer.

    Returns:
        The claim, for all of these volumes.

    Example:
        >>> from medcl.augment.safety.source_geometry import geometry_of
        >>> thin = geometry_of([(np.diag([0.7, 0.7, 1.0, 1.0]), (512, 512, 12))])
        >>> fine = ViewGrid(size_voxels=(64, 64, 8), spacing_mm=(0.7, 0.7, 0.9))
        >>> coarse = ViewGrid(size_voxels=(64, 64, 8), spacing_mm=(0.7, 0.7, 2.0))
        >>> sampling_claim(fine, thin)
        SamplingClaim(is_whole=False, smoothing=0.0)
        >>> round(sampling_claim(coarse, thin).bound_hu("bone"), 1)
        11.8
    """
    widths = widest_mm(grid.spacing_mm, geometry, moved)
    steps = widths / np.asarray(geometry.finest_mm)
    variance = prefilter_variance(steps) / steps**2
    room = np.asarray(geometry.shortest_mm) / widths - 2 * _BORDER_VOXELS
    parts = [
        0.0 if share == 0 else share / (4 * min(thick, _THICK_VOXELS)) if thick >= 1 else math.inf
        for share, thick in zip(variance.tolist(), room.tolist(), strict=True)
    ]
    return SamplingClaim(geometry.has_lattice_of(grid.spacing_mm), sum(parts))


def too_short(grid: ViewGrid, geometry: SourceGeometry, moved: SpatialBounds = STILL) -> str | None:
    """Return which axis leaves no bound to be given, in words; ``None`` where none does.

    Args:
        grid: Of the views.
        geometry: Of the volumes.
        moved: As of `sampling_claim`.
    """
    widths = widest_mm(grid.spacing_mm, geometry, moved)
    least = 2 * _BORDER_VOXELS + 1
    for axis, width, fine, short in zip(
        "xyz", widths.tolist(), geometry.finest_mm, geometry.shortest_mm, strict=True
    ):
        if prefilter_variance(np.array([width / fine]))[0] > 0 and short < least * width:
            return (
                f"along {axis} voxels {fine:g} mm apart are drawn together to {width:.3g} mm, and "
                f"the shortest volume has {short:g} mm; a bound on bone takes {least} of them, or "
                f"views no coarser than {fine:g} mm"
            )
    return None


def widest_mm(spacing: Triple, geometry: SourceGeometry, moved: SpatialBounds) -> np.ndarray:
    """Return how far apart voxels of a view may lie at most, along each axis of the volumes.

    A row of a rotation by an angle has at least its squared cosine on the diagonal, and squares
    that sum to 1.
    """
    own, most = np.square(spacing), max(spacing) ** 2
    turned = own + _aside(geometry, moved) * np.maximum(most - own, 0.0)
    return np.asarray(np.sqrt(turned) / min(moved.stretch[0], 1.0))


def narrowest_mm(spacing: Triple, geometry: SourceGeometry, moved: SpatialBounds) -> np.ndarray:
    """Return how far apart voxels of a view lie at least, along each axis of the volumes."""
    own, least = np.square(spacing), min(spacing) ** 2
    turned = own - _aside(geometry, moved) * np.maximum(own - least, 0.0)
    return np.asarray(np.sqrt(turned) / max(moved.stretch[1], 1.0))


def _aside(geometry: SourceGeometry, moved: SpatialBounds) -> float:
    """Return the largest part of a direction that runs along other axes, as a square."""
    tilt = 0.0 if geometry.is_upright else geometry.tilt_degrees
    return math.sin(math.radians(min(moved.degrees + tilt, 90.0))) ** 2
