"""Grey pictures as PNG, without a drawing library: the same bytes everywhere."""

import struct
import zlib

import numpy as np
from jaxtyping import UInt8

Picture = UInt8[np.ndarray, "H W"]


def grey_png(picture: Picture) -> bytes:
    r"""Return an 8-bit grey picture as PNG.

    Args:
        picture: Row by row from the top, shape ``(H, W)``, not empty.

    Returns:
        The file.

    References:
        W3C, Portable Network Graphics, third edition, 2025: sections 5, 9.2 and 11.2.

    Example:
        >>> grey_png(np.zeros((2, 3), np.uint8))[:8]
        b'\x89PNG\r\n\x1a\n'
    """
    height, width = picture.shape
    # Each row starts with the number of its filter; "up" suits what changes little downwards.
    rows = np.empty((height, width + 1), np.uint8)
    rows[:, 0] = 2
    rows[0, 1:] = picture[0]
    rows[1:, 1:] = picture[1:] - picture[:-1]
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def png_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a PNG file in pixels.

    Example:
        >>> png_size(grey_png(np.zeros((2, 3), np.uint8)))
        (3, 2)
    """
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
