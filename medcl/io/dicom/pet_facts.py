"""What the SUV of a PET slice depends on, read from its header."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from medcl.io.dicom.values import number, text, words
from medcl.io.quiet import quiet

DAY_S = 86400.0
"""Seconds of a day."""

_GE_CREATOR, _GE_SCAN_TAG = "GEMS_PETD_01", 0x0009000D
_PHILIPS_CREATOR = "Philips PET Private Group"
_PHILIPS_SUV_TAG, _PHILIPS_ACTIVITY_TAG = 0x70530000, 0x70530009

_KEYWORDS = (
    *("Manufacturer", "CorrectedImage", "Units", "SUVType", "DecayCorrection", "PatientWeight"),
    *("SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime", "TimezoneOffsetFromUTC"),
    *("FrameReferenceTime", "ActualFrameDuration", "RadiopharmaceuticalInformationSequence"),
)
_BLOCKS = range(0x10, 0x20)
PET_TAGS: tuple[int, ...] = (
    *(tag for tag in map(tag_for_keyword, _KEYWORDS) if tag is not None),
    *((group << 16) + block for group in (0x0009, 0x7053) for block in _BLOCKS),
    *(
        tag + (block << 8)
        for tag in (_GE_SCAN_TAG, _PHILIPS_SUV_TAG, _PHILIPS_ACTIVITY_TAG)
        for block in _BLOCKS
    ),
)
"""Every element that `pet_facts` looks at; private ones in the first 16 blocks of their group."""

_DATE = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")
_CLOCK = re.compile(r"([0-9]{2}):?([0-9]{2})(?::?([0-9]{2}(?:\.[0-9]*)?))?")
_DATE_TIME = re.compile(r"([0-9]{8})([0-9]{4}(?:[0-9]{2}(?:\.[0-9]*)?)?)([+-][0-9]{4})?")
_ZONE = re.compile(r"([+-])([0-9]{2})([0-9]{2})")
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class PetFacts:
    """The elements of one PET slice that its SUV depends on.

    It holds dates, a weight and a dose: it is never printed, logged or stored. Every field is
    text, a number, a truth value, ``None`` or a tuple of text, so that it can travel as JSON.

    Moments are seconds of the scanner's own clock since an arbitrary midnight: only their
    differences mean something.

    Attributes:
        manufacturer: ``ge``, ``philips`` or ``other``.
        corrected_image: Values of *Corrected Image*, upper case.
        units: *Units*, empty if absent.
        suv_type: *SUV Type*, empty if absent.
        decay_correction: *Decay Correction*, empty if absent.
        series_s: *Series Date* and *Series Time*.
        acquisition_s: *Acquisition Date* and *Acquisition Time*: the start of the frame.
        ge_scan_s: GE's private start of the scan, (0009,xx0D) of GEMS_PETD_01.
        injection_s: *Radiopharmaceutical Start DateTime*.
        injection_clock_s: *Radiopharmaceutical Start Time*, seconds since midnight.
        has_several_injections: *Radiopharmaceutical Information Sequence* has several items; the
            injection, the dose and the half-life are then ``None``.
        half_life_s: *Radionuclide Half Life*.
        dose_bq: *Radionuclide Total Dose*, at the time of the injection.
        weight_kg: *Patient's Weight*.
        frame_reference_ms: *Frame Reference Time*, since the start of the series.
        frame_duration_ms: *Actual Frame Duration*.
        philips_suv_factor: Counts to g/ml, (7053,xx00) of Philips PET Private Group.
        philips_activity_factor: Counts to Bq/ml, (7053,xx09) of Philips PET Private Group.
    """

    manufacturer: str
    corrected_image: tuple[str, ...]
    units: str
    suv_type: str
    decay_correction: str
    series_s: float | None
    acquisition_s: float | None
    ge_scan_s: float | None
    injection_s: float | None
    injection_clock_s: float | None
    has_several_injections: bool
    half_life_s: float | None
    dose_bq: float | None
    weight_kg: float | None
    frame_reference_ms: float | None
    frame_duration_ms: float | None
    philips_suv_factor: float | None
    philips_activity_factor: float | None


def pet_facts(dataset: Dataset) -> PetFacts:
    """Return what the SUV of a slice depends on.

    Nothing is judged here. A time must be given to the minute at least. A *DateTime* with an
    offset from UTC is brought to the scanner's clock by *Timezone Offset From UTC*; without that
    element its relation to the other times is unknown, and it counts as absent.

    Enhanced PET is not covered: it keeps units and times elsewhere and the dose in MBq.

    Args:
        dataset: Elements of a PET slice, at least those of `PET_TAGS`.

    Returns:
        The facts; missing or malformed elements are empty or ``None``.

    References:
        DICOM PS3.3, C.8.9.1 (PET Series), C.8.9.2 (PET Isotope) and C.8.9.4 (PET Image); PS3.5,
        6.2 for DA, TM and DT; Philips' and GE's private elements as named by the QIBA
        pseudo-code, see `medcl.io.dicom.suv`.

    Example:
        >>> dataset = Dataset()
        >>> dataset.Units, dataset.PatientWeight = "BQML", "70"
        >>> dataset.SeriesDate, dataset.SeriesTime = "19700102", "000130.5"
        >>> facts = pet_facts(dataset)
        >>> facts.units, facts.weight_kg, facts.series_s, facts.dose_bq
        ('BQML', 70.0, 86490.5, None)
    """
    with quiet():
        items = _injections(dataset)
        injection = items[0] if len(items) == 1 else Dataset()
        zone_s = _zone_s(text(dataset, "TimezoneOffsetFromUTC"))
        ge_scan = _private(dataset, _GE_CREATOR, _GE_SCAN_TAG)
        return PetFacts(
            manufacturer=_manufacturer(text(dataset, "Manufacturer").upper()),
            corrected_image=words(dataset, "CorrectedImage"),
            units=text(dataset, "Units").upper(),
            suv_type=text(dataset, "SUVType").upper(),
            decay_correction=text(dataset, "DecayCorrection").upper(),
            series_s=_moment_s(dataset, "Series"),
            acquisition_s=_moment_s(dataset, "Acquisition"),
            ge_scan_s=_date_time_s(ge_scan, zone_s),
            injection_s=_date_time_s(text(injection, "RadiopharmaceuticalStartDateTime"), zone_s),
            injection_clock_s=_clock_s(text(injection, "RadiopharmaceuticalStartTime")),
            has_several_injections=len(items) > 1,
            half_life_s=number(injection, "RadionuclideHalfLife"),
            dose_bq=number(injection, "RadionuclideTotalDose"),
            weight_kg=number(dataset, "PatientWeight"),
            frame_reference_ms=number(dataset, "FrameReferenceTime"),
            frame_duration_ms=number(dataset, "ActualFrameDuration"),
            philips_suv_factor=_private_number(dataset, _PHILIPS_CREATOR, _PHILIPS_SUV_TAG),
            philips_activity_factor=_private_number(
                dataset, _PHILIPS_CREATOR, _PHILIPS_ACTIVITY_TAG
            ),
        )


def _injections(dataset: Dataset) -> Sequence[Dataset]:
    try:
        items = dataset.get("RadiopharmaceuticalInformationSequence") or ()
        return [item for item in items if isinstance(item, Dataset)]
    except Exception:  # noqa: BLE001 (pydicom converts lazily; a malformed value counts as absent)
        return []


def _manufacturer(name: str) -> str:
    if re.match(r"GE\b|GEMS\b|GENERAL ELECTRIC\b", name):
        return "ge"
    return "philips" if "PHILIPS" in name else "other"


def _private_number(dataset: Dataset, creator: str, tag: int) -> float | None:
    try:
        found = float(_private(dataset, creator, tag))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _private(dataset: Dataset, creator: str, tag: int) -> str:
    try:
        value = dataset.private_block(tag >> 16, creator)[tag & 0xFF].value
    except Exception:  # noqa: BLE001 (absent, or malformed and found so only now)
        return ""
    # Rewritten as UN by a program that did not know the element, it stays bytes.
    content = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return content.strip(" \0")


def _moment_s(dataset: Dataset, event: str) -> float | None:
    day_s, clock_s = _day_s(text(dataset, f"{event}Date")), _clock_s(text(dataset, f"{event}Time"))
    return None if day_s is None or clock_s is None else day_s + clock_s


def _day_s(value: str) -> float | None:
    found = _DATE.fullmatch(value)
    if found is None:
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
    return (day.toordinal() - _EPOCH) * DAY_S


def _clock_s(value: str) -> float | None:
    found = _CLOCK.fullmatch(value)
    if found is None:
        return None
    hours, minutes, seconds = int(found[1]), int(found[2]), float(found[3] or 0)
    # Second 60 is a leap second.
    is_time = hours < 24 and minutes < 60 and seconds < 61
    return 3600 * hours + 60 * minutes + seconds if is_time else None


def _date_time_s(value: str, zone_s: float | None) -> float | None:
    found = _DATE_TIME.fullmatch(value)
    if found is None:
        return None
    day_s, clock_s = _day_s(found[1]), _clock_s(found[2])
    if day_s is None or clock_s is None:
        return None
    if found[3] is None:
        return day_s + clock_s
    own_zone_s = _zone_s(found[3])
    return None if own_zone_s is None or zone_s is None else day_s + clock_s - own_zone_s + zone_s


def _zone_s(value: str) -> float | None:
    found = _ZONE.fullmatch(value)
    if found is None or int(found[2]) > 14 or int(found[3]) > 59:
        return None
    return float(f"{found[1]}1") * (3600 * int(found[2]) + 60 * int(found[3]))
