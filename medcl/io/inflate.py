"""Read a compressed payload piece by piece, with every checksum verified and nothing overlooked."""

import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Literal

from medcl.io.limits import MAX_FILE_BYTES
from medcl.io.refusal import ReasonCode, RefusedSeries

Coding = Literal["raw", "gzip", "zlib"]
"""How voxels are stored: as they are, in gzip members, or in one zlib stream."""

GZIP_MAGIC = b"\x1f\x8b"

_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "zlib": zlib.MAX_WBITS}
_PIECE_BYTES = 2**22


def plain_pieces(file: BufferedIOBase, coding: Coding) -> Iterator[bytes]:
    """Yield what a file holds from its current position to its end, uncompressed.

    The iterator ends only after the checksum of every part was compared, so that whoever takes
    all pieces may trust them. Each piece is small, so that whoever counts them can stop early.

    Args:
        file: An open file.
        coding: How it is stored. Several gzip members in a row count as one stream.

    Yields:
        At most 4 MiB each; some may be empty.

    Raises:
        RefusedSeries: The file is too large, ends too early, or something other than zeros
            follows the compressed stream.
        zlib.error: A checksum or the stream itself is wrong.

    References:
        RFC 1950 (zlib: Adler-32 at the end); RFC 1952 (gzip: CRC-32 and length at the end of each
        member, several members, an optional CRC-16 of the header).

    Example:
        >>> from io import BytesIO
        >>> b"".join(plain_pieces(BytesIO(zlib.compress(b"voxels")), "zlib"))
        b'voxels'
    """
    start = file.tell()
    size = file.seek(0, 2) - start
    file.seek(start)
    if size > MAX_FILE_BYTES:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED, f"{size} bytes; at most {MAX_FILE_BYTES} are read."
        )
    if coding != "raw":
        yield from _inflated(file, coding)
        return
    while piece := file.read(_PIECE_BYTES):
        yield piece


def require_zeros(piece: bytes | bytearray, where: str) -> None:
    """Refuse bytes that nobody reads: they may be the rest of something else.

    Args:
        piece: What was found.
        where: What they follow, for the refusal's sentence.

    Raises:
        RefusedSeries: Anything but zeros, with which some programs fill up a block.

    Example:
        >>> require_zeros(bytes(8), "the last voxel")
    """
    if piece.count(0) != len(piece):
        raise RefusedSeries(ReasonCode.DECODE_FAILED, f"Something follows {where}.")


def _inflated(file: BufferedIOBase, coding: Literal["gzip", "zlib"]) -> Iterator[bytes]:
    tail = file.read(_PIECE_BYTES)
    while True:
        inflater = zlib.decompressobj(_WINDOW_BITS[coding])
        yield from _member(file, inflater, tail)
        tail = inflater.unused_data + file.read(len(GZIP_MAGIC))
        if coding == "zlib" or not tail.startswith(GZIP_MAGIC):
            break
    while tail:
        require_zeros(tail, "the compressed stream")
        tail = file.read(_PIECE_BYTES)


def _member(file: BufferedIOBase, inflater: "zlib._Decompress", tail: bytes) -> Iterator[bytes]:
    while True:
        piece = inflater.decompress(tail, _PIECE_BYTES)
        yield piece
        if inflater.eof:
            return
        tail = inflater.unconsumed_tail
        # A full piece may leave more to come from what was already taken in.
        if not tail and len(piece) < _PIECE_BYTES:
            tail = file.read(_PIECE_BYTES)
            if not tail:
                raise RefusedSeries(
                    ReasonCode.PIXEL_TRUNCATED, "The compressed stream ends too early."
                )
