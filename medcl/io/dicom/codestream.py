"""What a compressed plane says of itself, before a decoder that trusts the header sees it.

A decoder is told the size of a plane by the DICOM header. Where the compressed data says something
else, some decoders end the whole process and others read past what they were given.
"""

import struct
from dataclasses import dataclass

_JPEG_START, _JPEG_LS_FRAME = b"\xff\xd8", 0xF7
_NO_FRAME = {0xC4, 0xC8, 0xCC}
_J2K_START = b"\xff\x4f\xff\x51"
_J2K_SIZE = struct.Struct(">4x2x2xIIII16xHB")
_BOXES_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Codestream:
    """The head of one compressed plane.

    Attributes:
        rows: Of the plane.
        columns: Of the plane.
        num_samples: Numbers per pixel.
        precision: Bits of each number.
    """

    rows: int
    columns: int
    num_samples: int
    precision: int


def codestream_of(content: bytes) -> Codestream | None:
    """Return what a JPEG, JPEG-LS or JPEG 2000 stream says of itself.

    Args:
        content: All of the stream.

    Returns:
        Its head, or ``None`` where there is none that makes sense.

    References:
        ISO 10918-1, B.2.2 (frame header); ISO 14495-1, C.2.2 (JPEG-LS); ISO 15444-1, A.5.1 (image
        and tile size), Annex I (the boxes that may stand before).

    Example:
        >>> codestream_of(bytes.fromhex("ffd8 fff7000b 0c 0200 0100 01 011100"))
        Codestream(rows=512, columns=256, num_samples=1, precision=12)
        >>> codestream_of(b"anything else") is None
        True
    """
    try:
        if content.startswith(_JPEG_START):
            return _jpeg(content)
        start = content.index(_J2K_START, 0, _BOXES_BYTES)
        right, lower, left, upper, num_samples, depth = _J2K_SIZE.unpack_from(content, start)
    except (ValueError, struct.error, IndexError):
        return None
    return Codestream(lower - upper, right - left, num_samples, (depth & 0x7F) + 1)


def _jpeg(content: bytes) -> Codestream:
    """Return the frame header.

    Raises:
        ValueError: The segments before it make no sense.
    """
    place = len(_JPEG_START)
    while True:
        prefix, marker, length = struct.unpack_from(">BBH", content, place)
        if prefix != 0xFF or length < 2:
            raise ValueError("no marker where one must stand")
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker == _JPEG_LS_FRAME or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME):
            precision, rows, columns, num_samples = struct.unpack_from(">BHHB", content, place + 4)
            return Codestream(rows, columns, num_samples, precision)
        place += 2 + length
