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

_SLAB_VOXELS = 131_072
"""A few arrays of so many floats fit into a cache."""


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
        passes = _passes_by_slabs if views.device.type == "cpu" else _passes
        return passes(radii, beyond, views, weights)
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
    wide = _widened(views, axis, before=radius, after=radius, beyond="constant")
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
    if measured is None or (measured.device.type == "cpu" and is_everywhere(measured)):
        return averaged(views)
    channels = views.shape[1]
    both = averaged(torch.cat([torch.where(measured, views, 0.0), measured.to(views)], dim=1))
    values, share = both[:, :channels], both[:, channels:]
    is_whole = measured.flatten(1).all(dim=1).reshape(-1, 1, 1, 1, 1)
    values = torch.where(is_whole, values, values / share.clamp_min(1e-6))
    return torch.where(measured, values, views)


def is_everywhere(mask: ViewMask) -> bool:
    """Return whether a mask is true throughout; a GPU has to be waited for.

    Example:
        >>> is_everywhere(torch.ones(1, 1, 2, 2, 2, dtype=torch.bool))
        True
    """
    # The least of bytes takes a twentieth of the time of asking for all.
    return bool(mask.view(torch.uint8).amin())


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


def _passes_by_slabs(
    radii: tuple[int, int, int], beyond: Beyond, views: Views, weights: Sequence[torch.Tensor]
) -> Views:
    """Return what `_passes` does, slab by slab, each of which stays in the cache of a core."""
    made = torch.empty_like(views, memory_format=torch.contiguous_format)
    size_x, plane = views.shape[2], views.shape[3] * views.shape[4]
    thick = max(1, _SLAB_VOXELS // plane)
    for row in range(len(views)):
        taps = [each[row : row + 1] for each in weights]
        for start in range(0, size_x, thick):
            stop = min(start + thick, size_x)
            # The planes of the slab and as many on both sides as its first and last draw on.
            low, high = max(start - radii[0], 0), min(stop + radii[0], size_x)
            slab = views[row : row + 1, :, low:high]
            before, after = low - (start - radii[0]), stop + radii[0] - high
            slab = _widened(slab, 0, before=before, after=after, beyond=beyond)
            slab = _weighted(slab, taps[0], 0)
            made[row, :, start:stop] = _passes((0, *radii[1:]), beyond, slab, taps)[0]
    return made


def _summed(
    views: Views, weights: torch.Tensor, axis: int, *, radius: int, beyond: Beyond
) -> Views:
    wide = _widened(views, axis, before=radius, after=radius, beyond=beyond)
    return _weighted(wide, weights, axis)


def _weighted(wide: torch.Tensor, weights: torch.Tensor, axis: int) -> Views:
    """Return weighted sums of neighbours, of as many fewer as stick out on both sides."""
    size = wide.shape[2 + axis] - weights.shape[1] + 1
    taps = weights.reshape(len(weights), -1, 1, 1, 1, 1)
    total = wide.narrow(2 + axis, 0, size) * taps[:, 0]
    for tap in range(1, weights.shape[1]):
        total = total.addcmul_(wide.narrow(2 + axis, tap, size), taps[:, tap])
    return total


def _widened(views: Views, axis: int, *, before: int, after: int, beyond: Beyond) -> torch.Tensor:
    """Return views with margins along one axis."""
    if before == after == 0:
        return views
    if views.device.type != "cpu":
        first = 2 * (2 - axis)
        padding = [0] * 6
        padding[first], padding[first + 1] = before, after
        return F.pad(views, padding, mode=beyond)
    # A CPU sums vectors from memory that is widened, but not from an index that is clamped.
    size = views.shape[2 + axis]
    ends = []
    for place, width in ((0, before), (size - 1, after)):
        shape = list(views.shape)
        shape[2 + axis] = width
        edge = views.narrow(2 + axis, place, 1).expand(shape)
        ends.append(edge if beyond == "replicate" else views.new_zeros(shape))
    return torch.cat([ends[0], views, ends[1]], dim=2 + axis)
