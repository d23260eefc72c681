"""Resampling of views that were made already, each by its own matrix."""

import math

import torch
from jaxtyping import Float
from torch.nn import functional as F

from medcl.augment.interpolation.native import has_native, trilinear_native
from medcl.augment.interpolation.slabs import trilinear_by_slabs
from medcl.shapes import Views

Matrices = Float[torch.Tensor, "B 3 4"]

_WIDEST = 16
"""Voxels that a view is widened by at most; places further out are held at the edge one by one."""
_ANYWHERE = 1e9


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
        return _all_at_once(views, matrices)
    return torch.cat(
        [
            _alone(views[row : row + 1], matrices[row : row + 1], compiled=compiled)
            for row in range(len(views))
        ]
    )


def _all_at_once(views: Views, matrices: Matrices) -> Views:
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


def _alone(view: Views, matrix: Matrices, *, compiled: bool) -> Views:
    """Return the same of one view by the ways that are quick on a CPU."""
    channels, x, y, z = view.shape[1:]
    # Most places lie inside of a view that is a little wider, and are not to be looked at.
    margins = _margins(matrix[0], (x, y, z))
    a, b, c = margins
    wide = F.pad(view, (c, c, b, b, a, a), mode="replicate")
    width, height, depth = wide.shape[2:]
    plane, size = height * depth, width * height * depth
    row = [0, 0, size, plane, depth, width - 1, height - 1, depth - 1]
    aside = torch.tensor([*margins], dtype=torch.float32)
    places = torch.cat([matrix[..., :3], matrix[..., 3:] + aside[:, None]], dim=2)
    given = wide.flatten()
    way = trilinear_native if compiled and has_native(given) else trilinear_by_slabs
    values, _ = way(
        given,
        None,
        torch.tensor([row], dtype=torch.int32 if len(given) < 2**31 else torch.int64),
        places,
        torch.tensor([[[-_ANYWHERE] * 3, [_ANYWHERE] * 3]]),
        None,
        view_shape=(x, y, z),
        channels=channels,
    )
    return values


def _margins(matrix: torch.Tensor, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return by how many voxels along each axis places of a view lie beyond it, at most."""
    found = []
    for (*row, offset), size in zip(matrix.tolist(), shape, strict=True):
        ends = [number * (each - 1) for number, each in zip(row, shape, strict=True)]
        lowest = offset + sum(min(end, 0.0) for end in ends)
        highest = offset + sum(max(end, 0.0) for end in ends)
        beyond = max(-lowest, highest - (size - 1), 0.0)
        found.append(min(math.floor(beyond), _WIDEST) + 1)
    return found[0], found[1], found[2]
