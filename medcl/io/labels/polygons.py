"""Polygons → the voxel centres inside them.

References:
    Foley, van Dam, Feiner, Hughes: Computer Graphics, 3.6 (scan conversion of polygons).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64

from medcl.io.refusal import ReasonCode, RefusedSeries

Polygon = Float64[np.ndarray, "_ 2"]
"""Corners in voxel coordinates; the last is joined to the first."""

MAX_CROSSINGS = 2**22
"""Most crossings of the polygons of one plane with rows of voxels."""

DECIMALS = 4
"""Voxel coordinates are rounded to so many decimals, so that an edge drawn through voxel centres is
one in spite of the arithmetic and of the digits that a file keeps."""


def fill(polygons: Sequence[Polygon], shape: tuple[int, int]) -> Bool[np.ndarray, "X Y"]:
    """Return which voxel centres lie inside polygons by the even-odd rule.

    Along each row of voxels, every crossing with an edge turns inside into outside and back. A
    centre on an edge counts as lying just beyond it, towards higher indices: polygons that share
    an edge leave no gap and do not overlap.

    Args:
        polygons: Corners in voxel coordinates (whole numbers are centres), at least one polygon;
            the last corner is joined to the first.
        shape: Voxels along both axes; polygons may reach beyond them.

    Returns:
        True inside an odd number of outlines.

    Raises:
        RefusedSeries: The outlines cross rows of voxels too often.

    Example:
        >>> square = np.array([[0.5, 0.5], [2.5, 0.5], [2.5, 2.5], [0.5, 2.5]])
        >>> fill([square], (4, 4)).astype(int).tolist()
        [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    start = np.concatenate(polygons)
    end = np.concatenate([np.roll(polygon, -1, axis=0) for polygon in polygons])
    lowest, highest = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    first = np.clip(np.ceil(lowest), 0, shape[0]).astype(np.int64)
    num_rows = np.clip(np.ceil(highest), 0, shape[0]).astype(np.int64) - first
    if num_rows.sum() > MAX_CROSSINGS:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED,
            f"Contours of a slice cross {num_rows.sum()} rows; at most {MAX_CROSSINGS} are drawn.",
        )
    edge = np.repeat(np.arange(len(start)), num_rows)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(num_rows) - num_rows - first, num_rows)
    share = (row - start[edge, 0]) / (end[edge, 0] - start[edge, 0])
    crossing = start[edge, 1] + share * (end[edge, 1] - start[edge, 1])
    column = np.clip(np.ceil(np.round(crossing, DECIMALS)), 0, shape[1]).astype(np.int64)
    turns = np.zeros((shape[0], shape[1] + 1), np.uint8)
    # A byte may overflow here; whether it is odd does not change.
    np.add.at(turns, (row, column), 1)
    return np.asarray(np.bitwise_xor.accumulate(turns & 1, axis=1)[:, :-1] == 1)
