"""Measures of one view against its volume, in physical units."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from torch import device

from medcl.augment.lattice import Lattice
from medcl.augment.sampling import sample
from medcl.augment.taps import RADII
from medcl.geometry.affine import transform_points
from medcl.shapes import Affine

Grey = Float[np.ndarray, "X Y Z"]
Classes = Int[np.ndarray, "X Y Z"]
Mask = Bool[np.ndarray, "X Y Z"]

TISSUES_HU = {
    "air": (-3000.0, -950.0),
    "lung": (-950.0, -500.0),
    "fat": (-120.0, -70.0),
    "water": (-10.0, 15.0),
    "muscle": (30.0, 80.0),
    "bone": (300.0, 3000.0),
}
"""Tissues of CT by their range of HU."""

_FEWEST = 64


def tissue_classes(hounsfield: Grey) -> Classes:
    """Return the tissue of every voxel deep inside of one: 0 for none, else 1, 2, … as listed.

    One voxel at every border is left out, because partial volume there belongs to no tissue.

    Example:
        >>> int(tissue_classes(np.full((5, 5, 5), 50.0))[2, 2, 2])
        5
    """
    classes = np.zeros(hounsfield.shape, dtype=np.int64)
    core = ndimage.generate_binary_structure(3, 3)
    for number, (low, high) in enumerate(TISSUES_HU.values(), start=1):
        tissue = (hounsfield >= low) & (hounsfield < high)
        classes[ndimage.binary_erosion(tissue, core, border_value=1)] = number
    return classes


def fitted_affine(lattice: Lattice, affine: Affine) -> Affine | None:
    """Return view voxel → world mm as the renderer really does it.

    A volume whose values are its own world coordinates is rendered, and an affine is fitted to
    what comes out: nothing that placed the view is asked. The coordinates go on beyond the volume,
    because at its edge a blur would draw them inwards, and a thin slab is all edge.

    Args:
        lattice: Where the view lies.
        affine: Voxel index → RAS+ mm of the volume.

    Returns:
        4 x 4, or ``None`` where too little of the view lies in the volume.
    """
    inside = _shown(lattice)
    if inside.sum() < _FEWEST:
        return None
    margin = np.ceil(np.asarray(lattice.prefilter) * RADII).astype(int) + 1
    wide = _widened(lattice, margin)
    box = wide.box()
    index = np.stack(np.meshgrid(*map(np.arange, box.shape), indexing="ij"), axis=-1)
    points = transform_points(affine, index.reshape(-1, 3) + (box.lower - margin).astype(float))
    middle = points.mean(axis=0)
    volume = (points - middle).T.reshape(3, *box.shape).astype(np.float32)
    views, _ = sample([wide], [volume], [None], device=device("cpu"))
    places = np.stack(np.nonzero(inside), axis=1).astype(float)
    worlds = views[0].numpy()[:, inside].T.astype(float) + middle
    solution, *_ = np.linalg.lstsq(
        np.column_stack([places, np.ones(len(places))]), worlds, rcond=None
    )
    result = np.eye(4)
    result[:3] = solution.T
    return result


def _shown(lattice: Lattice) -> Mask:
    """Return which voxels of the view lie in the volume."""
    anything = np.ones((1, *lattice.box().shape), np.float32)
    _, mask = sample([lattice], [anything], [None], device=device("cpu"))
    return np.asarray(mask[0, 0].numpy())


def _widened(lattice: Lattice, margin: Int[np.ndarray, " 3"]) -> Lattice:
    """Return the same view of a volume that goes on for ``margin`` voxels on every side."""
    matrix = lattice.matrix.copy()
    matrix[:3, 3] += margin
    x, y, z = (np.asarray(lattice.source_shape) + 2 * margin).tolist()
    return Lattice(matrix, lattice.view_shape, (x, y, z))


def turn_and_zoom(linear: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Return the rotation angle in degrees and the smallest and largest magnification.

    Args:
        linear: View mm → world mm, 3 x 3; its mirror, if any, is taken out first.

    Returns:
        The angle of the nearest rotation, and magnifications of anatomy in the view.

    Example:
        >>> angle, zooms = turn_and_zoom(np.eye(3) / 1.1)
        >>> angle, round(zooms[0], 3)
        (0.0, 1.1)
    """
    left, stretches, right = np.linalg.svd(linear)
    turn = left @ right
    cosine = (np.trace(turn * np.sign(np.linalg.det(turn))) - 1) / 2
    angle = float(np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0))))
    return angle, (float(1 / stretches.max()), float(1 / stretches.min()))


def shared_fraction(first: Affine, second: Affine, shape: tuple[int, int, int]) -> float:
    """Return the part of one view that another shows too, the smaller of both ways.

    Args:
        first: View voxel → world of one view.
        second: The same of the other.
        shape: Voxels of both.

    Returns:
        A fraction from 0 to 1, counted over every second voxel.

    Example:
        >>> aside = np.eye(4)
        >>> aside[0, 3] = 4.0
        >>> shared_fraction(np.eye(4), aside, (8, 8, 8))
        0.5
    """
    index = np.stack(np.meshgrid(*(np.arange(0, n, 2) + 0.5 for n in shape), indexing="ij"), -1)
    places = index.reshape(-1, 3)
    shares = []
    for one, other in ((first, second), (second, first)):
        seen = transform_points(np.linalg.inv(other) @ one, places)
        inside = (seen >= -0.5) & (seen <= np.asarray(shape) - 0.5)
        shares.append(float(inside.all(axis=1).mean()))
    return min(shares)


def noise_sd(grey: Grey, mask: Mask) -> float | None:
    """Return the standard deviation of noise, from each voxel against its six neighbours.

    The median absolute deviation keeps edges out of it.

    Args:
        grey: Values.
        mask: Voxels that count; their neighbours must too.

    Returns:
        In the unit of the values, or ``None`` for too few voxels.

    Example:
        >>> values = np.random.default_rng(0).normal(0, 5, (20, 20, 20))
        >>> round(noise_sd(values, np.ones((20, 20, 20), dtype=bool)))
        5
    """
    inside = ndimage.binary_erosion(mask)
    if inside.sum() < _FEWEST:
        return None
    kernel = ndimage.generate_binary_structure(3, 1).astype(float)
    kernel /= -6
    kernel[1, 1, 1] = 1
    difference = ndimage.convolve(grey, kernel)[inside]
    deviation = np.median(np.abs(difference - np.median(difference)))
    return float(1.4826 * deviation / np.sqrt(1 + 1 / 6))
