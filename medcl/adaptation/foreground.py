"""Where to look for labelled structures in volumes that are larger than a view."""

from collections.abc import Sequence

import numpy as np

from medcl.augment.grid import ViewGrid
from medcl.geometry.boxes import Box
from medcl.runtime import seeds
from medcl.shapes import LabelMap
from medcl.store.rows import VolumeRow

_SAMPLE = 512

ForegroundVoxels = Sequence[np.ndarray]
"""Per class that occurs, some of its voxels, shape ``(P, 3)`` with its own ``P``."""


def foreground_voxels(labels: LabelMap, *, seed: int) -> ForegroundVoxels:
    """Return at most 512 voxels of each foreground class that occurs in a map.

    Example:
        >>> labels = np.zeros((4, 4, 4), np.uint8)
        >>> labels[1, 2, 3] = 2
        >>> [voxels.tolist() for voxels in foreground_voxels(labels, seed=0)]
        [[[1, 2, 3]]]
    """
    found = []
    for value in np.unique(labels[labels > 0]).tolist():
        voxels = np.argwhere(labels == value)
        draw = seeds.generator(seed, "foreground", value)
        found.append(draw.permutation(voxels)[:_SAMPLE])
    return found


def foreground_body(
    row: VolumeRow, grid: ViewGrid, voxels: ForegroundVoxels, *, draw: np.random.Generator
) -> Box | None:
    """Return a box of the size of a view, inside the volume, that shows a labelled voxel.

    Classes are equally likely, however many voxels they have. Along an axis on which the volume is
    not longer than the view, the box is the whole volume.

    Args:
        row: The volume.
        grid: Of the views.
        voxels: See `foreground_voxels`.
        draw: Where numbers come from.

    Returns:
        The box, or ``None`` where there is no foreground.
    """
    if not voxels:
        return None
    candidates = voxels[int(draw.integers(len(voxels)))]
    chosen = candidates[int(draw.integers(len(candidates)))].tolist()
    to_voxel = np.abs(np.linalg.inv(row.affine[:3, :3]))
    sizes = np.ceil(to_voxel @ grid.extent_mm).astype(int).tolist()
    spans = [_span(*axis, draw) for axis in zip(chosen, sizes, row.shape, strict=True)]
    (x, x_end), (y, y_end), (z, z_end) = spans
    return Box((x, y, z), (x_end, y_end, z_end))


def _span(voxel: int, size: int, length: int, draw: np.random.Generator) -> tuple[int, int]:
    if size >= length:
        return 0, length
    first, last = max(0, voxel - size + 1), min(voxel, length - size)
    start = int(draw.integers(first, last + 1))
    return start, start + size
