"""When a PET scan began, for the dose that was left then; times that contradict are refused.

References:
    QIBA FDG-PET/CT committee, "Vendor-neutral pseudo-code for SUV calculation", robust version;
    DICOM PS3.3, C.8.9.4 for *Frame Reference Time*.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple, NoReturn

from medcl.io.dicom.pet_facts import PetFacts
from medcl.io.refusal import ReasonCode, RefusedSeries

TOLERANCE_HALF_LIVES = 0.01
"""Times that differ by less agree: the SUV changes by 0.7 %. For F-18 it is 66 seconds."""

_CLOCK_STEP_S = 1.0
_SERIES_WIDE_TIMES = {"series_s": "SeriesTime", "ge_scan_s": "The private time of the scan"}


def scan_start_s(slices: Sequence[PetFacts], half_life_s: float) -> float:
    """Return the moment to which a series with *Decay Correction* START was corrected.

    The rules of the pseudo-code, in its order: the time of the series, unless a frame began before
    it (the series was then made anew, and carries the time of that); GE's private time; the moment
    from which *Frame Reference Time* counts, which holds even where the first frame is missing or
    not the start; the first frame.

    Args:
        slices: Facts of all slices of one series.
        half_life_s: Of the radionuclide, s.

    Returns:
        Seconds, counted as the times in the facts are.

    Raises:
        RefusedSeries: A time is missing, or two contradict each other.
    """
    check_agreement(slices, _SERIES_WIDE_TIMES)
    first, frames = slices[0], [_frame(facts) for facts in slices]
    earliest_s = min(frame.start_s for frame in frames)
    if first.series_s is None:
        refuse("SeriesDate or SeriesTime is missing or malformed.")
    if first.series_s <= earliest_s:
        start_s = first.series_s
    elif first.ge_scan_s is not None:
        start_s = first.ge_scan_s
    elif first.manufacturer != "ge" and all(frame.reference_s > 0 for frame in frames):
        start_s = _traced_start_s(frames, half_life_s)
    else:
        start_s = earliest_s
    apart_s = tolerance_s(half_life_s)
    if first.ge_scan_s is not None and abs(start_s - first.ge_scan_s) > apart_s:
        refuse("SeriesTime and the private time of the scan differ.")
    _check_start(start_s, frames, apart_s)
    return start_s


class _Frame(NamedTuple):
    """When a frame began, how long it took, and its reference; that is 0 or less if not told."""

    start_s: float
    duration_s: float
    reference_s: float


def _frame(facts: PetFacts) -> _Frame:
    if facts.acquisition_s is None:
        refuse("AcquisitionDate or AcquisitionTime is missing or malformed.")
    duration_s = (facts.frame_duration_ms or 0.0) / 1000
    reference_s = (facts.frame_reference_ms or 0.0) / 1000
    return _Frame(facts.acquisition_s, duration_s, reference_s if duration_s > 0 else 0.0)


def _traced_start_s(frames: Sequence[_Frame], half_life_s: float) -> float:
    """Return the moment from which the *Frame Reference Time* of all frames counts.

    It counts to the moment of the mean count rate; GE counts to the beginning of the frame.
    """
    starts_s = [
        frame.start_s - frame.reference_s + _mean_rate_s(frame.duration_s, half_life_s)
        for frame in frames
    ]
    if max(starts_s) - min(starts_s) > tolerance_s(half_life_s):
        refuse("AcquisitionTime and FrameReferenceTime tell several starts of the scan.")
    return median(starts_s)


def _mean_rate_s(duration_s: float, half_life_s: float) -> float:
    """Return when within a frame the count rate is its mean, after PS3.3, C.8.9.4.1.5."""
    decay = math.log(2) * duration_s / half_life_s
    return duration_s / decay * math.log(decay / -math.expm1(-decay))


def _check_start(start_s: float, frames: Sequence[_Frame], apart_s: float) -> None:
    """Refuse a start after a frame, or from which a reference does not lie within its frame.

    Manufacturers take different moments of the frame as its reference, but none outside it.
    """
    if any(start_s > frame.start_s + apart_s for frame in frames):
        refuse("The private time of the scan, or FrameReferenceTime, contradicts AcquisitionTime.")
    told = [frame for frame in frames if frame.reference_s > 0]
    into_frames_s = [start_s + frame.reference_s - frame.start_s for frame in told]
    num_outside = sum(
        not -apart_s <= into_frame_s <= frame.duration_s + apart_s
        for into_frame_s, frame in zip(into_frames_s, told, strict=True)
    )
    if num_outside:
        refuse(
            f"SeriesTime, AcquisitionTime and FrameReferenceTime contradict each other in "
            f"{num_outside} of {len(frames)} slices."
        )


def check_agreement(slices: Sequence[PetFacts], fields: dict[str, str]) -> None:
    """Refuse slices of which some say something else than the first.

    Args:
        slices: Facts of all slices of one series.
        fields: Field of the facts → keyword of the standard.

    Raises:
        RefusedSeries: They do.
    """
    for field, keyword in fields.items():
        expected = getattr(slices[0], field)
        num_others = sum(getattr(facts, field) != expected for facts in slices)
        if num_others:
            refuse(f"{keyword} differs in {num_others} of {len(slices)} slices.")


def tolerance_s(half_life_s: float) -> float:
    """Return by how much two times of one moment may differ, seconds."""
    # Times without fractions are a second apart from the same time with them.
    return max(_CLOCK_STEP_S, TOLERANCE_HALF_LIVES * half_life_s)


def refuse(detail: str) -> NoReturn:
    """Refuse a series whose SUV cannot be told.

    Raises:
        RefusedSeries: Always.
    """
    raise RefusedSeries(ReasonCode.SUV_INPUT_MISSING, detail)
