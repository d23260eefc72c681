"""Separable filters with their own width in every view of a batch, as sums of shifted copies."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch.nn import functional as F

from medcl.augment.compiling import Compiled, let_vary
from medcl.shapes import ViewMask, Views

Beyond = Literal["replicate", "constant"]

RADII = 3.0
"""Gaussians are cut at this many standard deviations."""


def smooth(
    views: Views,
    sigmas_voxels: torch.Tensor,
    *,
    beyond: Beyond,
    radii: tuple[int, int, int] | None = None,
    compiled: bool = False,
) -> Views:
    """Return views blurred by Gaussians.

    Sums of shifted copies need no grouped convolution, which is slow on CPUs, and no matrix
    product, whose precision depends on global settings of the device. Width 0 changes nothing.

    Args:
        views: Shape ``(B, C, X, Y, Z)``.
        sigmas_voxels: Standard deviation per view and axis in voxels, shape ``(B, 3)``.
        beyond: What lies beyond the edge: the edge voxel (``replicate``) or 0 (``constant``).
        radii: Taps on each side along each axis, at least `RADII` times the widest Gaussian;
            without, they are looked up, for which a GPU has to be waited for.
        compiled: Compile the sums.

    Returns:
        Shape ``(B, C, X, Y, Z)``.

    Example:
        >>> flat = torch.full((1, 1, 4, 4, 4), 7.0)
        >>> bool((smooth(flat, torch.ones(1, 3), beyond="replicate") - flat).abs().max() < 1e-5)
        True
    """
    if radii is None:
        x, y, z = (math.ceil(RADII * width) for width in sigmas_voxels.amax(dim=0).tolist())
        radii = x, y, z
    weights = [
        _weights(sigmas_voxels[:, axis].to(views), radius) for axis, radius in enumerate(radii)
    ]
    if not compiled:
        return _passes(radii, beyond, views, weights)
    if views.device.type != "cpu":
        let_vary(views, *weights)
    return cast("Views", _kernel(radii, beyond, views.device.type)(views, weights))


def banded(views: Views, weights: Float[torch.Tensor, "B size taps"], axis: int) -> Views:
    """Return views in which every voxel is a weighted sum of its neighbours along one axis.

    Args:
        views: Shape ``(B, C, X, Y, Z)``.
        weights: Of the neighbours of every voxel along the axis, per view; the middle of an odd
            number of taps is the voxel itself. Beyond the edge lies 0.
        axis: 0, 1 or 2.

    Returns:
        Shape ``(B, C, X, Y, Z)``.

    Example:
        >>> ramp = torch.arange(3.0).reshape(1, 1, 3, 1, 1)
        >>> banded(ramp, torch.tensor([[[0.0, 0.0, 1.0]]]).expand(1, 3, 3), 0).flatten().tolist()
        [1.0, 2.0, 0.0]
    """
    size, radius = views.shape[2 + axis], weights.shape[2] // 2
    shape = [len(views), 1, 1, 1, 1]
    shape[2 + axis] = -1
    wide = _widened(views, axis, radius=radius, beyond="constant")
    total = wide.narrow(2 + axis, 0, size) * weights[:, :, 0].reshape(shape)
    for tap in range(1, weights.shape[2]):
        total.addcmul_(wide.narrow(2 + axis, tap, size), weights[:, :, tap].reshape(shape))
    return total


def among_measured(
    views: Views, measured: ViewMask | None, averaged: Callable[[Views], Views]
) -> Views:
    """Return an average of neighbours that takes only measured ones; the rest stays as it is.

    Without it, the air that stands for what was never measured would leak into tissue.

    Args:
        views: Shape ``(B, C, X, Y, Z)``.
        measured: Where voxels were measured; ``None`` if all were.
        averaged: A linear average of neighbours, the same for each channel.

    Returns:
        Shape ``(B, C, X, Y, Z)``.

    Example:
        >>> half = torch.arange(4).reshape(1, 1, 4, 1, 1) < 2
        >>> step = torch.where(half, 40.0, -1024.0)
        >>> wide = torch.ones(1, 3)
        >>> among_measured(step, half, lambda x: smooth(x, wide, beyond="replicate")).flatten()
        tensor([   40.,    40., -1024., -1024.])
    """
    # A view that was measured throughout has the same bits on both ways, whatever its batch. To
    # look takes longer on a GPU, which has to be waited for, than to go the long way.
    if measured is None or (measured.device.type == "cpu" and bool(measured.all())):
        return averaged(views)
    channels = views.shape[1]
    both = averaged(torch.cat([torch.where(measured, views, 0.0), measured.to(views)], dim=1))
    values, share = both[:, :channels], both[:, channels:]
    is_whole = measured.flatten(1).all(dim=1).reshape(-1, 1, 1, 1, 1)
    values = torch.where(is_whole, values, values / share.clamp_min(1e-6))
    return torch.where(measured, values, views)


def _weights(sigma: torch.Tensor, radius: int) -> torch.Tensor:
    """Return the weight of every tap, one row per view."""
    offsets = torch.arange(-radius, radius + 1, device=sigma.device, dtype=sigma.dtype)
    widths = sigma[:, None]
    # A width of 0 gives exactly the middle tap: exp(-huge) is 0, exp(0) is 1.
    weights = torch.exp(-0.5 * (offsets / widths.clamp_min(1e-3)) ** 2)
    # Each view is cut at its own width, so that the widest of the batch changes no other.
    weights = weights * (offsets.abs() <= torch.ceil(RADII * widths))
    return weights / weights.sum(dim=1, keepdim=True)


@lru_cache(maxsize=32)
def _kernel(radii: tuple[int, int, int], beyond: Beyond, device_type: str) -> Compiled:
    return Compiled(partial(_passes, radii, beyond), device_type)


def _passes(
    radii: tuple[int, int, int], beyond: Beyond, views: Views, weights: Sequence[torch.Tensor]
) -> Views:
    for axis, (radius, taps) in enumerate(zip(radii, weights, strict=True)):
        if radius > 0:
            views = _summed(views, taps, axis, radius=radius, beyond=beyond)
    return views


def _summed(
    views: Views, weights: torch.Tensor, axis: int, *, radius: int, beyond: Beyond
) -> Views:
    wide = _widened(views, axis, radius=radius, beyond=beyond)
    size = views.shape[2 + axis]
    taps = weights.reshape(len(weights), -1, 1, 1, 1, 1)
    total = wide.narrow(2 + axis, 0, size) * taps[:, 0]
    for tap in range(1, 2 * radius + 1):
        total = torch.addcmul(total, wide.narrow(2 + axis, tap, size), taps[:, tap])
    return total


def _widened(views: Views, axis: int, *, radius: int, beyond: Beyond) -> torch.Tensor:
    """Return views with a margin on both sides along one axis."""
    if views.device.type != "cpu":
        before_last = 2 * (2 - axis)
        padding = [0] * 6
        padding[before_last] = padding[before_last + 1] = radius
        return F.pad(views, padding, mode=beyond)
    # A CPU sums vectors from memory that is widened, but not from an index that is clamped.
    shape = list(views.shape)
    shape[2 + axis] = radius
    size = views.shape[2 + axis]
    ends = (
        [views.narrow(2 + axis, place, 1).expand(shape) for place in (0, size - 1)]
        if beyond == "replicate"
        else [views.new_zeros(shape)] * 2
    )
    return torch.cat([ends[0], views, ends[1]], dim=2 + axis)
