"""MetaImage header with the voxels in the same file (.mha): checked before anything reads it."""

import re
from io import BufferedIOBase

from medcl.io.images.text_header import (
    BLANKS,
    ELSEWHERE,
    TextHeader,
    add_field,
    checked_dtype,
    checked_shape,
    checked_size,
    header_lines,
    numbers,
    require,
)
from medcl.io.limits import MAX_FILE_BYTES
from medcl.io.refusal import ReasonCode, RefusedSeries

_END = re.compile(rb"\s*ElementDataFile\s*=.*")
_LETTERS = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_HERE = {"LOCAL", "Local", "local"}
_ORIGINS = ("Offset", "Position", "Origin")
_DIRECTIONS = ("TransformMatrix", "Orientation", "Rotation")
# What would change the meaning of the voxels, and the only value that leaves it as it is.
_NEUTRAL = {
    "HeaderSize": 0.0,
    "FileFormatVersion": 0.0,
    "ElementToIntensityFunctionSlope": 1.0,
    "ElementToIntensityFunctionOffset": 0.0,
}


def read_metaimage_header(file: BufferedIOBase) -> TextHeader:
    """Return what the header of a MetaImage file says.

    Args:
        file: An open file, read from its beginning.

    Returns:
        Facts within the limits; the voxels lie in the same file.

    Raises:
        RefusedSeries: The header is damaged, points to another file, describes no grey 3D image,
            or does not say where it lies.

    References:
        MetaIO documentation, "MetaImage": ``ElementDataFile`` ends the header, ``LOCAL`` says
        that the voxels follow; coordinates are LPS+ mm.
    """
    lines, voxels_at = header_lines(file, _END)
    fields = _parsed(lines)
    if fields["ElementDataFile"] not in _HERE:
        raise RefusedSeries(ReasonCode.UNSUPPORTED_SYNTAX, ELSEWHERE)
    if fields.get("ObjectType", "").lower() != "image":
        raise RefusedSeries(ReasonCode.NOT_IMAGE, "The object is no image.")
    _require_grey(fields)
    shape = checked_shape(fields.get("NDims", ""), fields["DimSize"])
    _require_plain(fields)
    _require_place(fields)
    is_packed = _is_true(fields.get("CompressedData", ""))
    order = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB"))
    return checked_size(
        TextHeader(
            shape=shape,
            dtype=checked_dtype(
                _LETTERS.get(fields.get("ElementType", "")),
                None if order is None else _is_true(order),
            ),
            coding="zlib" if is_packed else "raw",
            voxels_at=voxels_at,
            stored_bytes=_stored_bytes(fields) if is_packed else 0,
        )
    )


def _parsed(lines: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in filter(None, lines):
        name, sign, value = line.partition("=")
        if not sign:
            raise RefusedSeries(ReasonCode.DECODE_FAILED, "A line of the header is none.")
        add_field(fields, name.strip(BLANKS), value)
    if not fields.keys() >= {"DimSize", "ElementDataFile"}:
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED, "The header must give DimSize and ElementDataFile."
        )
    return fields


def _require_grey(fields: dict[str, str]) -> None:
    is_array = fields.get("ElementType", "").endswith("_ARRAY")
    if is_array or numbers(fields.get("ElementNumberOfChannels", "1"), 1) != [1.0]:
        raise RefusedSeries(ReasonCode.COLOUR, "The voxels are colours or vectors.")


def _require_plain(fields: dict[str, str]) -> None:
    if not _is_true(fields.get("BinaryData", "")):
        raise RefusedSeries(ReasonCode.UNSUPPORTED_SYNTAX, "The voxels are written as text.")
    for name, neutral in _NEUTRAL.items():
        if name in fields and numbers(fields[name], 1) != [neutral]:
            raise RefusedSeries(
                ReasonCode.UNSUPPORTED_SYNTAX, f"{name} must be {neutral:g} or absent."
            )


def _require_place(fields: dict[str, str]) -> None:
    for names, missing, count in (
        (_DIRECTIONS, "The directions of the axes are missing.", 9),
        (_ORIGINS, "The position is missing.", 3),
        (("ElementSpacing",), "The distances between voxels are missing.", 3),
    ):
        found = [fields[name] for name in names if name in fields]
        require(len(found) == 1, missing if not found else "A place is given twice.")
        numbers(found[0], count)
    spacing = numbers(fields["ElementSpacing"], 3)
    require(min(spacing) > 0, "The distances between voxels must be positive.")
    require(fields.get("DistanceUnits", "?") in ("?", "mm"), "Lengths must be in mm.")


def _stored_bytes(fields: dict[str, str]) -> int:
    found = numbers(fields.get("CompressedDataSize", "0"), 1)[0]
    if not 0 < found <= MAX_FILE_BYTES:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "The compressed size must be given.")
    return int(found)


def _is_true(text: str) -> bool:
    return text[:1] in ("T", "t", "1")
