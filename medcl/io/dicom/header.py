"""Elements of a DICOM file → headers of its planes. Malformed elements count as absent."""

from pathlib import Path
from typing import TYPE_CHECKING

from medcl.io.dicom.classes import ENHANCED_CLASSES
from medcl.io.dicom.plain import PlainElements, read_plain
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.dicom.tags import TAGS
from medcl.io.dicom.values import Readable, meta_of, number, numbers, text, words
from medcl.io.quiet import quiet

if TYPE_CHECKING:
    from medcl.io.dicom.file import Elements

_KEYWORDS = (
    *("SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality"),
    *("IssuerOfPatientID", "PatientID", "StudyInstanceUID", "SeriesInstanceUID"),
    *("FrameOfReferenceUID", "ConvolutionKernel", "ContentTime", "AcquisitionTime"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "Units", "BurnedInAnnotation"),
    *("TemporalPositionIdentifier", "TemporalPositionIndex", "TriggerTime", "AcquisitionNumber"),
    *("NominalCardiacTriggerDelayTime", "EchoNumbers", "EchoTime"),
    *("DiffusionBValue", "DiffusionGradientOrientation", "StackID"),
)
_PRIVATE_DIFFUSION = {
    (0x0019, "SIEMENS MR HEADER"): (0x0C, 0x0E),
    (0x0043, "GEMS_PARM_01"): (0x39,),
    (0x2001, "Philips Imaging DD 001"): (0x03,),
}
"""Group and private creator → elements of b-value and gradient, by the makers' statements."""

_BLOCK = 0x10
_TAGS = [
    *(TAGS[keyword] for keyword in _KEYWORDS),
    *(group << 16 | _BLOCK for group, _ in _PRIVATE_DIFFUSION),
    *(
        group << 16 | _BLOCK << 8 | element
        for (group, _), elements in _PRIVATE_DIFFUSION.items()
        for element in elements
    ),
]
_PLAIN_TAGS = frozenset(_TAGS)


def plain_header(path: Path) -> SliceHeader | None:
    """Return the header of a classic image in a plain file, or ``None`` where it takes pydicom.

    Args:
        path: Any file.

    Returns:
        What `read_slice_headers` would give.
    """
    elements = read_plain(path, _PLAIN_TAGS)
    if elements is None:
        return None
    header = slice_header(elements)
    return None if header.sop_class in ENHANCED_CLASSES else header


def read_slice_headers(path: Path, *, bare: bool = False) -> list[SliceHeader]:
    """Return the headers of one DICOM file: one of a classic image, one per frame of an Enhanced.

    Args:
        path: A DICOM file.
        bare: The file has no preamble; it is parsed nevertheless.

    Returns:
        At least one header; missing or malformed elements are empty, 0 or ``None``.

    Raises:
        RefusedSeries: The file cannot be parsed.
    """
    # Here, because they take pydicom, and an archive of plain files needs it never.
    from medcl.io.dicom.enhanced import frame_headers
    from medcl.io.dicom.file import read_elements

    header = slice_header(read_elements(path, tags=_TAGS, bare=bare), is_bare=bare)
    if header.sop_class not in ENHANCED_CLASSES or not header.is_whole:
        return [header]
    return frame_headers(read_elements(path, tags=None, bare=bare).dataset, header)


def slice_header(elements: "Elements | PlainElements", *, is_bare: bool = False) -> SliceHeader:
    """Return the header held by parsed elements.

    Args:
        elements: What stands before the pixels of a file.
        is_bare: The file has no preamble.

    Returns:
        The header; of an Enhanced object what all of its frames share.

    Example:
        >>> from medcl.io.dicom.file import Elements
        >>> from pydicom.dataset import FileDataset
        >>> dataset = FileDataset("", {})
        >>> dataset.Rows, dataset.PixelSpacing = 512, [0.5, 0.5]
        >>> header = slice_header(Elements(dataset, is_whole=True))
        >>> header.rows, header.columns, header.pixel_spacing_mm
        (512, 0, (0.5, 0.5))
    """
    if isinstance(elements, PlainElements):
        return _header(elements, elements, is_bare=is_bare)
    with quiet():
        return _header(elements, elements.dataset, is_bare=is_bare)


def _header(
    elements: "Elements | PlainElements", dataset: Readable, *, is_bare: bool
) -> SliceHeader:
    meta = meta_of(dataset)
    bits_stored = _count(dataset, "BitsStored", 0)
    return SliceHeader(
        patient_id=text(dataset, "PatientID"),
        issuer=text(dataset, "IssuerOfPatientID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        instance_uid=text(dataset, "SOPInstanceUID"),
        frame_of_reference=text(dataset, "FrameOfReferenceUID"),
        sop_class=text(dataset, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID"),
        syntax=text(meta, "TransferSyntaxUID"),
        modality=text(dataset, "Modality").upper(),
        image_type=words(dataset, "ImageType"),
        kernel=text(dataset, "ConvolutionKernel"),
        photometric=text(dataset, "PhotometricInterpretation").upper(),
        num_samples=_count(dataset, "SamplesPerPixel", 1),
        num_frames=_count(dataset, "NumberOfFrames", 1),
        frame=0,
        rows=_count(dataset, "Rows", 0),
        columns=_count(dataset, "Columns", 0),
        bits_allocated=_count(dataset, "BitsAllocated", 0),
        bits_stored=bits_stored,
        high_bit=_count(dataset, "HighBit", bits_stored - 1),
        is_signed=_count(dataset, "PixelRepresentation", 0) == 1,
        position_mm=numbers(dataset, "ImagePositionPatient", 3),
        orientation=numbers(dataset, "ImageOrientationPatient", 6),
        pixel_spacing_mm=numbers(dataset, "PixelSpacing", 2),
        slope=number(dataset, "RescaleSlope"),
        intercept=number(dataset, "RescaleIntercept"),
        rescale_type=text(dataset, "RescaleType").upper(),
        units=text(dataset, "Units").upper(),
        padding=number(dataset, "PixelPaddingValue"),
        padding_limit=number(dataset, "PixelPaddingRangeLimit"),
        is_burned_in=text(dataset, "BurnedInAnnotation").upper() == "YES",
        is_whole=elements.is_whole,
        is_too_deep=elements.is_too_deep,
        is_bare=is_bare,
        pixels_at=elements.pixels_at,
        pixel_bytes=elements.pixel_bytes,
        soft=_soft_words(dataset),
        content_time=_seconds(text(dataset, "ContentTime") or text(dataset, "AcquisitionTime")),
    )


def _soft_words(dataset: Readable) -> tuple[str, ...]:
    temporal = text(dataset, "TemporalPositionIdentifier") or text(dataset, "TemporalPositionIndex")
    diffusion = text(dataset, "DiffusionBValue") + text(dataset, "DiffusionGradientOrientation")
    echo = text(dataset, "EchoNumbers") + " " + text(dataset, "EchoTime")
    trigger = text(dataset, "TriggerTime") or text(dataset, "NominalCardiacTriggerDelayTime")
    return (
        text(dataset, "StackID"),
        temporal,
        diffusion or _private_diffusion(dataset),
        echo.strip(),
        trigger,
        text(dataset, "AcquisitionNumber"),
        "",
    )


def _private_diffusion(dataset: Readable) -> str:
    for (group, creator), elements in _PRIVATE_DIFFUSION.items():
        if text(dataset, group << 16 | _BLOCK) == creator:
            found = (text(dataset, group << 16 | _BLOCK << 8 | one) for one in elements)
            return " ".join(found).strip()
    return ""


def _seconds(time: str) -> float | None:
    """Return a DICOM time (HHMMSS.FFFFFF) as seconds since midnight."""
    digits = time.replace(":", "")
    try:
        hours, minutes, seconds = int(digits[:2]), int(digits[2:4] or 0), float(digits[4:] or 0)
    except ValueError:
        return None
    return 3600.0 * hours + 60.0 * minutes + seconds


def _count(elements: Readable, keyword: str, absent: int) -> int:
    found = number(elements, keyword)
    return absent if found is None else int(found)
