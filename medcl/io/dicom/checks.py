"""What one slice must be, a function per reason."""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

from medcl.io.dicom.classes import ENHANCED_CLASSES
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.label_classes import LABEL_CLASSES
from medcl.io.limits import MAX_PLANE_PIXELS
from medcl.io.refusal import ReasonCode, RefusedSeries

COSINE_TOLERANCE = 1e-3
"""Largest departure of the direction cosines from unit length and a right angle, no unit."""

MAX_SPACING_MM, MAX_POSITION_MM = 100.0, 1e5
"""No scanner is larger."""

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_CLASSIC = {_STORAGE + "2": "CT", _STORAGE + "4": "MR", _STORAGE + "128": "PT"}
_SECONDARY = {_STORAGE + end for end in ("7", "7.1", "7.2", "7.3", "7.4")}

_SYNTAX = "1.2.840.10008.1.2"
LOSSY_SYNTAXES = {_SYNTAX + end for end in (".4.50", ".4.51", ".4.81", ".4.91", ".4.203")}
"""Transfer syntaxes that do not keep every pixel."""

_LOSSLESS_SYNTAXES = {_SYNTAX + end for end in ("", ".1", ".1.99", ".2", ".5")} | {
    _SYNTAX + end for end in (".4.57", ".4.70", ".4.80", ".4.90", ".4.201", ".4.202")
}
_JPEG_EXTENDED = _SYNTAX + ".4.51"
CODECS_EXTRA = "gpl-codecs"
"""The extra of medcl that adds the one codec which is not free enough to come by default."""

_HAS_LIBJPEG = find_spec("libjpeg") is not None


Check = Callable[[SliceHeader], str | None]


def _pixel_truncated(header: SliceHeader) -> str | None:
    known = {*_CLASSIC, *ENHANCED_CLASSES, ""}
    if header.is_whole or header.sop_class not in known or not header.modality:
        return None
    return "The file is cut or damaged before the end of its pixels, or an element stands twice."


def _too_deep(header: SliceHeader) -> str | None:
    return "Sequences are nested too deeply." if header.is_too_deep else None


def _label_object(header: SliceHeader) -> str | None:
    if header.sop_class in LABEL_CLASSES:
        return "A label object: add it with `medcl labels add`."
    return None


def _not_image(header: SliceHeader) -> str | None:
    if header.rows > 0 and header.columns > 0:
        return None
    return "A DICOM object without rows and columns."


def _secondary_capture(header: SliceHeader) -> str | None:
    is_screen = {"SCREEN SAVE", "SCREENSAVE", "SCREENSHOT"}.intersection(header.image_type)
    if header.sop_class in _SECONDARY or is_screen:
        return "A secondary capture or screen save."
    return None


def _unsupported_modality(header: SliceHeader) -> str | None:
    # Some anonymisers empty every UID; the modality then has to do.
    known = _CLASSIC | ENHANCED_CLASSES
    expected = known.get(header.sop_class) if header.sop_class else header.modality
    if header.modality in _CLASSIC.values() and header.modality == expected:
        return None
    return "Neither a CT, an MR nor a PET image."


def _multi_frame(header: SliceHeader) -> str | None:
    if header.num_frames > 1 and header.sop_class not in ENHANCED_CLASSES:
        return f"{header.num_frames} frames in one file, and nothing that says where each lies."
    if "MOSAIC" in header.image_type:
        return "A mosaic: the planes of a volume side by side in one image."
    return None


def _colour(header: SliceHeader) -> str | None:
    if header.num_samples == 1 and header.photometric in ("MONOCHROME1", "MONOCHROME2"):
        return None
    return f"{header.num_samples} samples per pixel, or a palette."


def _localizer(header: SliceHeader) -> str | None:
    if {"LOCALIZER", "SCOUT"}.intersection(header.image_type):
        return "Marked as a localizer."
    return None


def _derived(header: SliceHeader) -> str | None:
    return "Marked as derived." if header.image_type[:1] == ("DERIVED",) else None


def _burned_in(header: SliceHeader) -> str | None:
    return "Marked as holding burned-in text." if header.is_burned_in else None


def _no_geometry(header: SliceHeader) -> str | None:
    if header.position_mm is None or header.orientation is None:
        return "Position or orientation is missing or malformed."
    if header.pixel_spacing_mm is None or min(header.pixel_spacing_mm) <= 0:
        return "Pixel spacing is missing or not positive."
    if max(header.pixel_spacing_mm) > MAX_SPACING_MM or not all(
        abs(mm) < MAX_POSITION_MM for mm in header.position_mm
    ):
        return "Position or pixel spacing is larger than a patient."
    row, column = np.reshape(header.orientation, (2, 3))
    departure = max(abs(row @ row - 1), abs(column @ column - 1), abs(row @ column))
    if departure > COSINE_TOLERANCE:
        return f"Direction cosines depart by {departure:.3g} from a right angle of unit vectors."
    return None


def _rescale_missing(header: SliceHeader) -> str | None:
    if header.modality != "CT":
        return None
    if header.slope is None or header.intercept is None or header.slope == 0:
        return "Slope or intercept is missing, malformed or zero."
    return None if header.rescale_type in ("", "HU") else "The rescaled values are not in HU."


def _suv_input_missing(header: SliceHeader) -> str | None:
    if header.modality != "PT":
        return None
    if header.units not in ("BQML", "CNTS", "GML"):
        return "The unit of the values is none of BQML, CNTS and GML."
    if header.slope is None or header.intercept is None:
        return "Slope or intercept is missing or malformed."
    return None


def _unsupported_syntax(header: SliceHeader) -> str | None:
    if header.syntax == _JPEG_EXTENDED and header.bits_stored > 8 and not _HAS_LIBJPEG:
        return (
            f"JPEG extended with {header.bits_stored} bits; pip install 'medcl[{CODECS_EXTRA}]' "
            "adds its decoder, which is under the GPL."
        )
    if not header.syntax or header.syntax in _LOSSLESS_SYNTAXES | LOSSY_SYNTAXES:
        return None
    return "The transfer syntax has no codec here."


def _impossible_bits(header: SliceHeader) -> str | None:
    """Return what contradicts PS3.3, C.7.6.3.1.1 and 8.1.1: the highest bit is the last stored one.

    Where it is not, one of the numbers is damaged, and readers disagree which bits are the value.
    """
    stored, allocated, high = header.bits_stored, header.bits_allocated, header.high_bit
    if allocated in (8, 16, 32) and 1 <= stored == high + 1 <= allocated:
        return None
    return f"{stored} bits stored up to bit {high} of {allocated} allocated."


def _limit_exceeded(header: SliceHeader) -> str | None:
    if header.rows * header.columns <= MAX_PLANE_PIXELS:
        return None
    return f"{header.rows} x {header.columns} pixels; at most {MAX_PLANE_PIXELS} are read."


_CHECKS: tuple[tuple[ReasonCode, Check], ...] = (
    (ReasonCode.LIMIT_EXCEEDED, _too_deep),
    (ReasonCode.PIXEL_TRUNCATED, _pixel_truncated),
    (ReasonCode.LABEL_OBJECT, _label_object),
    (ReasonCode.NOT_IMAGE, _not_image),
    (ReasonCode.SECONDARY_CAPTURE, _secondary_capture),
    (ReasonCode.UNSUPPORTED_MODALITY, _unsupported_modality),
    (ReasonCode.MULTI_FRAME, _multi_frame),
    (ReasonCode.COLOUR, _colour),
    (ReasonCode.LOCALIZER, _localizer),
    (ReasonCode.DERIVED, _derived),
    (ReasonCode.BURNED_IN, _burned_in),
    (ReasonCode.NO_GEOMETRY, _no_geometry),
    (ReasonCode.RESCALE_MISSING, _rescale_missing),
    (ReasonCode.SUV_INPUT_MISSING, _suv_input_missing),
    (ReasonCode.UNSUPPORTED_SYNTAX, _unsupported_syntax),
    (ReasonCode.DECODE_FAILED, _impossible_bits),
    (ReasonCode.LIMIT_EXCEEDED, _limit_exceeded),
)


def check_slice(
    header: SliceHeader, *, accept: frozenset[ReasonCode] = frozenset()
) -> RefusedSeries | None:
    """Return why a slice cannot be part of a volume, or ``None`` if it can.

    What the file is comes first, then whether it may be used, then whether it can be read: the
    reason named is the first one, and it does not depend on the other slices.

    Args:
        header: The slice.
        accept: Reasons to overlook, out of `medcl.io.refusal.ACCEPTABLE`.

    Returns:
        A refusal or ``None``.
    """
    for code, check in _CHECKS:
        detail = None if code in accept else check(header)
        if detail is not None:
            return RefusedSeries(code, detail)
    return None
