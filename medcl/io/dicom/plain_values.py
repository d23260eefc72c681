"""Bytes of a value in a plain DICOM file → text, or an exception where there is any doubt."""

import re
import struct

CHARSET = 0x00080005
"""*Specific Character Set*."""

LONGEST_VALUE = 1024
"""Bytes of the longest value that is read."""

_WORDS = {b"AS", b"CS", b"DA", b"LO", b"SH", b"TM", b"UI"}
_NUMBERS = {b"FD": "d", b"FL": "f", b"SL": "i", b"SS": "h", b"UL": "I", b"US": "H"}
_DECIMALS = {
    b"DS": re.compile(r" *[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})? *"),
    b"IS": re.compile(r" *-?\d{1,9} *"),
}
_CHARSETS = {"", *(f"ISO_IR {number}" for number in (6, 100, 101, 109, 110, 126, 127, 144, 192))}
"""Character sets in which printable ASCII is what it looks like."""


class NotPlainError(Exception):
    """Something about a file takes pydicom."""


def plain_text(head: bytes, start: int, end: int, *, tag: int, vr: bytes) -> str:
    r"""Return a value as `medcl.io.dicom.values.text` gives it.

    Args:
        head: What the file begins with.
        start: Where the value begins.
        end: Where it ends.
        tag: Of the element.
        vr: Its type.

    Returns:
        Its parts, trimmed and joined by a backslash.

    Raises:
        NotPlainError: It is of an odd type, long, malformed, or not of printable ASCII.
        error: Of struct: ``head`` ends before the value does.

    Example:
        >>> plain_text(b"CT \\AXIAL", 0, 9, tag=0x00080008, vr=b"CS")
        'CT\\AXIAL'
    """
    value = head[start:end]
    if len(value) < end - start:
        raise struct.error
    if end - start > LONGEST_VALUE:
        raise NotPlainError
    if vr in _NUMBERS:
        return _numbers(value, _NUMBERS[vr])
    value = value.rstrip(b"\0 ")
    text = value.decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise NotPlainError
    if vr in _DECIMALS:
        if text and not all(map(_DECIMALS[vr].fullmatch, text.split("\\"))):
            raise NotPlainError
    elif vr not in _WORDS:
        raise NotPlainError
    if tag == CHARSET and text.strip(" ") not in _CHARSETS:
        raise NotPlainError
    return "\\".join(part.strip(" ") for part in text.split("\\"))


def _numbers(value: bytes, code: str) -> str:
    size = struct.calcsize(f"<{code}")
    if len(value) % size:
        raise NotPlainError
    return "\\".join(map(str, struct.unpack(f"<{len(value) // size}{code}", value)))
