"""What follows the pixels of a DICOM file: nothing, or elements that may follow them.

A damaged length before the pixels lets a parser find their tag inside something else and take that
for the pixels. Then what follows makes no sense, and this is the only place where it shows.
"""

import struct
from io import BufferedIOBase, FileIO

UNDEFINED_LENGTH = 0xFFFFFFFF

_PIXELS = 0x7FE00010
_SHORT_BYTES, _LONG_BYTES = 8, 12
_LONG_VRS = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
_PIECE_BYTES = 2**20


def header_bytes(vr: str | None) -> int:
    """Return how many bytes stand before the value of an element.

    Args:
        vr: Its value representation, ``None`` where that is implicit.

    References:
        DICOM PS3.5, 7.1.2 and 7.1.3.

    Example:
        >>> header_bytes("OW"), header_bytes("US"), header_bytes(None)
        (12, 8, 8)
    """
    return _LONG_BYTES if vr in _LONG_VRS else _SHORT_BYTES


def is_sound_after(
    stream: BufferedIOBase | FileIO, end: int, size: int, encoding: tuple[bool | None, bool | None]
) -> bool:
    """Return whether a file ends after its pixels, or goes on as it may.

    Args:
        stream: The file.
        end: Where the pixels end, bytes.
        size: Of the file, bytes.
        encoding: Whether types of values are implicit, and whether numbers are little-endian.

    Returns:
        True where elements with higher and higher tags lead to the end, such as padding and
        signatures, or zeros, with which some programs fill up a block.

    Example:
        >>> from io import BytesIO
        >>> padding = bytes.fromhex("fcfffcff4f42000002000000 0000")
        >>> is_sound_after(BytesIO(bytes(8) + padding), 8, 22, (False, True))
        True
        >>> is_sound_after(BytesIO(bytes(8) + b"something else"), 8, 22, (False, True))
        False
    """
    last = _PIXELS
    while end < size:
        stream.seek(end)
        head = stream.read(_LONG_BYTES)
        if head.count(0) == len(head):
            return _is_zero_to_end(stream)
        try:
            tag, start, length = _element(head, encoding)
        except struct.error:
            return False
        if tag <= last:
            return False
        if length == UNDEFINED_LENGTH:
            return True
        last, end = tag, end + start + length
    return end == size


def _element(head: bytes, encoding: tuple[bool | None, bool | None]) -> tuple[int, int, int]:
    """Return tag, bytes before the value and bytes of the value."""
    implicit, little = encoding
    order = "<" if little else ">"
    group, element = struct.unpack_from(order + "HH", head)
    tag = group << 16 | element
    if implicit:
        return tag, _SHORT_BYTES, struct.unpack_from(order + "I", head, 4)[0]
    start = header_bytes(head[4:6].decode("ascii", "replace"))
    place, code = (8, "I") if start == _LONG_BYTES else (6, "H")
    return tag, start, struct.unpack_from(order + code, head, place)[0]


def _is_zero_to_end(stream: BufferedIOBase | FileIO) -> bool:
    while piece := stream.read(_PIECE_BYTES):
        if piece.count(0) != len(piece):
            return False
    return True
