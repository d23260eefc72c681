"""A volume taken under a tilted gantry → right-angled voxel axes, by sliding each plane back.

Nothing is mixed between planes: each one is shifted within itself, by linear interpolation along
the axes it slides on. The grid grows by the slide, and voxels that no plane reaches are not valid.
"""

import math

import numpy as np

from medcl.geometry.affine import spacing_mm
from medcl.io.values import AIR_HU
from medcl.shapes import Affine
from medcl.volume import Volume

_UPRIGHT_MM = 1e-3


def deshear(volume: Volume) -> Volume:
    """Return a volume whose third voxel axis is at a right angle to the other two.

    Args:
        volume: Its first two axes are at a right angle; the third may be slanted.

    Returns:
        The same volume if it is upright. Else one of the same planes at the same places, wider by
        the slide, with the values of voxels outside of every plane as in `Volume.validity` False
        and filled with air in CT, with the lowest value elsewhere.

    Example:
        >>> affine = np.diag([1.0, 1.0, 2.0, 1.0])
        >>> affine[1, 2] = 1.0
        >>> slanted = Volume(
        ...     array=np.ones((1, 3, 3, 4), np.int16), affine=affine, modality="MR", unit="a.u."
        ... )
        >>> upright = deshear(slanted)
        >>> upright.shape, float(upright.affine[1, 2])
        ((3, 6, 4), 0.0)
    """
    slide = _slide_per_plane(volume.affine)
    if np.abs(slide * spacing_mm(volume.affine)[:2]).max() * volume.shape[2] < _UPRIGHT_MM:
        return volume
    shifts = np.outer(np.arange(volume.shape[2]), slide)
    low = np.floor(shifts.min(axis=0)).astype(int)
    grown = np.ceil(shifts.max(axis=0)).astype(int) - low
    shape = (volume.shape[0] + grown[0], volume.shape[1] + grown[1], volume.shape[2])
    fill = AIR_HU if volume.modality == "CT" else volume.array.min()
    array = np.full((len(volume.array), *shape), fill, volume.array.dtype)
    validity = np.zeros(shape, bool)
    for plane, shift in enumerate(shifts - low):
        _slide_plane(volume, plane, shift, array, validity)
    return Volume(
        array=array,
        affine=_upright_affine(volume.affine, slide, low),
        modality=volume.modality,
        unit=volume.unit,
        validity=validity,
    )


def _slide_per_plane(affine: Affine) -> np.ndarray:
    """Return how many voxels along the first two axes the next plane slides."""
    in_plane, step = affine[:3, :2], affine[:3, 2]
    solution, *_ = np.linalg.lstsq(in_plane, step, rcond=None)
    return np.asarray(solution)


def _slide_plane(
    volume: Volume, plane: int, shift: np.ndarray, array: np.ndarray, validity: np.ndarray
) -> None:
    """Write one plane, shifted by voxels and parts of voxels, into the wider grid."""
    x, y = (math.floor(part) for part in shift)
    parts = shift - (x, y)
    values = volume.array[..., plane].astype(np.float64)
    known = np.ones(volume.shape[:2]) if volume.validity is None else volume.validity[..., plane]
    values, weights = values * known, np.array(known, dtype=float)
    for axis, part in enumerate(parts):
        if part > 0:
            values = _between(values, part, axis - 2)
            weights = _between(weights, part, axis - 2)
    whole = weights > 1 - 1e-6
    size_x, size_y = weights.shape
    target = array[:, x : x + size_x, y : y + size_y, plane]
    is_whole_type = array.dtype.kind in "iu"
    target[:, whole] = np.rint(values)[:, whole] if is_whole_type else values[:, whole]
    validity[x : x + size_x, y : y + size_y, plane] = whole


def _between(values: np.ndarray, part: float, axis: int) -> np.ndarray:
    """Return values moved by ``part`` of a voxel along an axis, one voxel longer."""
    pad = [(0, 0)] * values.ndim
    pad[axis] = (0, 1)
    ahead = np.pad(values, pad)
    pad[axis] = (1, 0)
    return np.asarray(ahead * (1 - part) + np.pad(values, pad) * part)


def _upright_affine(affine: Affine, slide: np.ndarray, low: np.ndarray) -> Affine:
    upright = affine.copy()
    upright[:3, 2] -= affine[:3, :2] @ slide
    upright[:3, 3] += affine[:3, :2] @ low
    # What is left of a slide far below a micrometre is rounding.
    upright[np.abs(upright) < 1e-9] = 0.0
    return upright
