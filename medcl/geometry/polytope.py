"""Polytopes: the volume that several boxes, however turned, have in common."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int64

from medcl.shapes import Affine, Points, Vector3

Sides = Float64[np.ndarray, "_ 4"]
Parts = Float64[np.ndarray, "P"]

_PARALLEL = 1e-8
_APART = 1e-11


def box_sides(to_voxel: Affine, shape: tuple[int, int, int]) -> Sides:
    """Return the six sides of a box of voxels as half-spaces of the world.

    Args:
        to_voxel: World point in mm → voxel index of the box, whole numbers at voxel centres.
        shape: Voxels along each axis; the box reaches half a voxel beyond the centres.

    Returns:
        Rows ``(n, h)`` with ``n`` of length 1, of the points ``x`` in mm with ``n · x <= h``.

    Example:
        >>> box_sides(np.eye(4), (4, 4, 8))[:2].tolist()
        [[1.0, 0.0, 0.0, 3.5], [-1.0, -0.0, -0.0, 0.5]]
    """
    last = np.asarray(shape) - 0.5
    return half_spaces(to_voxel, np.full(3, -0.5), last)


def half_spaces(to_voxel: Affine, low: np.ndarray, high: np.ndarray) -> Sides:
    """Return the sides of a box between two places along each axis, see `box_sides`.

    Example:
        >>> half_spaces(np.eye(4), np.zeros(3), np.full(3, 2.0))[:, 3].tolist()
        [2.0, -0.0, 2.0, -0.0, 2.0, -0.0]
    """
    linear, offset = to_voxel[:3, :3], to_voxel[:3, 3]
    lengths = np.sqrt((linear * linear).sum(axis=1))
    sides = np.empty((3, 2, 4))
    sides[:, 0, :3] = linear / lengths[:, None]
    sides[:, 1, :3] = -sides[:, 0, :3]
    sides[:, 0, 3] = (high - offset) / lengths
    sides[:, 1, 3] = -(low - offset) / lengths
    return sides.reshape(6, 4)


def common_mm3(*boxes: Sides) -> float:
    """Return the volume of what all boxes have in common.

    Each edge of that body is the line of two of its sides as far as it lies behind all others.
    A side of distance ``h_i`` is made of triangles over its edges, and the body of pyramids over
    its sides, so that the volume is ``Σ l_ij (h_i d_ij + h_j d_ji) / 6``, where ``l_ij`` is the
    length of an edge and ``d_ij`` its distance from the foot of the perpendicular onto side i
    (Lasserre, "An analytical expression and an algorithm for the volume of a convex polyhedron in
    R^n", 1983, theorem 2.1, unrolled for three dimensions).

    Args:
        boxes: Half-spaces of some bodies, of which one at least is a box.

    Returns:
        In mm³, exact but for less than a billionth part: sides that coincide are taken that far
        apart, so that no edge is of three sides.

    Example:
        >>> here = half_spaces(np.eye(4), np.zeros(3), np.full(3, 2.0))
        >>> aside = half_spaces(np.eye(4), np.full(3, 1.0), np.full(3, 3.0))
        >>> round(common_mm3(here), 6), round(common_mm3(here, aside), 6)
        (8.0, 1.0)
    """
    sides = np.concatenate(boxes)
    number = len(sides)
    normals = sides[:, :3]
    # About the middle of the first box: numbers stay small, whatever the world's origin.
    middle = _middle(boxes[0])
    heights = sides[:, 3] - normals @ middle
    heights = heights - np.abs(heights[:6]).max() * _APART * np.arange(number)
    one, other = _pairs(number)
    a, b, h, k = normals[one], normals[other], heights[one], heights[other]
    along = _cross(a, b)
    sine = np.sqrt((along * along).sum(axis=1))
    crossing = sine > _PARALLEL
    if not crossing.all():
        one, other, a, b, h, k = (each[crossing] for each in (one, other, a, b, h, k))
        along, sine = along[crossing], sine[crossing]
    along /= sine[:, None]
    cosine = (a * b).sum(axis=1)
    one_out, other_out = (k - h * cosine) / sine, (h - k * cosine) / sine
    # Of the point of the line nearest to the middle: h along one side's normal, and from there on.
    foot = h[:, None] * a + one_out[:, None] * _cross(along, a)
    ahead = along @ normals.T
    left = heights - foot @ normals.T
    rows = np.arange(len(one))
    ahead[rows, one] = ahead[rows, other] = 0.0
    left[rows, one] = left[rows, other] = 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = left / ahead
    high = np.where(ahead > 0, ends, np.inf).min(axis=1)
    low = np.where(ahead < 0, ends, -np.inf).max(axis=1)
    outside = ((ahead == 0) & (left < 0)).any(axis=1)
    lengths = np.where(outside, 0.0, np.maximum(high - low, 0.0))
    return float((lengths * (h * one_out + k * other_out)).sum() / 6)


def part_within(voxels: Points, widths: Vector3, low: Vector3, high: Vector3) -> Parts:
    """Return which part of each of some equal cells lies within a box, estimated.

    A cell counts along each axis as far as its width reaches into the box: exact where it is
    parallel to the box, and where it is turned without the steps of counting its middle alone,
    by which whole planes of cells come in or fall out at once.

    Args:
        voxels: Middles of the cells in voxels of the box, shape ``(P, 3)``.
        widths: How far a cell reaches along each axis of the box, end to end, in its voxels.
        low: Lower ends of the box.
        high: Upper ends; where one lies below its lower end the box is empty.

    Returns:
        Fractions from 0 to 1, shape ``(P,)``.

    Example:
        >>> places = np.array([[0.0, 2.0, 2.0], [2.0, 2.0, 2.0], [9.0, 2.0, 2.0]])
        >>> part_within(places, np.ones(3), np.zeros(3), np.full(3, 4.0)).tolist()
        [0.5, 1.0, 0.0]
    """
    half = widths / 2
    reached = np.minimum(voxels + half, high) - np.maximum(voxels - half, low)
    return np.asarray((np.maximum(reached, 0.0) / widths).prod(axis=1))


def _middle(box: Sides) -> np.ndarray:
    """Return the middle of a box, whose sides stand in pairs."""
    return np.asarray(np.linalg.solve(box[:6:2, :3], (box[:6:2, 3] - box[1:6:2, 3]) / 2))


@lru_cache(maxsize=8)
def _pairs(number: int) -> tuple[Int64[np.ndarray, "_"], Int64[np.ndarray, "_"]]:
    one, other = np.triu_indices(number, 1)
    return one, other


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross product of rows; NumPy's own takes several times as long."""
    x, y, z = a.T
    u, v, w = b.T
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=1)
