"""Normal noise as a pure function of (seed, position): the same on any device, in any batch."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int32

Words = Int32[torch.Tensor, "B 2"]

_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - (1 << 32)
_GOLDEN = 0x9E3779B9
_CHUNK = 131_072
"""Numbers that are made at once; some ten arrays of so many fit into a cache."""
_CENTRE = 8.0 + math.log(4.0)
_QUANTILE = (
    3.76391688,
    -0.249243545,
    -0.00717882484,
    -0.0003733348,
    -1.21753252e-05,
    1.81666184e-06,
    3.11139901e-07,
    1.79380271e-08,
    3.64586953e-10,
)
"""Of the normal quantile over 1 - 2p, in powers of log(p(1 - p)) + `_CENTRE`.

A minimax fit for p from 2⁻³³ to 1/2: quantiles are exact to 2e-4 standard deviations.
"""
_SIGN = -(1 << 31)


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

    A counter is hashed to 32 bits, a side and a probability, and a polynomial gives the quantile
    of that probability. No generator carries a state, so neither the batch nor the device changes
    what a view gets.

    Args:
        seeds: One 63-bit seed per row, as numbers or as `seed_words`.
        shape: Shape of each row.
        stream: Number of an independent field of the same seed, 0 or more.
        device: Where to compute.

    Returns:
        Shape ``(B, *shape)``, float32, mean 0, standard deviation 1, at most 6.4 in size.

    References:
        The integer hash is ``lowbias32`` of C. Wellons' hash-prospector (public domain). The
        logarithm as variable: M. Giles, "Approximating the erfinv function", 2011.

    Example:
        >>> both = normal((3, 4), (2, 2), stream=0, device=torch.device("cpu"))
        >>> alone = normal((4,), (2, 2), stream=0, device=torch.device("cpu"))
        >>> bool((both[1] == alone[0]).all())
        True
    """
    size = math.prod(shape)
    words = (seed_words(seeds) if isinstance(seeds, tuple) else seeds).to(device)
    # Plain torch goes through memory at every step; a part of a field stays in a CPU's cache.
    is_whole = torch.compiler.is_compiling() or device.type != "cpu"
    step = max(size, 1) if is_whole else _CHUNK
    places = torch.arange(size, dtype=torch.int32, device=device)
    parts = [_quantiles(_hashed(some, words, 2 * stream + 1)) for some in torch.split(places, step)]
    return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)).reshape(len(words), *shape)


def _quantiles(bits: torch.Tensor) -> torch.Tensor:
    """Return the normal number of each 32 bits: the highest says the side, the others how far."""
    tail = bits.bitwise_and(0x7FFFFFFF).to(torch.float32).add_(0.5).mul_(2.0**-32)
    depth = (1.0 - tail).mul_(tail).log_().add_(_CENTRE)
    total = torch.full_like(depth, _QUANTILE[-1])
    for factor in reversed(_QUANTILE[:-1]):
        # One pass over memory; a product and a sum are two.
        total = torch.addcmul(depth.new_full((), factor), total, depth)
    total = total.mul_(tail.mul_(-2.0).add_(1.0))
    return (total.view(torch.int32) ^ bits.bitwise_and(_SIGN)).view(torch.float32)


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
    mixed = _hashed(counter, words, stream)
    return mixed.bitwise_and_(0xFFFFFF).to(torch.float32).add_(0.5).mul_(2.0**-24)


def _hashed(counter: torch.Tensor, words: Words, stream: int) -> torch.Tensor:
    """Return 32 bits of each counter, one row per seed."""
    first = words[:, :1] + _signed(stream * _GOLDEN)
    second = words[:, 1:] ^ _signed((stream + 1) * _GOLDEN)
    return _mix(_mix(counter ^ first).add_(second))


def _mix(value: torch.Tensor) -> torch.Tensor:
    # In place, since every new array pushes another one out of the cache.
    value = value ^ (value >> 16).bitwise_and_(0xFFFF)
    value.mul_(_FIRST)
    value.bitwise_xor_((value >> 15).bitwise_and_(0x1FFFF))
    value.mul_(_SECOND)
    return value.bitwise_xor_((value >> 16).bitwise_and_(0xFFFF))


def _signed(value: int) -> int:
    """Return the low 32 bits as a signed number, as int32 tensors want it."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
