"""What ingest must know of one slice, read before its pixels."""

import math
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from medcl.io.dicom_file import read_elements
from medcl.io.quiet import quiet

_KEYWORDS = (
    *("SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality"),
    *("IssuerOfPatientID", "PatientID", "StudyInstanceUID", "SeriesInstanceUID"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "RescaleSlope", "RescaleIntercept", "RescaleType"),
    *("Units", "BurnedInAnnotation"),
)
_TAGS = [tag for tag in map(tag_for_keyword, _KEYWORDS) if tag is not None]


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class SliceHeader:
    """The elements of one image file that decide what it is and where it lies.

    It holds identifiers: it is never printed, logged or stored.

    Attributes:
        patient_id: *Patient ID*, empty if absent.
        issuer: *Issuer of Patient ID*, empty if absent.
        study_uid: *Study Instance UID*, empty if absent.
        series_uid: *Series Instance UID*, empty if absent.
        sop_class: *SOP Class UID*, else that of the file meta information, else empty.
        syntax: *Transfer Syntax UID*, empty if absent.
        modality: *Modality*, empty if absent.
        image_type: Values of *Image Type*, upper case.
        photometric: *Photometric Interpretation*, empty if absent.
        num_samples: *Samples per Pixel*; 1 if absent.
        num_frames: *Number of Frames*; 1 if absent.
        rows: *Rows*; 0 if absent.
        columns: *Columns*; 0 if absent.
        bits_stored: *Bits Stored*; 0 if absent.
        position_mm: *Image Position (Patient)*, LPS+ mm.
        orientation: *Image Orientation (Patient)*, direction cosines of a row, then of a column.
        pixel_spacing_mm: *Pixel Spacing*: between rows, then between columns.
        slope: *Rescale Slope*.
        intercept: *Rescale Intercept*.
        rescale_type: *Rescale Type*, empty if absent.
        units: *Units* (PET), empty if absent.
        is_burned_in: *Burned In Annotation* is YES.
        is_whole: The file reaches to the end of its pixels.
        is_bare: The file has no preamble.
    """

    patient_id: str
    issuer: str
    study_uid: str
    series_uid: str
    sop_class: str
    syntax: str
    modality: str
    image_type: tuple[str, ...]
    photometric: str
    num_samples: int
    num_frames: int
    rows: int
    columns: int
    bits_stored: int
    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing_mm: tuple[float, ...] | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    units: str
    is_burned_in: bool
    is_whole: bool
    is_bare: bool


def read_slice_header(path: Path, *, bare: bool = False) -> SliceHeader:
    """Return the header of one DICOM file.

    Args:
        path: A DICOM file.
        bare: The file has no preamble; it is parsed nevertheless.

    Returns:
        The header; missing or malformed elements are empty, 0 or ``None``.

    Raises:
        RefusedSeries: The file cannot be parsed.
    """
    elements, is_whole = read_elements(path, tags=_TAGS, bare=bare)
    return slice_header(elements, is_whole=is_whole, is_bare=bare)


def slice_header(elements: Dataset, *, is_whole: bool, is_bare: bool = False) -> SliceHeader:
    """Return the header held by parsed elements.

    Args:
        elements: A data set with its file meta information.
        is_whole: The file reaches to the end of its pixels.
        is_bare: The file has no preamble.

    Returns:
        The header.

    Example:
        >>> elements = Dataset()
        >>> elements.Rows, elements.PixelSpacing = 512, [0.5, 0.5]
        >>> header = slice_header(elements, is_whole=True)
        >>> header.rows, header.columns, header.pixel_spacing_mm
        (512, 0, (0.5, 0.5))
    """
    with quiet():
        meta = getattr(elements, "file_meta", Dataset())
        slope, intercept = (
            (numbers(elements, keyword, 1) or (None,))[0]
            for keyword in ("RescaleSlope", "RescaleIntercept")
        )
        return SliceHeader(
            patient_id=text(elements, "PatientID"),
            issuer=text(elements, "IssuerOfPatientID"),
            study_uid=text(elements, "StudyInstanceUID"),
            series_uid=text(elements, "SeriesInstanceUID"),
            sop_class=text(elements, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID"),
            syntax=text(meta, "TransferSyntaxUID"),
            modality=text(elements, "Modality").upper(),
            image_type=words(elements, "ImageType"),
            photometric=text(elements, "PhotometricInterpretation").upper(),
            num_samples=_count(elements, "SamplesPerPixel", 1),
            num_frames=_count(elements, "NumberOfFrames", 1),
            rows=_count(elements, "Rows", 0),
            columns=_count(elements, "Columns", 0),
            bits_stored=_count(elements, "BitsStored", 0),
            position_mm=numbers(elements, "ImagePositionPatient", 3),
            orientation=numbers(elements, "ImageOrientationPatient", 6),
            pixel_spacing_mm=numbers(elements, "PixelSpacing", 2),
            slope=slope,
            intercept=intercept,
            rescale_type=text(elements, "RescaleType").upper(),
            units=text(elements, "Units").upper(),
            is_burned_in=text(elements, "BurnedInAnnotation").upper() == "YES",
            is_whole=is_whole,
            is_bare=is_bare,
        )


def words(elements: Dataset, keyword: str) -> tuple[str, ...]:
    """Return the values of a multi-valued text element, trimmed, upper case."""
    return tuple(part.strip().upper() for part in text(elements, keyword).split("\\"))


def text(elements: Dataset, keyword: str) -> str:
    """Return an element as trimmed text, values joined by a backslash, or empty text."""
    value = _value(elements, keyword)
    if value is None:
        return ""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return str(value).strip(" \0")
    return "\\".join(str(part).strip(" \0") for part in value)


def numbers(elements: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return an element as finite numbers, or ``None`` if it does not hold just ``count``."""
    try:
        found = tuple(float(part) for part in text(elements, keyword).split("\\"))
    except ValueError:
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def _count(elements: Dataset, keyword: str, absent: int) -> int:
    found = numbers(elements, keyword, 1)
    return absent if found is None else int(found[0])


def _value(elements: Dataset, keyword: str) -> object:
    try:
        return elements.get(keyword)
    except Exception:  # noqa: BLE001 (pydicom converts lazily; a malformed value counts as absent)
        return None
