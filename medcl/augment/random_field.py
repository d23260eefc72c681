"""Normal noise as a pure function of (seed, position): the same on any device, in any batch."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int32

Words = Int32[torch.Tensor, "B 2"]

_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - (1 << 32)
_GOLDEN = 0x9E3779B9


def seed_words(seeds: Sequence[int]) -> Words:
    """Return 63-bit seeds as pairs of 32-bit words, low and high, as a device can take them.

    Example:
        >>> seed_words([5, (7 << 32) + 1]).tolist()
        [[5, 0], [1, 7]]
    """
    pairs = [(_signed(seed), _signed(seed >> 32)) for seed in seeds]
    return torch.tensor(pairs, dtype=torch.int32).reshape(-1, 2)


def normal(
    seeds: tuple[int, ...] | Words, shape: tuple[int, ...], *, stream: int, device: torch.device
) -> Float[torch.Tensor, "B ..."]:
    """Return standard normal numbers addressed by seed, stream and position.

    A counter is hashed and turned into normal numbers by the Box-Muller transform; no generator
    carries a state, so neither the batch nor the device changes what a view gets.

    Args:
        seeds: One 63-bit seed per row, as numbers or as `seed_words`.
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
    words = (seed_words(seeds) if isinstance(seeds, tuple) else seeds).to(device)
    counter = torch.arange(half, dtype=torch.int32, device=device)
    radius = torch.sqrt(-2.0 * torch.log(_uniform(counter, words, 2 * stream)))
    angle = _uniform(counter, words, 2 * stream + 1) * (2 * math.pi)
    pair = torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
    return pair[:, :size].reshape(len(words), *shape)


def uniform(
    seeds: tuple[int, ...] | Words, size: int, *, stream: int, device: torch.device
) -> Float[torch.Tensor, "B size"]:
    """Return numbers strictly between 0 and 1, addressed by seed, stream and position.

    Args:
        seeds: One 63-bit seed per row, as numbers or as `seed_words`.
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
    words = (seed_words(seeds) if isinstance(seeds, tuple) else seeds).to(device)
    return _uniform(torch.arange(size, dtype=torch.int32, device=device), words, 2 * stream)


def _uniform(counter: torch.Tensor, words: Words, stream: int) -> torch.Tensor:
    """Return numbers strictly between 0 and 1, one row per seed."""
    first = words[:, :1] + _signed(stream * _GOLDEN)
    second = words[:, 1:] ^ _signed((stream + 1) * _GOLDEN)
    mixed = _mix(_mix(counter ^ first) + second)
    return ((mixed & 0xFFFFFF).to(torch.float32) + 0.5) * 2.0**-24


def _mix(value: torch.Tensor) -> torch.Tensor:
    value = value ^ ((value >> 16) & 0xFFFF)
    value = value * _FIRST
    value = value ^ ((value >> 15) & 0x1FFFF)
    value = value * _SECOND
    return value ^ ((value >> 16) & 0xFFFF)


def _signed(value: int) -> int:
    """Return the low 32 bits as a signed number, as int32 tensors want it."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
