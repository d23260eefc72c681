"""Separable Gaussians with their own width in every view of a batch, as sums of shifted copies."""

import math
from typing import Literal

import torch
from torch.nn import functional as F

from medcl.shapes import Views

RADII = 3.0
"""Gaussians are cut at this many standard deviations."""


def smooth(
    views: Views, sigmas_voxels: torch.Tensor, *, beyond: Literal["replicate", "constant"]
) -> Views:
    """Return views blurred by Gaussians.

    Sums of shifted copies need no grouped convolution, which is slow on CPUs, and no matrix
    product, whose precision depends on global settings of the device. Width 0 changes nothing.

    Args:
        views: Shape ``(B, C, X, Y, Z)``.
        sigmas_voxels: Standard deviation per view and axis in voxels, shape ``(B, 3)``.
        beyond: What lies beyond the edge: the edge voxel (``replicate``) or 0 (``constant``).

    Returns:
        Shape ``(B, C, X, Y, Z)``.

    Example:
        >>> flat = torch.full((1, 1, 4, 4, 4), 7.0)
        >>> bool((smooth(flat, torch.ones(1, 3), beyond="replicate") - flat).abs().max() < 1e-5)
        True
    """
    for axis in range(3):
        sigma = sigmas_voxels[:, axis]
        radius = math.ceil(RADII * float(sigma.max()))
        if radius > 0:
            views = _smooth_axis(views, sigma, axis, radius=radius, beyond=beyond)
    return views


def _smooth_axis(
    views: Views,
    sigma: torch.Tensor,
    axis: int,
    *,
    radius: int,
    beyond: Literal["replicate", "constant"],
) -> Views:
    offsets = torch.arange(-radius, radius + 1, device=views.device, dtype=views.dtype)
    widths = sigma.to(views)[:, None]
    # A width of 0 gives exactly the middle tap: exp(-huge) is 0, exp(0) is 1.
    weights = torch.exp(-0.5 * (offsets / widths.clamp_min(1e-3)) ** 2)
    # Each view is cut at its own width, so that the widest of the batch changes no other.
    weights = weights * (offsets.abs() <= torch.ceil(RADII * widths))
    weights = (weights / weights.sum(dim=1, keepdim=True)).reshape(len(views), -1, 1, 1, 1, 1)
    before_last = 2 * (2 - axis)
    padding = [0] * 6
    padding[before_last] = padding[before_last + 1] = radius
    wide = F.pad(views, padding, mode=beyond)
    size = views.shape[2 + axis]
    total = wide.narrow(2 + axis, 0, size) * weights[:, 0]
    for tap in range(1, 2 * radius + 1):
        total.addcmul_(wide.narrow(2 + axis, tap, size), weights[:, tap])
    return total
