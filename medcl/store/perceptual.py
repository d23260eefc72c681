"""A fingerprint of what a volume shows: near duplicates have nearly the same 256 bits.

The signs of the low spatial frequencies of a volume change little when it is stored again with
other axes, spacing, number type, gain or noise, or with a few slices less, and they change much
from one patient to the next. Frequencies are taken in RAS+ mm, around the centre of mass of what
is bright and scaled by its spread, under a window that fades towards the edge; so neither the
voxel grid nor the field of view matters much.

References:
    Zauner, Implementation and benchmarking of perceptual image hash functions, 2010 (signs of DCT
    coefficients, in two dimensions).
"""

import itertools

import numpy as np
from jaxtyping import Bool, Float

from medcl.geometry import affine as affines
from medcl.shapes import Affine, Points, ValidityMask
from medcl.store.coding import LinearCoding, Values
from medcl.store.statistics import Levels
from medcl.store.two_classes import two_classes

NUM_BITS = 256

_SAMPLES = 96
_CELLS = 24
_BRIGHT = 0.25
_DARKEST, _BRIGHTEST = -1.0, 2.0
_REACH_CELLS = 2.4
_REACH = 1.75
_FADE = 0.5
_ORDERS = 8
_LOWEST = 8

Field = Float[np.ndarray, "A B C"]
Cells = Float[np.ndarray, "D E F"]
Weights = Float[np.ndarray, "P"]
Spectrum = Float[np.ndarray, "K K K"]


def _frequencies() -> tuple[np.ndarray, ...]:
    """Return the 256 lowest frequencies but the lowest ones, which all bodies share."""
    orders = itertools.product(range(_ORDERS), repeat=3)
    length = {order: sum(number**2 for number in order) for order in orders}
    chosen = sorted(
        (order for order in length if length[order] > _LOWEST),
        key=lambda order: (length[order], order),
    )
    return tuple(np.array(chosen[:NUM_BITS]).T)


_FREQUENCIES = _frequencies()


def perceptual_hash(
    codes: Values,
    coding: LinearCoding,
    *,
    affine: Affine,
    validity: ValidityMask | None,
    levels: Levels,
) -> str | None:
    """Return 256 bits that nearly equal volumes have nearly in common.

    Args:
        codes: Stored numbers, shape ``(C, X, Y, Z)``; the first channel is looked at.
        coding: Turns codes into values.
        affine: Voxel index → RAS+ mm.
        validity: True where voxels were measured, shape ``(X, Y, Z)``; ``None`` if all were.
        levels: Histogram of all values, padding left out.

    Returns:
        64 hex characters; ``None`` where nothing stands out of the background.

    Example:
        >>> from medcl.store.statistics import levels_of
        >>> array = np.random.default_rng(0).random((1, 20, 24, 12))
        >>> array[:, 6:15, 8:17, 3:9] += 2
        >>> whole = LinearCoding(1.0, 0.0, "float64")
        >>> levels = levels_of(array, whole, None)
        >>> first = perceptual_hash(array, whole, affine=np.eye(4), validity=None, levels=levels)
        >>> turned, mirrored = np.diag([-1.0, 1.0, 1.0, 1.0]), array[:, ::-1]
        >>> first == perceptual_hash(mirrored, whole, affine=turned, validity=None, levels=levels)
        True
    """
    parts = two_classes(levels)
    if parts is None:
        return None
    field, grid = _thinned(codes[0], coding, validity, *parts.means)
    bright = np.maximum(field - _BRIGHT, 0)
    if bright.sum() <= 0:
        return None
    cells, grid = _cells(field, bright, grid)
    points = affines.transform_points(affine @ grid, _indices(cells.shape))
    signs = _signs(cells.ravel(), points)
    return np.packbits(signs).tobytes().hex()


def distance(first: str, second: str) -> int:
    """Return in how many of their bits two hashes differ, 0 to 256.

    Example:
        >>> distance("0" * 64, "0" * 62 + "ff")
        8
    """
    return (int(first, 16) ^ int(second, 16)).bit_count()


def _thinned(
    planes: Values, coding: LinearCoding, validity: ValidityMask | None, low: float, high: float
) -> tuple[Field, Affine]:
    """Return every n-th voxel, 0 at the mean of dark and 1 at that of bright, and their grid."""
    runs = [_run(length) for length in planes.shape]
    where = tuple(slice(run.start, run.stop, run.step) for run in runs)
    values = coding.decode(np.ascontiguousarray(planes[where])).astype(np.float32)
    if validity is not None:
        values = np.where(validity[where], values, np.float32(low))
    np.nan_to_num(values, copy=False, nan=low, posinf=low, neginf=low)
    values -= np.float32(low)
    values /= np.float32(high - low)
    np.clip(values, _DARKEST, _BRIGHTEST, out=values)
    grid = np.diag([*(float(run.step) for run in runs), 1.0])
    grid[:3, 3] = [run.start for run in runs]
    return values, grid


def _run(length: int) -> range:
    """Return evenly spaced indices that are the same counted from either end."""
    step = max(1, length // _SAMPLES) // 2 * 2 + 1
    count = (length - 1) // step + 1
    if (length - 1 - (count - 1) * step) % 2:
        count -= 1
    start = (length - 1 - (count - 1) * step) // 2
    return range(start, start + (count - 1) * step + 1, step)


def _cells(field: Field, bright: Field, grid: Affine) -> tuple[Cells, Affine]:
    """Return means over at most 24 cells along each axis of what holds all that is bright."""
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        start, stop = _reach(bright.sum(axis=others, dtype=np.float64))
        edges = np.linspace(start, stop, min(_CELLS, max(1, round(stop - start))) + 1)
        field = np.moveaxis(
            np.tensordot(_means(edges, field.shape[axis]), field, (1, axis)), 0, axis
        )
        cell = np.eye(4)
        width = edges[1] - edges[0]
        cell[axis, axis], cell[axis, 3] = width, start + (width - 1) / 2
        grid = grid @ cell
    return field, grid


def _reach(weights: Weights) -> tuple[float, float]:
    """Return from where to where along an axis cells are needed, in samples."""
    places = np.arange(len(weights)) + 0.5
    centre = weights @ places / weights.sum()
    spread = np.sqrt(weights @ (places - centre) ** 2 / weights.sum() + 1 / 12)
    reach = _REACH_CELLS * spread
    return max(0.0, centre - reach), min(float(len(weights)), centre + reach)


def _means(edges: Weights, length: int) -> Float[np.ndarray, "Q R"]:
    """Return the matrix that turns ``length`` samples into means between edges."""
    samples = np.arange(length)
    upper = np.minimum(edges[1:, None], samples + 1)
    shares = np.maximum(upper - np.maximum(edges[:-1, None], samples), 0)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)


def _indices(shape: tuple[int, ...]) -> Points:
    return np.asarray(np.indices(shape).reshape(3, -1).T, dtype=np.float64)


def _signs(values: Weights, points: Points) -> Bool[np.ndarray, "K"]:
    """Return the signs of the cosine coefficients of a scattered field."""
    bright = np.maximum(values - _BRIGHT, 0).astype(np.float64)
    bright /= bright.sum()
    centre = bright @ points
    spread = np.sqrt(bright @ (points - centre) ** 2)
    angles = np.pi * ((points - centre) / np.maximum(2 * _REACH * spread, 1e-6) + 0.5)
    inside = ((angles > 0) & (angles < np.pi)).all(axis=1)
    angles, values = angles[inside], values[inside]
    faded = np.prod(np.sin(angles), axis=1) ** _FADE
    spectrum = _cosines(faded * (values - faded @ values / faded.sum()), angles)
    return np.asarray(spectrum[_FREQUENCIES] > 0)


def _cosines(values: Weights, angles: Points) -> Spectrum:
    """Return the sums of ``value * cos(i x) cos(j y) cos(k z)`` over all points."""
    x, y, z = np.cos(angles.T[:, :, None] * np.arange(_ORDERS)).astype(np.float32)
    planes = (x[:, :, None] * y[:, None, :]).reshape(len(values), -1)
    planes *= values.astype(np.float32)[:, None]
    return np.asarray(planes.T @ z).reshape(_ORDERS, _ORDERS, _ORDERS)
