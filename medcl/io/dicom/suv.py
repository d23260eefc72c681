"""SUV by body weight, after the vendor-neutral pseudo-code of QIBA.

An SUV is a dose ratio: one moment, dose or weight read wrongly scales the whole image, and nothing
in the image shows it. What is missing, impossible or contradictory is therefore refused.

References:
    QIBA FDG-PET/CT committee, "Vendor-neutral pseudo-code for SUV calculation", happy path and
    robust version (version of 2018-06-26; Appendix G of the QIBA FDG-PET/CT profile 1.13). DICOM
    PS3.3, C.8.9.1 for *Units* (0054,1001), *Decay Correction* (0054,1102) and *Corrected Image*
    (0028,0051), C.8.9.2 for dose and half-life, C.8.9.4 for *Frame Reference Time*. Errors of
    other programs, up to a third and mostly from times: Fritsak et al., arXiv:2410.13348.
"""

from collections.abc import Sequence

from medcl.io.dicom.pet_facts import DAY_S, PetFacts
from medcl.io.dicom.pet_start import check_agreement, refuse, scan_start_s, tolerance_s

WEIGHT_KG = (0.5, 400.0)
"""Weights of people; grams lie above."""

DOSE_BQ = (1e6, 1e11)
"""Doses of people; a dose given in MBq, kBq, mCi or uCi lies below."""

HALF_LIFE_S = (60.0, 1e8)
"""From Rb-82, 76 seconds, to Na-22, 2.6 years; minutes or hours of F-18 or C-11 lie below, or make
the delay too long."""

MAX_HALF_LIVES = 6.0
"""Longest delay from injection to scan, in half-lives: 1.6 % of the dose is left then, too little
for an image, so a longer delay is a wrong time. 11 hours for F-18, 20 days for Zr-89."""

_SERIES_WIDE = {
    "units": "Units",
    "decay_correction": "DecayCorrection",
    "suv_type": "SUVType",
    "weight_kg": "PatientWeight",
    "dose_bq": "RadionuclideTotalDose",
    "half_life_s": "RadionuclideHalfLife",
    "injection_s": "RadiopharmaceuticalStartDateTime",
    "injection_clock_s": "RadiopharmaceuticalStartTime",
}


def suv_factor(*, weight_kg: float, dose_bq: float, num_half_lives: float) -> float:
    r"""Return what turns an activity concentration into an SUV.

    With weight :math:`w`, injected dose :math:`D` and :math:`n` half-lives from the injection to
    the moment the image was decay corrected to,

    .. math:: \mathrm{SUV_{bw}} = c \, \frac{1000 \, w}{D \, 2^{-n}} .

    Args:
        weight_kg: Weight of the patient, kg.
        dose_bq: Activity at the time of the injection, Bq.
        num_half_lives: Delay in half-lives; 0 if the image was corrected to the injection.

    Returns:
        The factor, g/ml per Bq/ml.

    Example:
        70 kg and 350 MBq, one half-life later: 70000 g / 175000000 Bq.

        >>> suv_factor(weight_kg=70.0, dose_bq=350e6, num_half_lives=1.0)
        0.0004
    """
    return 1000 * weight_kg / (dose_bq * 2**-num_half_lives)


def suv_factors(slices: Sequence[PetFacts]) -> tuple[float, ...]:
    """Return for every slice what turns its rescaled values into SUV by body weight.

    Rescaled values are ``slope * stored + intercept`` with the slope of that very slice; slopes
    differ between slices, and the factors do not depend on them.

    Args:
        slices: Facts of all slices of one series, in any order.

    Returns:
        Factors in the order given, g/ml per unit of *Units*: 1 for values in g/ml already.

    Raises:
        RefusedSeries: An input is missing or impossible, or two contradict each other.

    Example:
        >>> from pydicom.dataset import Dataset
        >>> from medcl.io.dicom.pet_facts import pet_facts
        >>> dataset = Dataset()
        >>> dataset.Units, dataset.DecayCorrection = "GML", "START"
        >>> dataset.CorrectedImage = ["DECY", "ATTN"]
        >>> suv_factors([pet_facts(dataset)] * 2)
        (1.0, 1.0)
        >>> dataset.SUVType = "LBM"
        >>> suv_factors([pet_facts(dataset)])
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: SUV_INPUT_MISSING: Units is GML, and SUVType is not BW.
    """
    if not slices:
        refuse("No slice to compute an SUV of.")
    check_agreement(slices, _SERIES_WIDE)
    _check_corrections(slices)
    _check_units(slices[0])
    match slices[0].units:
        case "GML":
            return (1.0,) * len(slices)
        case "CNTS":
            return _count_factors(slices)
        case _:
            return (_activity_factor(slices),) * len(slices)


def _check_corrections(slices: Sequence[PetFacts]) -> None:
    for facts in slices:
        if "ATTN" not in facts.corrected_image:
            refuse("CorrectedImage does not name ATTN.")
        # The standard writes DECY, the pseudo-code DECAY.
        if not {"DECY", "DECAY"}.intersection(facts.corrected_image):
            refuse("CorrectedImage does not name DECY.")
    if slices[0].decay_correction not in ("START", "ADMIN"):
        refuse("DecayCorrection is neither START nor ADMIN.")


def _check_units(facts: PetFacts) -> None:
    if facts.units not in ("BQML", "CNTS", "GML"):
        refuse("Units is missing or none of BQML, CNTS and GML.")
    if facts.units == "GML" and facts.suv_type not in ("", "BW"):
        refuse("Units is GML, and SUVType is not BW.")


def _count_factors(slices: Sequence[PetFacts]) -> tuple[float, ...]:
    to_suv = [facts.philips_suv_factor or 0.0 for facts in slices]
    if any(to_suv):
        return _positive(to_suv, "The private SUV scale factor")
    to_activity = [facts.philips_activity_factor or 0.0 for facts in slices]
    factors = _positive(to_activity, "The private activity scale factor that Units CNTS needs")
    per_activity = _activity_factor(slices)
    return tuple(factor * per_activity for factor in factors)


def _positive(factors: Sequence[float], name: str) -> tuple[float, ...]:
    num_without = sum(factor <= 0 for factor in factors)
    if num_without:
        refuse(f"{name} is missing or not positive in {num_without} slices.")
    return tuple(factors)


def _activity_factor(slices: Sequence[PetFacts]) -> float:
    first = slices[0]
    if first.has_several_injections:
        refuse("RadiopharmaceuticalInformationSequence has several items.")
    return suv_factor(
        weight_kg=_within(first.weight_kg, WEIGHT_KG, "PatientWeight", "kg"),
        dose_bq=_within(first.dose_bq, DOSE_BQ, "RadionuclideTotalDose", "Bq"),
        num_half_lives=_num_half_lives(slices),
    )


def _within(value: float | None, limits: tuple[float, float], keyword: str, unit: str) -> float:
    low, high = limits
    if value is None or not low < value <= high:
        refuse(f"{keyword} is missing, malformed or not in ({low:g}, {high:g}] {unit}.")
    return value


def _num_half_lives(slices: Sequence[PetFacts]) -> float:
    """Return the delay by which the dose has to be decayed, in half-lives."""
    if slices[0].decay_correction == "ADMIN":
        return 0.0
    half_life_s = _within(slices[0].half_life_s, HALF_LIFE_S, "RadionuclideHalfLife", "s")
    start_s = scan_start_s(slices, half_life_s)
    delay_s = _delay_s(slices[0], start_s, half_life_s)
    # A dynamic scan may start just before the injection.
    if not -tolerance_s(half_life_s) <= delay_s <= MAX_HALF_LIVES * half_life_s:
        refuse(
            f"From the injection to the scan pass less than 0 or more than {MAX_HALF_LIVES:g} "
            "half-lives, by RadiopharmaceuticalStartDateTime or RadiopharmaceuticalStartTime."
        )
    return delay_s / half_life_s


def _delay_s(facts: PetFacts, start_s: float, half_life_s: float) -> float:
    if facts.injection_s is None:
        return _delay_by_clock_s(facts.injection_clock_s, start_s, half_life_s)
    if facts.injection_clock_s is not None:
        apart_s = (facts.injection_s - facts.injection_clock_s + DAY_S / 2) % DAY_S - DAY_S / 2
        if abs(apart_s) > tolerance_s(half_life_s):
            refuse("RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime differ.")
    return start_s - facts.injection_s


def _delay_by_clock_s(clock_s: float | None, start_s: float, half_life_s: float) -> float:
    """Return the delay since the last time that the clock showed the time of the injection.

    That was on the day of the scan or the day before; the day of the series would be wrong for a
    series made anew days later.
    """
    if clock_s is None:
        refuse(
            "RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime are missing, "
            "malformed, or the zone of the former is unknown."
        )
    if MAX_HALF_LIVES * half_life_s >= DAY_S:
        refuse(
            "RadiopharmaceuticalStartDateTime is missing; with this half-life a time of the day "
            "does not tell the day."
        )
    apart_s = tolerance_s(half_life_s)
    return (start_s - clock_s + apart_s) % DAY_S - apart_s
