"""Volumes that show the same scan, found among a million without comparing each with each.

Two hashes of 256 bits that differ in at most 20 of them agree in one of 12 bands but for one bit at
most, since 12 bands with two differences each would make 24. Every band is therefore an index that
is asked for a volume's own bits and for all with one bit changed: nothing is missed.

References:
    Norouzi, Punjani and Fleet, Fast exact search in Hamming space with multi-index hashing,
    IEEE TPAMI 2014.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medcl.store.perceptual import NUM_BITS
from medcl.store.rows import VolumeRow

NEAR_BITS = 20
"""Most bits in which near duplicates differ. Measured with 200 hippocampi, 1286 adrenal shapes and
322 invented CTs: volumes of different patients differ in 28 or more, most in over 70; the same
volume with noise, other axes, another spacing or 3 % of its slices cut off differs in up to 20."""

_BANDS = 12
_FARTHEST = 2 * _BANDS - 1
_AT_ONCE = 2_000_000

Hashes = UInt8[np.ndarray, "N 32"]
Indices = Int64[np.ndarray, "M"]
Pairs = tuple[Indices, Indices, Indices]


class NearDuplicates(NamedTuple):
    """Volumes that hang together as near duplicates, and the largest distance of a link."""

    rows: tuple[VolumeRow, ...]
    bits: int

    @property
    def num_patients(self) -> int:
        """Patients they are stored under; more than one is a hint that one scan has two names."""
        return len({row.patient_key for row in self.rows})


def near_duplicates(
    rows: Sequence[VolumeRow], *, most_bits: int = NEAR_BITS
) -> list[NearDuplicates]:
    """Return the groups of near duplicates among volumes.

    A group is joined by links: its ends may lie farther apart than ``most_bits``. Volumes of
    different modalities are never near duplicates.

    Args:
        rows: Volumes, any number.
        most_bits: Most bits in which two linked volumes differ, 0 to 23.

    Returns:
        Groups of two or more, each by word and in order of their first word.
    """
    groups: list[NearDuplicates] = []
    by_modality: dict[str, list[VolumeRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.word, row.key)):
        if row.perceptual_hash is not None:
            by_modality[row.modality].append(row)
    for alike in by_modality.values():
        groups += _groups(alike, most_bits)
    return sorted(groups, key=lambda group: (group.rows[0].word, group.rows[0].key))


def without_near_duplicates(rows: Sequence[VolumeRow]) -> list[VolumeRow]:
    """Return one volume of each group, that of the smallest word, and all others, in order."""
    spare = {row.key for group in near_duplicates(rows) for row in group.rows[1:]}
    return [row for row in rows if row.key not in spare]


def close_pairs(hashes: Hashes, *, most_bits: int) -> Pairs:
    """Return all pairs of hashes that differ in few bits.

    Args:
        hashes: 256 bits each, shape ``(N, 32)``.
        most_bits: Most bits in which a pair differs, 0 to 23.

    Returns:
        Index of the one, index of the other, bits in which they differ; some pairs repeatedly.

    Raises:
        ValueError: More bits are asked for than 12 bands can find.

    Example:
        >>> one = np.zeros((2, 32), np.uint8)
        >>> one[1, :2] = 0b1011
        >>> first, second, bits = close_pairs(one, most_bits=6)
        >>> set(zip(first.tolist(), second.tolist(), bits.tolist()))
        {(0, 1, 6)}
    """
    if not 0 <= most_bits <= _FARTHEST:
        raise ValueError(f"most_bits must be from 0 to {_FARTHEST}, got {most_bits}.")
    words = np.ascontiguousarray(hashes).view(np.uint64)
    found: list[Pairs] = []
    for band in _bands(hashes):
        for first, second in _candidates(band):
            bits = np.bitwise_count(words[first] ^ words[second]).sum(axis=1, dtype=np.int64)
            near = bits <= most_bits
            low, high = np.minimum(first, second)[near], np.maximum(first, second)[near]
            found.append((low, high, bits[near]))
    first, second, bits = (np.concatenate([pairs[part] for pairs in found]) for part in range(3))
    return first, second, bits


def _groups(rows: Sequence[VolumeRow], most_bits: int) -> Iterator[NearDuplicates]:
    text = "".join(row.perceptual_hash or "" for row in rows)
    hashes = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(len(rows), NUM_BITS // 8)
    first, second, bits = close_pairs(hashes, most_bits=most_bits)
    links = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(rows), len(rows)))
    _, group_of = connected_components(links, directed=False)
    farthest: dict[int, int] = defaultdict(int)
    for group, distance in zip(group_of[first].tolist(), bits.tolist(), strict=True):
        farthest[group] = max(farthest[group], distance)
    members: dict[int, list[VolumeRow]] = {group: [] for group in farthest}
    for position in np.flatnonzero(np.isin(group_of, list(farthest))).tolist():
        members[int(group_of[position])].append(rows[position])
    for group, held in members.items():
        yield NearDuplicates(tuple(held), farthest[group])


def _bands(hashes: Hashes) -> Iterator[Indices]:
    """Yield every twelfth bit of all hashes as one number each, from the first, the second, ..."""
    bits = np.unpackbits(hashes, axis=1)
    for band in range(_BANDS):
        chosen = bits[:, band::_BANDS]
        yield chosen @ (1 << np.arange(chosen.shape[1], dtype=np.int64))


def _candidates(numbers: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Yield pairs of places whose numbers are equal or differ in one bit, some at a time."""
    order = np.argsort(numbers, kind="stable")
    ranked = numbers[order]
    ends = np.searchsorted(ranked, ranked, side="right")
    places = np.arange(len(ranked))
    yield from _spelled_out(order, places, places + 1, ends)
    for bit in 1 << np.arange(int(numbers.max(initial=0)).bit_length(), dtype=np.int64):
        clear = np.flatnonzero(ranked & bit == 0)
        starts, stops = (
            np.searchsorted(ranked, ranked[clear] | bit, side=side) for side in ("left", "right")
        )
        yield from _spelled_out(order, clear, starts, stops)


def _spelled_out(
    order: Indices,
    places: Int64[np.ndarray, "P"],
    starts: Int64[np.ndarray, "P"],
    stops: Int64[np.ndarray, "P"],
) -> Iterator[tuple[Indices, Indices]]:
    """Yield each place with all places from its start to its stop, through ``order``."""
    counts = stops - starts
    held = np.flatnonzero(counts)
    places, starts, counts = places[held], starts[held], counts[held]
    cuts = np.searchsorted(np.cumsum(counts), np.arange(_AT_ONCE, counts.sum(), _AT_ONCE))
    for part in np.split(np.arange(len(places)), cuts + 1):
        many = counts[part]
        offsets = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        yield (
            order[np.repeat(places[part], many)],
            order[np.repeat(starts[part], many) + offsets],
        )
