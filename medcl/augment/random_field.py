"""Normal noise as a pure function of (seed, position): the same on any device, in any batch."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int32

from medcl.augment.elementary import (
    has_instructions,
    in_instructions,
    last_index,
    minus_log2_,
    sqrt_,
)

Words = Int32[torch.Tensor, "B 2"]

_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - (1 << 32)
_GOLDEN = 0x9E3779B9
_CHUNK = 131_072
"""Numbers that are made at once; some ten arrays of so many fit into a cache."""
_NEAREST = 2.0**0.155
_QUANTILE = (
    -1.65182436,
    2.05422253,
    -0.355133998,
    0.0951729093,
    -0.0157611135,
    0.00145252491,
    -5.67601876e-05,
)
"""Of the normal quantile, in powers of sqrt(-log2(p * `_NEAREST`)), 0 for p = 1/2.

A minimax fit for p from 2⁻³³ to 1/2: quantiles are exact to 6e-5 standard deviations.
"""


def seed_words(seeds: Sequence[int]) -> Words:
    """Return 63-bit seeds as pairs of 32-bit words, as a device can take them.

    Seeds are hashed, so that both words of neighbouring ones have nothing in common.

    References:
        The hash is the last part of ``splitmix64`` of S. Vigna (public domain).

    Example:
        >>> [f"{word % (1 << 32):08x}" for word in seed_words([1])[0].tolist()]
        ['89025cc1', '910a2dec']
    """
    pairs = [(_signed(word), _signed(word >> 32)) for word in map(_mixed, seeds)]
    return torch.tensor(pairs, dtype=torch.int32).reshape(-1, 2)


def _mixed(seed: int) -> int:
    value = (seed + 0x9E3779B97F4A7C15) % (1 << 64)
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % (1 << 64)
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % (1 << 64)
    return value ^ (value >> 31)


def normal(
    seeds: tuple[int, ...] | Words, shape: tuple[int, ...], *, stream: int, device: torch.device
) -> Float[torch.Tensor, "B ..."]:
    """Return standard normal numbers addressed by seed, stream and position.

    Each row along the last axis has two words of its own, hashed from the seed; place by place they
    are hashed again, to 32 bits: a side and a probability, of which a polynomial gives the
    quantile. No generator carries a state, so neither the batch nor the device changes what a view
    gets.

    Args:
        seeds: One 63-bit seed per row, as numbers or as `seed_words`.
        shape: Shape of the field of each seed, of one axis or more.
        stream: Number of an independent field of the same seed, 0 or more.
        device: Where to compute.

    Returns:
        Shape ``(B, *shape)``, float32, mean 0, standard deviation 1, at most 6.4 in size.

    References:
        The integer hash is ``lowbias32`` of C. Wellons' hash-prospector (public domain). The
        root of the logarithm as variable: M. Giles, "Approximating the erfinv function", 2011.

    Example:
        >>> both = normal((3, 4), (2, 2), stream=0, device=torch.device("cpu"))
        >>> alone = normal((4,), (2, 2), stream=0, device=torch.device("cpu"))
        >>> bool((both[1] == alone[0]).all())
        True
    """
    *outer, length = shape
    words = (seed_words(seeds) if isinstance(seeds, tuple) else seeds).to(device)
    # Plain torch goes through memory at every step; a part of a field stays in a CPU's cache.
    is_whole = torch.compiler.is_compiling() or device.type != "cpu"
    rows = torch.arange(math.prod(outer), dtype=torch.int32, device=device)
    step = max(len(rows) if is_whole else _CHUNK // max(length, 1), 1)
    places = last_index((len(words), len(rows), length), device) * _signed(_GOLDEN)
    parts = [_quantiles(_bits(some, places, words, stream)) for some in torch.split(rows, step)]
    return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)).reshape(len(words), *shape)


def _bits(rows: torch.Tensor, places: torch.Tensor, words: Words, stream: int) -> torch.Tensor:
    """Return 32 bits of each place of each row, shape ``(B, rows, places)``."""
    # `uniform` has the even streams.
    low, high = _stream_words(words, 2 * stream + 1)
    first, second = _mix(rows ^ low, high), _mix(rows ^ high, low)
    if not has_instructions(rows):
        # What is joined is kept; a compiler for CPUs hashes rows anew for every place else.
        first, second = torch.cat([first, second]).chunk(2)
    return _mix_places(places ^ first[:, :, None], second[:, :, None])


def _quantiles(bits: torch.Tensor) -> torch.Tensor:
    """Return the normal number of each 32 bits: their sign says the side, their size how far."""
    far = bits.to(torch.float32)
    tail = far.abs().mul_(2.0**-32 * _NEAREST).add_(2.0**-33 * _NEAREST)
    depth = sqrt_(minus_log2_(tail))
    total = torch.full_like(depth, _QUANTILE[-1])
    for factor in reversed(_QUANTILE[:-1]):
        # One pass over memory; a product and a sum are two.
        total = torch.addcmul(depth.new_full((), factor), total, depth)
    return torch.copysign(total, far)


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
    low, high = _stream_words(words, 2 * stream)
    bits = _mix(_mix(torch.arange(size, dtype=torch.int32, device=device) ^ low).add_(high))
    return bits.bitwise_and_(0xFFFFFF).to(torch.float32).add_(0.5).mul_(2.0**-24)


def _stream_words(words: Words, stream: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two columns of words that are no other stream's."""
    first = words[:, :1] + _signed(stream * _GOLDEN)
    return first, words[:, 1:] ^ _signed((stream + 1) * _GOLDEN)


def _mix(value: torch.Tensor, more: torch.Tensor | None = None) -> torch.Tensor:
    """Return the hash of 32 bits, and of 32 more that come in half-way."""
    if has_instructions(value):
        # The same. A compiler that writes out a value for each of its uses does so 2⁹ times here.
        return in_instructions(
            _mix_lines(has_more=more is not None), value, *([] if more is None else [more])
        )
    # In place, since every new array pushes another one out of the cache.
    value = value ^ (value >> 16).bitwise_and_(0xFFFF)
    value.mul_(_FIRST)
    if more is not None:
        value.add_(more)
    value.bitwise_xor_((value >> 15).bitwise_and_(0x1FFFF))
    value.mul_(_SECOND)
    return value.bitwise_xor_((value >> 16).bitwise_and_(0xFFFF))


def _mix_places(value: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
    """Return `_mix` without its first and its last step, for places spread over 32 bits.

    The first mixes high bits into low ones, which the spread has done. The last makes low bits as
    good as the high ones, and a normal number is its high bits.
    """
    if has_instructions(value):
        return in_instructions(_PLACE_LINES, value, more)
    value = (value * _FIRST).add_(more)
    value.bitwise_xor_((value >> 15).bitwise_and_(0x1FFFF))
    return value.mul_(_SECOND)


def _mix_lines(*, has_more: bool) -> str:
    first = f"mad.lo.u32 v, v, {_FIRST:#x}U, $2;" if has_more else f"mul.lo.u32 v, v, {_FIRST:#x}U;"
    return (
        "{ .reg .b32 t, v; shr.u32 t, $1, 16; xor.b32 v, $1, t; "
        f"{first} shr.u32 t, v, 15; xor.b32 v, v, t; "
        f"mul.lo.u32 v, v, {_SECOND & 0xFFFFFFFF:#x}U; shr.u32 t, v, 16; xor.b32 $0, v, t; }}"
    )


_PLACE_LINES = (
    f"{{ .reg .b32 t, v; mad.lo.u32 v, $1, {_FIRST:#x}U, $2; shr.u32 t, v, 15; xor.b32 v, v, t; "
    f"mul.lo.u32 $0, v, {_SECOND & 0xFFFFFFFF:#x}U; }}"
)


def _signed(value: int) -> int:
    """Return the low 32 bits as a signed number, as int32 tensors want it."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
