"""SUV by body weight: every path of the pseudo-code, and a refusal for every input it lacks.

The slices of these tests show 80 kg and 400 MBq of F-18 injected at 10:00. One half-life of
6586.2 s = 1 h 49 min 46.2 s later, at 11:49:46.2, 200 MBq are left, and the factor is
80000 g / 200000000 Bq = 4e-4; corrected to the injection it is 80000 / 400000000 = 2e-4.
"""

import math

import pydicom
import pytest
from pydicom.dataset import Dataset

from medcl.io.dicom.pet_facts import pet_facts
from medcl.io.dicom.suv import suv_factors
from medcl.io.refusal import ReasonCode, RefusedSeries
from tests.io.pet_slices import break_element, ge_slice, make_slice, philips, with_private

FACTOR, FACTOR_AT_INJECTION = 4e-4, 2e-4
HALF_LIFE_S = 6586.2


def factors(*slices: Dataset) -> tuple[float, ...]:
    return suv_factors([pet_facts(dataset) for dataset in slices])


def factor(**changes: object) -> float:
    return factors(make_slice(**changes))[0]


def refusal(*slices: Dataset) -> str:
    with pytest.raises(RefusedSeries) as caught:
        factors(*slices)
    assert caught.value.code == ReasonCode.SUV_INPUT_MISSING
    assert caught.value.detail.endswith(".")
    return caught.value.detail


def test_after_one_half_life_half_of_the_dose_counts() -> None:
    assert factor() == pytest.approx(FACTOR, rel=1e-9)


def test_fractions_of_a_half_life_count() -> None:
    # 3293.1 s, half of the half-life: 80000 / (4e8 / sqrt(2)) = 2 sqrt(2) 1e-4.
    times = {"SeriesTime": "105453.100000", "AcquisitionTime": "105453.1"}
    assert factor(**times) == pytest.approx(2e-4 * math.sqrt(2), rel=1e-9)


def test_a_value_corrected_to_the_injection_needs_no_time() -> None:
    times = ("SeriesDate", "AcquisitionTime", "RadiopharmaceuticalStartTime")
    without = dict.fromkeys((*times, "RadionuclideHalfLife"))
    assert factor(DecayCorrection="ADMIN", **without) == pytest.approx(FACTOR_AT_INJECTION)


def test_factors_do_not_depend_on_the_slope_of_a_slice() -> None:
    found = factors(*(make_slice(RescaleSlope=slope) for slope in ("0.5", "7", "1e-3")))
    assert found == (found[0],) * 3


@pytest.mark.parametrize(
    "keyword",
    [
        *("CorrectedImage", "Units", "DecayCorrection", "PatientWeight", "RadionuclideTotalDose"),
        *("SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime"),
        *("RadionuclideHalfLife", "RadiopharmaceuticalStartTime"),
    ],
)
@pytest.mark.parametrize("value", [None, "", "?"])
def test_a_missing_or_malformed_input_is_refused_by_its_name(
    keyword: str, value: str | None
) -> None:
    with pydicom.config.disable_value_validation():
        dataset = make_slice(**({} if value == "?" else {keyword: value}))
        if value == "?":
            break_element(dataset, keyword)
    assert keyword in refusal(dataset)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        *(("PatientWeight", value) for value in ("0", "0.5", "-80", "80000")),
        *(("RadionuclideTotalDose", value) for value in ("0", "400", "400000", "-4e8", "4e14")),
        *(("RadionuclideHalfLife", value) for value in ("0", "1.8295", "109.77", "-1", "1e300")),
        *(("SeriesTime", value) for value in ("11", "2460", "116046.2", "114961.5")),
        *(("SeriesDate", value) for value in ("20230229", "2024030", "20241301")),
        *(("RadiopharmaceuticalStartTime", value) for value in ("10", "250000", "100000+0100")),
        *(("CorrectedImage", value) for value in ("ATTN", "DECY", "ATTNDECY")),
        *(("DecayCorrection", value) for value in ("NONE", "BOTH")),
        *(("Units", value) for value in ("CPS", "PROPCPS", "SUV")),
    ],
)
def test_an_impossible_input_is_refused(keyword: str, value: str) -> None:
    with pydicom.config.disable_value_validation():
        refusal(make_slice(**{keyword: value}))


def test_a_dose_in_mbq_is_refused_and_not_rescaled() -> None:
    assert "RadionuclideTotalDose" in refusal(make_slice(RadionuclideTotalDose="400"))


def test_a_slice_without_one_injection_is_refused() -> None:
    dataset = make_slice()
    dataset.RadiopharmaceuticalInformationSequence.append(Dataset())
    assert "several items" in refusal(dataset)
    dataset.RadiopharmaceuticalInformationSequence = []
    assert "RadionuclideTotalDose" in refusal(dataset)
    del dataset.RadiopharmaceuticalInformationSequence
    assert "RadionuclideTotalDose" in refusal(dataset)


@pytest.mark.parametrize(
    ("keyword", "other"),
    [
        *(("PatientWeight", "81"), ("RadionuclideTotalDose", "300000000"), ("Units", "GML")),
        *(("RadionuclideHalfLife", "6588"), ("RadiopharmaceuticalStartTime", "100001")),
        *(("RadiopharmaceuticalStartDateTime", "20240309100000"), ("DecayCorrection", "ADMIN")),
        *(("SeriesTime", "114945"), ("SUVType", "LBM")),
    ],
)
def test_slices_must_agree(keyword: str, other: str) -> None:
    slices = [make_slice(), make_slice(), make_slice(**{keyword: other})]
    assert refusal(*slices) == f"{keyword} differs in 1 of 3 slices."


def test_a_series_without_slices_is_refused() -> None:
    refusal()


def test_an_injection_before_midnight_was_the_day_before() -> None:
    times = {"SeriesTime": "011946.2", "AcquisitionTime": "011946.2"}
    assert factor(RadiopharmaceuticalStartTime="233000", **times) == pytest.approx(FACTOR)
    times = {"SeriesTime": "014946.2", "AcquisitionTime": "014946.2"}
    assert factor(RadiopharmaceuticalStartTime="000000", **times) == pytest.approx(FACTOR)


def test_an_injection_at_the_start_of_the_scan_is_not_a_day_ago() -> None:
    assert factor(RadiopharmaceuticalStartTime="114946.2") == pytest.approx(FACTOR_AT_INJECTION)
    # A dynamic scan that starts 30 s before the injection: the dose would have been larger then.
    expected = FACTOR_AT_INJECTION * 2 ** (-30 / HALF_LIFE_S)
    assert factor(RadiopharmaceuticalStartTime="115016.2") == pytest.approx(expected)
    day = {"RadiopharmaceuticalStartDateTime": "20240309115016.2"}
    assert factor(RadiopharmaceuticalStartTime=None, **day) == pytest.approx(expected)


def test_an_injection_after_the_scan_or_far_before_it_is_refused() -> None:
    assert "half-lives" in refusal(make_slice(RadiopharmaceuticalStartTime="115200"))
    for moment in ("20240309115200", "20240308100000", "20190309100000"):
        changes = {"RadiopharmaceuticalStartDateTime": moment, "RadiopharmaceuticalStartTime": None}
        assert "half-lives" in refusal(make_slice(**changes))


def test_a_long_lived_nuclide_needs_the_day_of_the_injection() -> None:
    # Zr-89, 78.4 h = 282240 s, scanned 3 days 6 h 24 min later: one half-life.
    changes = {"RadionuclideHalfLife": "282240", "RadiopharmaceuticalStartTime": "052546.2"}
    assert "RadiopharmaceuticalStartDateTime" in refusal(make_slice(**changes))
    moment = "20240306052546.2"
    assert factor(RadiopharmaceuticalStartDateTime=moment, **changes) == pytest.approx(FACTOR)


@pytest.mark.parametrize(
    ("moment", "zone"),
    [
        ("20240309100000.00", None),
        ("202403091000", "+0100"),
        ("20240309100000+0100", "+0100"),
        ("20240309090000.000+0000", "+0100"),
        ("20240310000000+1400", "+0000"),
        ("20240308223000-1130", "+0000"),
    ],
)
def test_an_injection_in_another_zone_is_the_same_moment(moment: str, zone: str | None) -> None:
    changes = {"RadiopharmaceuticalStartDateTime": moment, "TimezoneOffsetFromUTC": zone}
    assert factor(RadiopharmaceuticalStartTime=None, **changes) == pytest.approx(FACTOR)


def test_a_zone_that_cannot_be_compared_leaves_the_time_of_the_day() -> None:
    moment = {"RadiopharmaceuticalStartDateTime": "20240309090000+0000"}
    assert factor(**moment) == pytest.approx(FACTOR)
    assert "zone" in refusal(make_slice(RadiopharmaceuticalStartTime=None, **moment))


def test_two_times_of_the_injection_must_agree() -> None:
    changes = {"RadiopharmaceuticalStartDateTime": "20240309100030"}
    assert factor(**changes) == pytest.approx(FACTOR * 2 ** (-30 / HALF_LIFE_S))
    changes = {"RadiopharmaceuticalStartDateTime": "20240309090000"}
    assert "differ" in refusal(make_slice(**changes))
    # Rb-82: a second is more than a hundredth of its half-life.
    rubidium = {"RadionuclideHalfLife": "76", "RadiopharmaceuticalStartTime": "114830.9"}
    changes = {"RadiopharmaceuticalStartDateTime": "20240309114830"}
    assert factor(**rubidium, **changes) == pytest.approx(FACTOR_AT_INJECTION * 2 ** (76.2 / 76))


def bed(number: int, **changes: object) -> Dataset:
    """Return a slice of one of several beds of 3 minutes, the first of them number 0.

    The count rate of F-18 is its mean 89.858 s into such a frame: T / 2 - ln 2 T^2 / (24 * 6586.2)
    = 90 - 0.142.
    """
    return make_slice(
        AcquisitionTime=f"11{49 + 3 * number}46.2",
        FrameReferenceTime=str(180000 * number + 89858),
        ActualFrameDuration="180000",
        **changes,
    )


MADE_ANEW = {"SeriesDate": "20240411", "SeriesTime": "090000"}


def test_a_half_life_of_no_nuclide_is_refused() -> None:
    at_once = {"RadiopharmaceuticalStartTime": "114946.2"}
    for value in ("30", "6586200000"):
        assert "HalfLife" in refusal(make_slice(RadionuclideHalfLife=value, **at_once))


def test_several_beds_count_from_the_start_of_the_series() -> None:
    assert factors(bed(1), bed(0), bed(2)) == pytest.approx((FACTOR,) * 3)


def test_a_series_made_anew_is_traced_to_its_start() -> None:
    assert factors(bed(2, **MADE_ANEW), bed(0, **MADE_ANEW)) == pytest.approx((FACTOR,) * 2)


def test_a_series_made_anew_is_traced_even_without_its_first_bed() -> None:
    assert factors(bed(2, **MADE_ANEW), bed(1, **MADE_ANEW)) == pytest.approx((FACTOR,) * 2)


def test_a_reference_is_the_moment_of_the_mean_count_rate() -> None:
    # One hour of C-11 from the injection on; the moment is found by halving.
    half_life_s, steps = 1223.0, 200_000
    mean = sum(2 ** (-3600 * (i + 0.5) / steps / half_life_s) for i in range(steps)) / steps
    low, high = 0.0, 3600.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if 2 ** (-middle / half_life_s) > mean else (low, middle)
    injected_at = {"RadiopharmaceuticalStartTime": "114946.2", "RadionuclideHalfLife": "1223"}
    frame = {"FrameReferenceTime": f"{1000 * low:.3f}", "ActualFrameDuration": "3600000"}
    found = factor(**injected_at, **frame, **MADE_ANEW)
    assert found == pytest.approx(FACTOR_AT_INJECTION, rel=1e-6)


@pytest.mark.parametrize("keyword", ["FrameReferenceTime", "ActualFrameDuration"])
@pytest.mark.parametrize("value", [None, "0"])
def test_a_series_made_anew_without_references_counts_from_its_first_frame(
    keyword: str, value: str | None
) -> None:
    slices = [bed(number, **MADE_ANEW) for number in (1, 0, 2)]
    for dataset in slices:
        setattr(dataset, keyword, value)
    assert factors(*slices) == pytest.approx((FACTOR,) * 3)


def test_one_slice_without_a_reference_is_enough_to_count_from_the_first_frame() -> None:
    slices = [bed(number, **MADE_ANEW) for number in (1, 0, 2)]
    slices[1].FrameReferenceTime = "0"
    assert factors(*slices) == pytest.approx((FACTOR,) * 3)


def test_references_that_tell_several_starts_are_refused() -> None:
    late = bed(1, **MADE_ANEW)
    late.FrameReferenceTime = "89858"
    assert "several starts" in refusal(bed(0, **MADE_ANEW), late)


def test_references_outside_their_frame_are_refused() -> None:
    early = {"SeriesTime": "110000"}
    assert "in 2 of 2 slices" in refusal(bed(0, **early), bed(1, **early))
    # Within the frame every moment will do: its beginning, its middle, its end.
    for reference_ms in ("1", "90000", "180000"):
        dataset = bed(0)
        dataset.FrameReferenceTime = reference_ms
        assert factors(dataset) == pytest.approx((FACTOR,))


@pytest.mark.parametrize(("scan", "vr"), [("20240309114946.20", "DT"), (b"20240309114946.2", "UN")])
def test_a_ge_series_made_anew_counts_from_its_private_time(scan: object, vr: str) -> None:
    times = {"AcquisitionTime": "120000", **MADE_ANEW}
    assert factors(ge_slice(scan, vr, **times)) == pytest.approx((FACTOR,))


def test_a_private_time_that_contradicts_the_others_is_refused() -> None:
    assert "private" in refusal(ge_slice("20240309110000"))
    assert "private" in refusal(ge_slice("20240309120000", **MADE_ANEW))


def test_slices_must_agree_in_the_private_time() -> None:
    slices = [ge_slice(f"20240309114946.{digit}", **MADE_ANEW) for digit in "23"]
    assert refusal(*slices) == "The private time of the scan differs in 1 of 2 slices."


def test_ge_without_a_private_time_counts_from_its_first_frame() -> None:
    # Its references count to the beginning of a frame: tracing them would be 90 s wrong.
    slices = [bed(number, Manufacturer="GE MEDICAL SYSTEMS", **MADE_ANEW) for number in (0, 1)]
    for number, dataset in enumerate(slices):
        dataset.FrameReferenceTime = str(180000 * number + 1)
    assert factors(*slices) == pytest.approx((FACTOR,) * 2)


def test_counts_of_philips_have_a_factor_of_their_own_per_slice() -> None:
    found = factors(
        philips("0.00125", "2.5", PatientWeight=None), philips("0.5", PatientWeight=None)
    )
    assert found == (0.00125, 0.5)


@pytest.mark.parametrize("to_suv", [None, "0"])
def test_counts_of_philips_become_an_activity_first(to_suv: str | None) -> None:
    found = factors(philips(to_suv, "2.5"), philips(to_suv, "3"))
    assert found == pytest.approx((2.5 * FACTOR, 3 * FACTOR))


def test_counts_without_a_factor_are_refused() -> None:
    assert "in 1 slices" in refusal(philips())
    assert "in 1 slices" in refusal(philips("0", "0"))
    assert "in 1 slices" in refusal(philips(None, "-2"))
    assert "in 1 slices" in refusal(philips("0.5"), philips(None, "2.5"))
    assert "in 2 slices" in refusal(philips("0.5"), philips("-0.5"), philips("0"))
    assert "PatientWeight" in refusal(philips(None, "2.5", PatientWeight=None))
    stranger = with_private(make_slice(Units="CNTS"), (0x7053, "SOMEBODY ELSE"), 0, "DS", "0.5")
    assert "private" in refusal(stranger)


@pytest.mark.parametrize("suv_type", [None, "", "BW", "bw "])
def test_values_in_grams_per_millilitre_stay(suv_type: str | None) -> None:
    with pydicom.config.disable_value_validation():
        assert factor(Units="GML", SUVType=suv_type, PatientWeight=None) == 1.0


@pytest.mark.parametrize("suv_type", ["BSA", "LBM", "LBMJAMES128", "LBMJANMA", "IBW"])
def test_an_suv_by_something_else_is_refused(suv_type: str) -> None:
    assert "SUVType" in refusal(make_slice(Units="GML", SUVType=suv_type))


def test_a_decay_correction_may_be_written_as_in_the_pseudo_code() -> None:
    assert factor(CorrectedImage=["ATTN", "DECAY"]) == pytest.approx(FACTOR)


CANARIES = {
    "PatientWeight": "83.21",
    "RadionuclideTotalDose": "387654321",
    "RadionuclideHalfLife": "6587.43",
    "RadiopharmaceuticalStartTime": "101317.41",
    "SeriesDate": "20190817",
    "SeriesTime": "121314.15",
    "AcquisitionDate": "20190817",
    "AcquisitionTime": "121415.16",
}
FRAME = {"FrameReferenceTime": "975312345", "ActualFrameDuration": "97531"}


@pytest.mark.parametrize(
    "changes",
    [
        *({keyword: None} for keyword in CANARIES),
        *({keyword: "-9753.1"} for keyword in (*CANARIES, "Units", "CorrectedImage")),
        *({"DecayCorrection": "9753.1"}, {"Units": "GML", "SUVType": "9753.1"}, {"Units": "CNTS"}),
        *(FRAME, FRAME | MADE_ANEW, {"RadiopharmaceuticalStartTime": "121959.97"}),
        *({"RadiopharmaceuticalStartDateTime": f"201908{day}101959"} for day in ("12", "17")),
    ],
)
def test_no_value_of_the_header_is_in_a_refusal(changes: dict[str, str | None]) -> None:
    factor(**CANARIES)
    with pydicom.config.disable_value_validation():
        found = refusal(make_slice(**CANARIES | changes))
    values = map(str, (*CANARIES.values(), *changes.values(), "9753.1"))
    assert not [value for value in values if value[-1].isdigit() and value[:4] in found]


def test_order_does_not_matter() -> None:
    slices = [philips(None, "2.5"), philips(None, "3"), philips(None, "7")]
    assert factors(*slices[::-1]) == factors(*slices)[::-1]
    beds = [bed(number, **MADE_ANEW) for number in range(3)]
    assert factors(*beds[::-1]) == factors(*beds)
