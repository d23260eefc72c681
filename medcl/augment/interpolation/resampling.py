"""Resampling of views that were made already, each by its own matrix."""

import torch
from jaxtyping import Float
from torch.nn import functional as F

from medcl.augment.interpolation.native import has_native, trilinear_native
from medcl.augment.interpolation.slabs import trilinear_by_slabs
from medcl.shapes import Views

Matrices = Float[torch.Tensor, "B 3 4"]


def resampled(views: Views, matrices: Matrices, *, compiled: bool = False) -> Views:
    """Return views interpolated trilinearly at other places of theirs.

    Args:
        views: Shape ``(B, C, X, Y, Z)``, float32.
        matrices: Voxel of the result → place in the view, in voxels; beyond the edge lies the
            edge voxel.
        compiled: Use a compiled loop where that can be had; of effect on a CPU only.

    Returns:
        Shape ``(B, C, X, Y, Z)``; the rest of the batch changes nothing.

    Example:
        >>> ramp = torch.arange(4.0).reshape(1, 1, 4, 1, 1)
        >>> half_a_voxel_on = torch.eye(3, 4)[None] + torch.tensor([0.0, 0.0, 0.0, 0.5])
        >>> resampled(ramp, half_a_voxel_on * torch.tensor([[1.0], [0.0], [0.0]])).flatten()
        tensor([0.5000, 1.5000, 2.5000, 3.0000])
    """
    if views.device.type != "cpu":
        return _by_torch(views, matrices)
    count, channels, x, y, z = views.shape
    size = x * y * z
    given = views.flatten()
    rows = [[channels * size * row, 0, size, y * z, z, x - 1, y - 1, z - 1] for row in range(count)]
    way = trilinear_native if compiled and has_native(given) else trilinear_by_slabs
    values, _ = way(
        given,
        None,
        torch.tensor(rows, dtype=torch.int32 if len(given) < 2**31 else torch.int64),
        matrices.float(),
        None,
        view_shape=(x, y, z),
        channels=channels,
    )
    return values


def _by_torch(views: Views, matrices: Matrices) -> Views:
    """Return the same by one kernel of torch, which is quick on a GPU and slow on a CPU."""
    # It wants coordinates from -1 to 1 over the extent, last axis first.
    size = torch.tensor(views.shape[2:], dtype=matrices.dtype)
    size = size.to(matrices.device, non_blocking=True)
    linear, offset = matrices[:, :, :3], matrices[:, :, 3]
    middle = (size - 1) / 2
    offset = ((linear * middle).sum(dim=2) + offset - middle) * 2 / size
    theta = torch.cat([(linear * size / size[:, None]).flip((1, 2)), offset.flip(1)[..., None]], 2)
    grid = F.affine_grid(theta, list(views.shape), align_corners=False)
    return F.grid_sample(views, grid, padding_mode="border", align_corners=False)
