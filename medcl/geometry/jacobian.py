"""Folding of a map between voxel grids, found by ten determinants per cell."""

from itertools import product

import numpy as np
from jaxtyping import Float64

Positions = Float64[np.ndarray, "3 X Y Z"]
Determinants = Float64[np.ndarray, "10 X-1 Y-1 Z-1"]


def digital_jacobian(positions: Positions) -> Determinants:
    """Return the volume ratios of all tetrahedra that the cells of a grid can be cut into.

    A cube of eight grid points can be cut into five tetrahedra in two ways: one at each of four
    alternate corners, and the one that they leave in the middle. The map is one-to-one on the grid
    whichever way it is cut if all ten signed volumes are positive. Central differences look past
    the point between two neighbours and miss folds; these do not.

    Args:
        positions: Where each grid point goes, in units of the grid: index ``(x, y, z)`` for the
            map that moves nothing. Shape ``(3, X, Y, Z)``, at least two points along each axis.

    Returns:
        Shape ``(10, X - 1, Y - 1, Z - 1)``: eight corners, then the two in the middle. 1 where
        nothing changes, above 1 where the map expands, 0 or below where it folds.

    References:
        Liu et al., "On finite difference Jacobian computation in deformable image registration",
        IJCV 2024.

    Example:
        >>> still = np.stack(np.meshgrid(*[np.arange(3.0)] * 3, indexing="ij"))
        >>> found = digital_jacobian(2 * still)
        >>> found.shape, float(found.min()), float(found.max())
        ((10, 2, 2, 2), 8.0, 8.0)
    """
    corners = {(x, y, z): _corner(positions, (x, y, z)) for x, y, z in product((0, 1), repeat=3)}
    found = []
    for corner in corners:
        # An edge towards the lower neighbour is turned round, so that every corner counts alike.
        edges = [
            (corners[_beside(corner, axis)] - corners[corner]) * (1 - 2 * corner[axis])
            for axis in range(3)
        ]
        found.append(_determinant(*edges))
    for first in ((0, 0, 0), (1, 1, 1)):
        # The other corners of a middle tetrahedron lie across the faces that meet in the first.
        across = [corners[_across(first, axis)] - corners[first] for axis in range(3)]
        sign = 1.0 if first == (0, 0, 0) else -1.0
        found.append(_determinant(*across) * (0.5 * sign))
    return np.stack(found)


Corner = tuple[int, int, int]
Edges = Float64[np.ndarray, "3 ..."]


def _corner(positions: Positions, corner: Corner) -> Edges:
    x, y, z = (
        slice(end, size - 1 + end) for end, size in zip(corner, positions.shape[1:], strict=True)
    )
    return positions[:, x, y, z]


def _beside(corner: Corner, axis: int) -> Corner:
    x, y, z = (end ^ int(place == axis) for place, end in enumerate(corner))
    return x, y, z


def _across(corner: Corner, axis: int) -> Corner:
    x, y, z = (end ^ int(place != axis) for place, end in enumerate(corner))
    return x, y, z


def _determinant(first: Edges, second: Edges, third: Edges) -> Float64[np.ndarray, "..."]:
    return np.asarray((first * np.cross(second, third, axis=0)).sum(axis=0))
