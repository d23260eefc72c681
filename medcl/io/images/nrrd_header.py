"""NRRD header with attached voxels: checked before any other program may look at the file."""

import re
from io import BufferedIOBase

from medcl.io.images.text_header import (
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
from medcl.io.refusal import ReasonCode, RefusedSeries

_END = re.compile(rb"")
_MAGIC = re.compile(r"NRRD000[1-5]")
_FIELD = re.compile(r"([^:]+): (.*)")
_KEY = re.compile(r"(.+?):=(.*)")
_SEGMENT_KEY = re.compile(r"Segment\d+_ID")
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_LETTERS = {name: letters for letters, names in _TYPES.items() for name in names}
_CODINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}
_SPACES = {
    "right-anterior-superior",
    "ras",
    "left-anterior-superior",
    "las",
    "left-posterior-superior",
    "lps",
}
_SPATIAL_KINDS = {"domain", "space", "???", "none"}
_SEVERAL_VOLUMES_KINDS = {"time", "list", "stub", "scalar"}


def read_nrrd_header(file: BufferedIOBase) -> TextHeader:
    """Return what the header of an NRRD file says.

    Args:
        file: An open file, read from its beginning.

    Returns:
        Facts within the limits; the voxels lie in the same file and the image in the patient.

    Raises:
        RefusedSeries: The header is damaged, points to another file, describes no grey 3D image,
            or names no patient space.

    References:
        "Definition of NRRD File Format", sections 1.2 (header), 3 (detached headers), 4 (space),
        5 (basic fields), 6 (per-axis fields). Slicer keeps the names of segments in keys such as
        ``Segment0_ID``.
    """
    lines, voxels_at = header_lines(file, _END)
    if not _MAGIC.fullmatch(lines[0]):
        raise RefusedSeries(ReasonCode.UNSUPPORTED_SYNTAX, "An unknown version of NRRD.")
    fields, keys = _parsed([line for line in lines[1:] if line])
    _require_attached(fields)
    _require_grey(fields.get("kinds", ""))
    shape = checked_shape(fields.get("dimension", ""), fields["sizes"])
    _require_place(fields)
    coding = _CODINGS.get(fields.get("encoding", "").lower())
    if coding is None:
        raise RefusedSeries(ReasonCode.UNSUPPORTED_SYNTAX, "Only raw and gzip encoding is read.")
    endian = fields.get("endian", "").lower()
    return checked_size(
        TextHeader(
            shape=shape,
            dtype=checked_dtype(
                _LETTERS.get(fields.get("type", "").lower()),
                {"little": False, "big": True}.get(endian),
            ),
            coding="gzip" if coding == "gzip" else "raw",
            voxels_at=voxels_at,
            says_labels=any(_SEGMENT_KEY.fullmatch(key) for key in keys),
        )
    )


def _parsed(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return fields by their names, without case and blanks, and the names of all keys.

    Raises:
        RefusedSeries: A line is none of a header.
    """
    fields: dict[str, str] = {}
    keys = []
    for line in lines:
        if line.startswith("#"):
            continue
        if match := _FIELD.fullmatch(line):
            add_field(fields, match[1].lower().replace(" ", ""), match[2])
        elif match := _KEY.fullmatch(line):
            keys.append(match[1])
        else:
            raise RefusedSeries(ReasonCode.DECODE_FAILED, "A line of the header is none.")
    return fields, keys


def _require_attached(fields: dict[str, str]) -> None:
    if "datafile" in fields:
        raise RefusedSeries(ReasonCode.UNSUPPORTED_SYNTAX, ELSEWHERE)
    if any(fields.get(name, "0") != "0" for name in ("lineskip", "byteskip")):
        raise RefusedSeries(ReasonCode.UNSUPPORTED_SYNTAX, "Bytes before the voxels are skipped.")
    if "sizes" not in fields:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "The header gives no sizes.")


def _require_grey(kinds: str) -> None:
    others = {kind.lower() for kind in kinds.split()} - _SPATIAL_KINDS
    if others - _SEVERAL_VOLUMES_KINDS:
        raise RefusedSeries(ReasonCode.COLOUR, "The voxels are colours, vectors or tensors.")
    if others:
        raise RefusedSeries(ReasonCode.NOT_3D, "An axis is none of space.")


def _require_place(fields: dict[str, str]) -> None:
    require(fields.get("space", "").lower() in _SPACES, "The image lies in no patient space.")
    require("spacedirections" in fields, "The directions of the axes are missing.")
    require("spaceorigin" in fields, "The position is missing.")
    _vectors(fields["spacedirections"], 3)
    _vectors(fields["spaceorigin"], 1)
    units = set(re.findall(r'"([^"]*)"', fields.get("spaceunits", "")))
    require(units <= {"mm", ""}, "Lengths must be in mm.")


def _vectors(text: str, count: int) -> list[list[float]]:
    """Return vectors such as ``(1,0,0) (0,1,0)``.

    Raises:
        RefusedSeries: There are more or fewer, or they are not of three finite numbers.
    """
    parts = re.findall(r"\(([^()]*)\)", text)
    if len(parts) != count or re.sub(r"\([^()]*\)|\s", "", text):
        raise RefusedSeries(ReasonCode.NO_GEOMETRY, f"{count} vectors of 3 numbers must be given.")
    return [numbers(part.replace(",", " "), 3) for part in parts]
