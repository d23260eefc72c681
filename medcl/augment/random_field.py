"""Normal noise as a pure function of (seed, position): the same on any device, in any batch."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int32

Words = Int32[torch.Tensor, "B 2"]

_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - (1 << 32)
_GOLDEN = 0x9E3779B9
_CHUNK = 131_072
"""Pairs that are made at once; some ten arrays of so many numbers fit into a cache."""
_SINE = tuple((-1) ** n / math.factorial(2 * n + 1) for n in range(7))
"""Of the series of the sine, enough up to a quarter of a turn."""


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
    if torch.compiler.is_compiling() and device.type != "cpu":
        return _one_by_one(words, size, stream).reshape(len(words), *shape)
    # Plain torch goes through memory at every step; a part of a field stays in a CPU's cache.
    is_whole = torch.compiler.is_compiling() or device.type != "cpu"
    step = max(half, 1) if is_whole else _CHUNK
    parts = []
    for start in range(0, half, step):
        end = min(start + step, half)
        counter = torch.arange(start, end, dtype=torch.int32, device=device)
        radius, turns = _polar(counter, words, stream)
        parts.append((radius * _cosine(turns), radius * _cosine(turns - 0.25)))
    pair = torch.cat([part[member] for member in range(2) for part in parts], dim=1)
    return pair[:, :size].reshape(len(words), *shape)


def _one_by_one(words: Words, size: int, stream: int) -> Float[torch.Tensor, "B size"]:
    """Return the numbers of `normal`, each computed for itself.

    A kernel of a GPU computes both members of each pair for every number that it joins to others,
    and then takes one; a CPU fills its vectors with pairs.
    """
    place = torch.arange(size, dtype=torch.int32, device=words.device)
    half = (size + 1) // 2
    is_second = place >= half
    radius, turns = _polar(torch.where(is_second, place - half, place), words, stream)
    return radius * _cosine(turns - torch.where(is_second, 0.25, 0.0))


def _polar(
    counter: torch.Tensor, words: Words, stream: int
) -> tuple[Float[torch.Tensor, "B N"], Float[torch.Tensor, "B N"]]:
    """Return the radius and the angle, in turns, of a pair of normal numbers."""
    radius = _uniform(counter, words, 2 * stream).log_().mul_(-2.0).sqrt_()
    return radius, _uniform(counter, words, 2 * stream + 1)


def _cosine(turns: torch.Tensor) -> torch.Tensor:
    """Return the cosine of angles from -0.25 to 1 turn.

    Compiled, it is a polynomial: the same on every device, and a fraction of the work of a cosine
    of any angle. The first term that is left out is below 1e-9.
    """
    if not torch.compiler.is_compiling():
        return torch.cos(turns * (2 * math.pi))
    nearest = torch.where(turns > 0.5, turns - 1.0, turns)
    angle = (0.25 - nearest.abs()) * (2 * math.pi)
    square = angle * angle
    total = torch.full_like(square, _SINE[-1])
    for factor in reversed(_SINE[:-1]):
        total = total * square + factor
    return total * angle


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
    mixed = _mix(_mix(counter ^ first).add_(second))
    return mixed.bitwise_and_(0xFFFFFF).to(torch.float32).add_(0.5).mul_(2.0**-24)


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
