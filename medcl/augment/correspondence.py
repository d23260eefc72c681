"""Correspondence: which voxel of one view shows the same anatomy as a voxel of another."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from medcl.augment.drawing.pose import Pose
from medcl.augment.grid import ViewGrid
from medcl.augment.views import Drawn


@dataclass(frozen=True, slots=True, eq=False)
class Correspondence:
    """Where the voxels of one view are seen in another view of the same place.

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
        second: Pose of the second view, of the same volume or of another in the same frame of
            reference: poses lie in the world, in mm, and know no voxels of their volumes.
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
    """Return the correspondence of each pair of views, local or global.

    A pair may be of two volumes, whatever their spacing, origin and order of axes, where both are
    in one frame of reference: then a point in mm is one place of the patient in both. How truly it
    is so, the headers say; an audit measures it.

    Args:
        first: Views of some volumes.
        second: Other views of these volumes, or of others in their frames, in the same order.
        stride: Of the first views, see `correspondence`.

    Returns:
        One per pair.

    Raises:
        ValueError: There are not as many views in both, or the views of a pair are of two volumes
            that no common frame of reference is known of.
    """
    if len(first.sources) != len(second.sources):
        raise ValueError(
            f"Both must have as many views, got {len(first.sources)} and {len(second.sources)}."
        )
    for place, (one, other) in enumerate(zip(first.sources, second.sources, strict=True)):
        if not one.shares_world_with(other):
            raise ValueError(
                "Both views of a pair must be of one volume, or of two in one frame of reference, "
                f"in the same order; those at place {place} are of two volumes without a common "
                "frame, and nobody can say which points of them correspond."
            )
    return [
        correspondence(one, first.grid, another, second.grid, stride=stride)
        for one, another in zip(first.poses, second.poses, strict=True)
    ]
