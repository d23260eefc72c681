"""Normal noise as a pure function of (seed, position): the same on any device, in any batch."""

import math

import torch
from jaxtyping import Float

_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - (1 << 32)
_GOLDEN = 0x9E3779B9


def normal(
    seeds: tuple[int, ...], shape: tuple[int, ...], *, stream: int, device: torch.device
) -> Float[torch.Tensor, "B ..."]:
    """Return standard normal numbers addressed by seed, stream and position.

    A counter is hashed and turned into normal numbers by the Box-Muller transform; no generator
    carries a state, so neither the batch nor the device changes what a view gets.

    Args:
        seeds: One 63-bit seed per row.
        shape: Shape of each row.
        stream: Number of an independent field of the same seed, 0 or more.
        device: Where to compute.

    Returns:
        Shape ``(B, *shape)``, float32, mean 0, standard deviation 1, at most 5.9 in size.

    References:
        The integer hash is ``lowbias32`` of C. Wellons' hash-prospector (public domain).

    Example:
        >>> both = normal((3, 4), (2, 2), stream=0, device=torch.device("cpu"))
        >>> alone = normal((4,), (2, 2), stream=0, device=torch.device("cpu"))
        >>> bool((both[1] == alone[0]).all())
        True
    """
    size = math.prod(shape)
    half = (size + 1) // 2
    counter = torch.arange(half, dtype=torch.int32, device=device)
    radius = torch.sqrt_(-2.0 * torch.log_(_uniform(counter, seeds, 2 * stream)))
    angle = _uniform(counter, seeds, 2 * stream + 1).mul_(2 * math.pi)
    pair = torch.cat([radius * torch.cos(angle), radius.mul_(torch.sin(angle))], dim=1)
    return pair[:, :size].reshape(len(seeds), *shape)


def uniform(
    seeds: tuple[int, ...], size: int, *, stream: int, device: torch.device
) -> Float[torch.Tensor, "B size"]:
    """Return numbers strictly between 0 and 1, addressed by seed, stream and position.

    Args:
        seeds: One 63-bit seed per row.
        size: Numbers per row.
        stream: Number of an independent field of the same seed, 0 or more.
        device: Where to compute.

    Returns:
        Shape ``(B, size)``, float32, the same bits on every device.

    Example:
        >>> row = uniform((3,), 1000, stream=0, device=torch.device("cpu"))
        >>> 0.45 < row.mean().item() < 0.55
        True
    """
    counter = torch.arange(size, dtype=torch.int32, device=device)
    return _uniform(counter, seeds, 2 * stream)


def _uniform(counter: torch.Tensor, seeds: tuple[int, ...], stream: int) -> torch.Tensor:
    """Return numbers strictly between 0 and 1, one row per seed."""
    low = [_signed(seed + stream * _GOLDEN) for seed in seeds]
    high = [_signed((seed >> 32) ^ (stream + 1) * _GOLDEN) for seed in seeds]
    first = torch.tensor(low, dtype=torch.int32, device=counter.device)[:, None]
    second = torch.tensor(high, dtype=torch.int32, device=counter.device)[:, None]
    mixed = _mix(_mix(counter ^ first).add_(second))
    return mixed.bitwise_and_(0xFFFFFF).to(torch.float32).add_(0.5).mul_(2.0**-24)


def _mix(value: torch.Tensor) -> torch.Tensor:
    value ^= (value >> 16) & 0xFFFF
    value *= _FIRST
    value ^= (value >> 15) & 0x1FFFF
    value *= _SECOND
    value ^= (value >> 16) & 0xFFFF
    return value


def _signed(value: int) -> int:
    """Return the low 32 bits as a signed number, as int32 tensors want it."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
