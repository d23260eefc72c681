"""Planes of one series → stacks that can be volumes.

One series UID may hold several things: time points, diffusion weightings, echoes, orientations.
What is fixed for a volume parts them first (*hard* words). Then, only where positions repeat, the
*soft* keys of `medcl.io.dicom.slice_header.SOFT_KEYS` are tried in turn, and the first one is
taken under which every stack has each position once. So a series is never split further than it
must be.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from medcl.io.dicom.classes import ENHANCED_CLASSES
from medcl.io.dicom.geometry import (
    DUPLICATE_MM,
    MIN_SLICES,
    ORIENTATION_TOLERANCE,
    PIXEL_SPACING_TOLERANCE,
)
from medcl.io.dicom.slice_header import SOFT_KEYS, SliceHeader

Places = tuple[int, ...]
"""Indices into the planes of a series."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Planes that may be one volume.

    Attributes:
        planes: Which planes.
        words: What tells this stack from the others of its group; empty for the only one.
    """

    planes: Places
    words: tuple[str, ...] = ()


def stacks_of(
    headers: Sequence[SliceHeader], *, by_orientation: bool = False, by_size: bool = False
) -> list[Stack]:
    """Return the planes of a group parted into stacks.

    Frames of an Enhanced object are parted by orientation and size in any case: it may hold
    several stacks by design. A classic series that mixes them is left whole unless asked for, so
    that its reader refuses it: often one of the parts is a piece of a volume.

    Args:
        headers: Planes that agree in all hard words and have a geometry.
        by_orientation: Part classic planes of several orientations.
        by_size: Part classic planes of several sizes or pixel spacings.

    Returns:
        At least one stack; together they hold every plane once. One whose positions repeat
        whatever is tried is returned as it is.
    """
    is_enhanced = all(header.sop_class in ENHANCED_CLASSES for header in headers)
    parts = [Stack(tuple(range(len(headers))))]
    if by_size or is_enhanced:
        parts = [piece for part in parts for piece in _parted(part, headers, _same_size, "size")]
    if by_orientation or is_enhanced:
        parts = [
            piece for part in parts for piece in _parted(part, headers, _parallel, "orientation")
        ]
    return [piece for part in parts for piece in _by_soft_key(part, headers)]


def _parted(
    stack: Stack,
    headers: Sequence[SliceHeader],
    is_alike: Callable[[SliceHeader, SliceHeader], bool],
    word: str,
) -> Iterator[Stack]:
    """Yield the planes that are alike together, in the order in which they first occur."""
    groups: list[list[int]] = []
    for place in stack.planes:
        for group in groups:
            if is_alike(headers[group[0]], headers[place]):
                group.append(place)
                break
        else:
            groups.append([place])
    if len(groups) == 1 or min(map(len, groups)) < MIN_SLICES:
        yield stack
        return
    for number, group in enumerate(sorted(groups, key=lambda g: _address(headers[g[0]]))):
        yield Stack(tuple(group), (*stack.words, word, str(number)))


def _same_size(first: SliceHeader, second: SliceHeader) -> bool:
    spacings = np.array([first.pixel_spacing_mm, second.pixel_spacing_mm], dtype=float)
    is_near = np.ptp(spacings, axis=0).max() <= PIXEL_SPACING_TOLERANCE * spacings.min()
    return bool(is_near) and (first.rows, first.columns) == (second.rows, second.columns)


def _parallel(first: SliceHeader, second: SliceHeader) -> bool:
    cosines = np.array([first.orientation, second.orientation], dtype=float)
    return bool(np.ptp(cosines, axis=0).max() <= ORIENTATION_TOLERANCE)


def _address(header: SliceHeader) -> tuple[float, ...]:
    """Return numbers that order parts alike whatever the order of files."""
    numbers = (
        header.rows,
        header.columns,
        *(header.orientation or ()),
        *(header.position_mm or ()),
    )
    return tuple(map(float, numbers))


def _by_soft_key(stack: Stack, headers: Sequence[SliceHeader]) -> list[Stack]:
    positions = _positions(stack.planes, headers)
    if _are_distinct(stack.planes, positions):
        return [stack]
    soft = range(len(SOFT_KEYS))
    for keys in (*combinations(soft, 1), *combinations(soft, 2)):
        found = _split(stack, headers, keys)
        if found and all(_are_distinct(one.planes, positions) for one in found):
            return found
    return _by_time(stack, headers, positions) or [stack]


def _split(stack: Stack, headers: Sequence[SliceHeader], keys: Places) -> list[Stack]:
    """Return the planes by the values of some soft keys; nothing where they do not part them."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place in stack.planes:
        values = tuple(headers[place].soft[key] for key in keys)
        if not all(values):
            return []
        groups.setdefault(values, []).append(place)
    if len(groups) < 2 or min(map(len, groups.values())) < MIN_SLICES:
        return []
    names = "+".join(SOFT_KEYS[key] for key in keys)
    return [
        Stack(tuple(group), (*stack.words, names, *values))
        for values, group in sorted(groups.items())
    ]


def _by_time(
    stack: Stack, headers: Sequence[SliceHeader], positions: dict[int, int]
) -> list[Stack]:
    """Return the k-th plane in time at every position as the k-th stack, if that is clear.

    Every plane has a content time of its own, so time alone would part them all. It is clear where
    all positions are filled equally often, at different times.
    """
    at: dict[int, list[tuple[float, int]]] = {}
    for place in stack.planes:
        seconds = headers[place].content_time
        if seconds is None:
            return []
        at.setdefault(positions[place], []).append((seconds, place))
    counts = {len(planes) for planes in at.values()}
    is_clear = all(len({seconds for seconds, _ in planes}) == len(planes) for planes in at.values())
    if len(counts) != 1 or len(at) < MIN_SLICES or not is_clear:
        return []
    columns = [[place for _, place in sorted(planes)] for planes in at.values()]
    return [
        Stack(
            tuple(sorted(column[number] for column in columns)), (*stack.words, "time", str(number))
        )
        for number in range(counts.pop())
    ]


def _positions(planes: Places, headers: Sequence[SliceHeader]) -> dict[int, int]:
    """Return a number per plane, equal for planes at one position."""
    numbers: dict[int, int] = {}
    first = headers[planes[0]]
    row, column = np.reshape(np.array(first.orientation, dtype=float), (2, 3))
    depths = {
        place: float(np.dot(np.cross(row, column), headers[place].position_mm or (0, 0, 0)))
        for place in planes
    }
    number, last = -1, -np.inf
    for place in sorted(planes, key=lambda place: depths[place]):
        if depths[place] - last >= DUPLICATE_MM:
            number += 1
        last = depths[place]
        numbers[place] = number
    return numbers


def _are_distinct(planes: Places, positions: dict[int, int]) -> bool:
    return len({positions[place] for place in planes}) == len(planes)
