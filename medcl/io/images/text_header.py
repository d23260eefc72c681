"""What the headers of NRRD and MetaImage have in common: lines of text before the voxels."""

import math
import re
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any

import numpy as np

from medcl.io.inflate import Coding
from medcl.io.limits import MAX_FILE_BYTES, MAX_VOXELS
from medcl.io.refusal import ReasonCode, RefusedSeries

MAX_HEADER_BYTES = 2**18
"""Longest header read, bytes; programs copy whole DICOM headers into it."""

BLANKS = " \t"
"""What may stand around a word; other white space is damage."""

ELSEWHERE = "Header and voxels in separate files."

# No two of its parts match the same digits, so that a long word takes no long time.
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_MAX_DIGITS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TextHeader:
    """What of a header matters.

    Attributes:
        shape: Voxels along each axis, the fastest first.
        dtype: Of the stored values, with their byte order.
        coding: How they are stored.
        voxels_at: Place of the first stored byte of them in the file.
        stored_bytes: How many stored bytes there are, 0 if the header does not say.
        says_labels: The header declares labels.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    coding: Coding
    voxels_at: int
    stored_bytes: int = 0
    says_labels: bool = False

    @property
    def voxel_bytes(self) -> int:
        """Bytes of the voxels, uncompressed."""
        return math.prod(self.shape) * self.dtype.itemsize


def header_lines(file: BufferedIOBase, last: re.Pattern[bytes]) -> tuple[list[str], int]:
    """Return the lines of a header and where the voxels begin.

    Args:
        file: An open file, read from its beginning.
        last: Matches the last line of the header, without its line break.

    Returns:
        Lines without their breaks, the last one included, or all of a file that is nothing but a
        header; and bytes up to the voxels.

    Raises:
        RefusedSeries: The header is too long.
    """
    head = file.read(MAX_HEADER_BYTES)
    lines, start = [], 0
    while (end := head.find(b"\n", start)) >= 0:
        line = head[start:end].removesuffix(b"\r")
        lines.append(line.decode("utf-8", errors="replace"))
        start = end + 1
        if last.fullmatch(line):
            return lines, start
    if len(head) == MAX_HEADER_BYTES:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED, f"The header is longer than {MAX_HEADER_BYTES} bytes."
        )
    return [*lines, head[start:].decode("utf-8", errors="replace")], len(head)


def add_field(fields: dict[str, str], name: str, value: str) -> None:
    """Keep a field.

    Args:
        fields: What was found so far; changed.
        name: Of the field, as the format spells it.
        value: Its text.

    Raises:
        RefusedSeries: It is given twice, and programs differ in which one they take.
    """
    if name in fields:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "A field of the header is given twice.")
    fields[name] = value.strip(BLANKS)


def numbers(text: str, count: int) -> list[float]:
    """Return the numbers of a text.

    Args:
        text: Numbers parted by blanks.
        count: How many there must be.

    Returns:
        Finite numbers.

    Raises:
        RefusedSeries: There are more, fewer, or something else.

    Example:
        >>> numbers("0.7 1e1 -3", 3)
        [0.7, 10.0, -3.0]
    """
    words = re.split(r"[ \t]+", text.strip(BLANKS))
    found = [float(word) for word in words if _NUMBER.fullmatch(word)]
    if not len(found) == len(words) == count or not np.isfinite(found).all():
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED, f"{count} numbers must stand in a field of the header."
        )
    return found


def checked_shape(num_axes: str, sizes: str) -> tuple[int, int, int]:
    """Return the shape of a 3D image.

    Args:
        num_axes: How many axes, as the header says.
        sizes: Voxels along each axis, parted by blanks.

    Returns:
        Voxels along X, Y, Z.

    Raises:
        RefusedSeries: It is no 3D image, or too large.

    Example:
        >>> checked_shape("3", "8 7 6")
        (8, 7, 6)
    """
    words = re.split(r"[ \t]+", sizes)
    if num_axes != str(len(words)) or not all(map(_is_size, words)):
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "A whole size of each axis must be given.")
    shape = tuple(map(int, words))
    if min(shape, default=0) < 1:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "An axis has no voxels.")
    if len(shape) != 3:
        raise RefusedSeries(ReasonCode.NOT_3D, f"{len(shape)} axes.")
    if math.prod(shape) > MAX_VOXELS:
        raise RefusedSeries(ReasonCode.LIMIT_EXCEEDED, f"Shape {shape}.")
    return shape[0], shape[1], shape[2]


def checked_dtype(letters: str | None, is_big_endian: bool | None) -> np.dtype[Any]:
    """Return the type of the voxels.

    Args:
        letters: numpy's letters for it, ``None`` if the header names no known type.
        is_big_endian: Their byte order, ``None`` if the header does not say.

    Returns:
        A type of real numbers.

    Raises:
        RefusedSeries: It is not known or has no byte order.

    Example:
        >>> checked_dtype("i2", True)
        dtype('>i2')
    """
    if letters is None:
        raise RefusedSeries(ReasonCode.UNSUPPORTED_SYNTAX, "The type of the voxels is not read.")
    dtype = np.dtype(letters)
    if dtype.itemsize > 1 and is_big_endian is None:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "The byte order must be given.")
    return dtype.newbyteorder(">" if is_big_endian else "<")


def checked_size(header: TextHeader) -> TextHeader:
    """Return a header that asks for no more than the limits allow.

    Raises:
        RefusedSeries: It asks for more.
    """
    if header.voxel_bytes > MAX_FILE_BYTES:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED,
            f"{header.voxel_bytes} bytes; at most {MAX_FILE_BYTES} are read.",
        )
    return header


def require(is_given: bool, missing: str) -> None:
    """Refuse a header without a place in space.

    Args:
        is_given: Whether what is needed is there.
        missing: The sentence if not.

    Raises:
        RefusedSeries: It is not.
    """
    if not is_given:
        raise RefusedSeries(ReasonCode.NO_GEOMETRY, missing)


def _is_size(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= _MAX_DIGITS
