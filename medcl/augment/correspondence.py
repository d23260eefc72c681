"""Correspondence: which voxel of one view shows the same anatomy as a voxel of another."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from medcl.augment.drawing.pose import Pose
from medcl.augment.grid import ViewGrid
from medcl.augment.views import Drawn


@dataclass(frozen=True, slots=True, eq=False)
class Correspondence:
    """Where the voxels of one view are seen in another view of the same volume.

    Attributes:
        voxels: Per voxel of the first view, its place in the second one in voxels, not rounded.
        valid: Whether that place lies inside of the second view.
    """

    voxels: Float64[np.ndarray, "X Y Z 3"]
    valid: Bool[np.ndarray, "X Y Z"]


def correspondence(
    first: Pose, grid: ViewGrid, second: Pose, other: ViewGrid, *, stride: int = 1
) -> Correspondence:
    """Return where the second view shows what each voxel of the first one shows, exact in mm.

    Rotation, scale, shear and displacement of both views are followed: the first one's forwards,
    the second one's backwards, by Newton's method. Whether the place was measured is in the masks
    of the rendered views.

    Args:
        first: Pose of the first view.
        grid: Its grid.
        second: Pose of the second view, of the same volume.
        other: Its grid.
        stride: Take the middles of blocks of so many voxels along each axis, as an encoder that
            strides does; results are in voxels of the second view still.

    Returns:
        One place per voxel or block.

    Raises:
        ValueError: The stride does not divide the view.

    Example:
        >>> grid = ViewGrid(size_voxels=(4, 4, 4), spacing_mm=(2.0, 2.0, 2.0))
        >>> still, aside = Pose(np.zeros(3), np.eye(3)), Pose(np.array([2.0, 0, 0]), np.eye(3))
        >>> found = correspondence(still, grid, aside, grid)
        >>> found.voxels[1, 2, 3].round(6).tolist(), bool(found.valid[0, 0, 0])
        ([0.0, 2.0, 3.0], False)
    """
    if stride < 1 or any(size % stride for size in grid.size_voxels):
        raise ValueError(f"stride must divide the view {grid.size_voxels}, got {stride}.")
    steps = [np.arange(0, size, stride) + (stride - 1) / 2 for size in grid.size_voxels]
    places = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1)
    world = first.world_of(places.reshape(-1, 3), grid)
    voxels = second.voxels_of(world, other).reshape(places.shape)
    last = np.asarray(other.size_voxels) - 0.5
    return Correspondence(voxels, np.asarray(((voxels >= -0.5) & (voxels <= last)).all(axis=-1)))


def correspondences(first: Drawn, second: Drawn, *, stride: int = 1) -> list[Correspondence]:
    """Return the correspondence of each volume's two views, local or global.

    Args:
        first: Views of some volumes.
        second: Other views of the same volumes, in the same order.
        stride: Of the first views, see `correspondence`.

    Returns:
        One per volume.

    Raises:
        ValueError: The views are not of the same volumes.
    """
    if [source.word for source in first.sources] != [source.word for source in second.sources]:
        raise ValueError("Both must be views of the same volumes in the same order; they are not.")
    return [
        correspondence(one, first.grid, another, second.grid, stride=stride)
        for one, another in zip(first.poses, second.poses, strict=True)
    ]
