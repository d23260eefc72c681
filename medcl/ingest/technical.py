"""Header of a slice → the allow-listed technical fields."""

import re
from typing import Literal, cast, get_args

from medcl.ingest import vocabulary
from medcl.ingest.outcome import AgeBand, PatientPosition, Sequence, Technical
from medcl.io.dicom.checks import LOSSY_SYNTAXES
from medcl.io.dicom.plain import PlainElements
from medcl.io.dicom.values import Readable, holds, meta_of, numbers, text, words
from medcl.io.quiet import quiet

_DESCRIPTIONS = ("SeriesDescription", "ProtocolName", "StudyDescription")
_OLDEST_BAND = 90
_LARGEST_B_VALUE = 20_000.0
_YEARS_PER_UNIT = {"Y": 1.0, "M": 1 / 12, "W": 1 / 52, "D": 1 / 365}


def technical_of(
    elements: Readable,
    *,
    jitter_mm: float | None = None,
    tilt_degrees: float | None = None,
    keep_demographics: bool = False,
) -> Technical:
    """Return what may be known of a series.

    Args:
        elements: All that stands before the pixels of one of its planes; of a frame of an Enhanced
            object as `medcl.io.dicom.enhanced.flattened` gives it.
        jitter_mm: Largest departure of a slice from the even grid, mm.
        tilt_degrees: Tilt of the gantry, degrees.
        keep_demographics: Keep sex and age band.

    Returns:
        Numbers and words of closed lists; ``None`` where absent, malformed or out of range.

    Example:
        >>> from pydicom.dataset import Dataset
        >>> elements = Dataset()
        >>> elements.Manufacturer, elements.SeriesDescription = "SIEMENS", "THORAX Mr. Smith"
        >>> technical = technical_of(elements)
        >>> technical.manufacturer, technical.body_part
        ('siemens', 'chest')
    """
    with quiet():
        descriptions = [text(elements, keyword) for keyword in _DESCRIPTIONS]
        agent = (
            text(elements, "ContrastBolusAgent") if holds(elements, "ContrastBolusAgent") else None
        )
        position = text(elements, "PatientPosition").upper()
        is_mr = text(elements, "Modality").upper() == "MR"
        return Technical(
            body_part=vocabulary.body_part([text(elements, "BodyPartExamined"), *descriptions]),
            manufacturer=vocabulary.manufacturer(text(elements, "Manufacturer")),
            patient_position=cast(
                "PatientPosition | None",
                position if position in get_args(PatientPosition) else None,
            ),
            slice_thickness_mm=_number(elements, "SliceThickness", 0.0, 100.0),
            slice_jitter_mm=None if jitter_mm is None else round(jitter_mm, 4),
            lossy=_is_lossy(elements),
            derived=words(elements, "ImageType")[:1] == ("DERIVED",),
            contrast=vocabulary.names_contrast(agent),
            kvp=_number(elements, "KVP", 10.0, 400.0),
            kernel=vocabulary.kernel(text(elements, "ConvolutionKernel")),
            field_strength_t=_field_strength_t(elements),
            echo_time_ms=_number(elements, "EchoTime", 0.0, 10_000.0),
            repetition_time_ms=_number(elements, "RepetitionTime", 0.0, 100_000.0),
            inversion_time_ms=_number(elements, "InversionTime", 0.0, 100_000.0),
            flip_angle_deg=_number(elements, "FlipAngle", 0.0, 360.0),
            sequence=_sequence(elements),
            acquisition_3d={"2D": False, "3D": True}.get(text(elements, "MRAcquisitionType")),
            weighting=vocabulary.weighting(descriptions) if is_mr else None,
            b_value_s_mm2=_b_value(elements) if is_mr else None,
            tracer=vocabulary.tracer(_tracer_text(elements)),
            tilt_deg=None if tilt_degrees is None else round(tilt_degrees, 3),
            orientation_source="scanner",
            sex=_sex(elements) if keep_demographics else None,
            age_band=_age_band(elements) if keep_demographics else None,
        )


def _number(elements: Readable, keyword: str, low: float, high: float) -> float | None:
    found = numbers(elements, keyword, 1)
    return found[0] if found is not None and low <= found[0] <= high else None


def _field_strength_t(elements: Readable) -> float | None:
    found = _number(elements, "MagneticFieldStrength", 0.0, 200_000.0)
    if found is None:
        return None
    # Some makers write gauss.
    tesla = found / 10_000 if found > 100 else found
    return tesla if tesla <= 20 else None


def _b_value(elements: Readable) -> float | None:
    found = _number(elements, "DiffusionBValue", 0.0, _LARGEST_B_VALUE)
    if found is None and text(elements, 0x00190010) == "SIEMENS MR HEADER":
        try:
            found = float(text(elements, 0x0019100C))
        except ValueError:
            return None
    return found if found is not None and 0 <= found <= _LARGEST_B_VALUE else None


def _tracer_text(elements: Readable) -> str:
    if isinstance(elements, PlainElements):
        return ""  # a file with a sequence among the elements that are kept is not plain
    try:
        items = list(elements.get("RadiopharmaceuticalInformationSequence") or [])
    except Exception:  # noqa: BLE001 (pydicom converts lazily; a malformed sequence counts as absent)
        return ""
    return text(items[0], "Radiopharmaceutical") if len(items) == 1 else ""


def _sequence(elements: Readable) -> Sequence | None:
    found = words(elements, "ScanningSequence")[0]
    if not found:
        return None
    return cast("Sequence", found if found in get_args(Sequence) else "other")


def _is_lossy(elements: Readable) -> bool:
    syntax = text(meta_of(elements), "TransferSyntaxUID")
    return syntax in LOSSY_SYNTAXES or text(elements, "LossyImageCompression") == "01"


def _sex(elements: Readable) -> Literal["F", "M"] | None:
    found = text(elements, "PatientSex").upper()
    return cast("Literal['F', 'M']", found) if found in ("F", "M") else None


def _age_band(elements: Readable) -> AgeBand | None:
    match = re.fullmatch(r"(\d{1,3})([YMWD])", text(elements, "PatientAge").upper())
    if match is None:
        return None
    years = int(int(match[1]) * _YEARS_PER_UNIT[match[2]])
    if years >= _OLDEST_BAND:
        return "90+"
    for band in get_args(AgeBand)[:-1]:
        low, high = band.split("-")
        if int(low) <= years <= int(high):
            return cast("AgeBand", band)
    return None
