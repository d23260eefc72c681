"""What SUV is computed from is read from any header, whole, damaged or rewritten."""

import dataclasses
import json
from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from medcl.io.dicom.pet_facts import PET_TAGS, PetFacts, pet_facts
from medcl.io.dicom.suv import suv_factors
from medcl.io.quiet import quiet
from tests.io.pet_slices import GE, ge_slice, make_slice, philips, with_private


@pytest.mark.parametrize(
    ("day", "time", "moment_s"),
    [
        ("19700101", "000000", 0.0),
        ("1970.01.02", "01:02:03.25", 90123.25),
        ("19700101", "0102", 3720.0),
        ("19700101", "010203.123456789", 3723.123456789),
        ("19700101", "235960", 86400.0),
        ("19691231", "235959", -1.0),
        ("20240229", "000000", 19782 * 86400.0),
    ],
)
def test_dates_and_times_of_dicom_are_understood(day: str, time: str, moment_s: float) -> None:
    with pydicom.config.disable_value_validation():
        facts = pet_facts(make_slice(SeriesDate=day, SeriesTime=time))
    assert facts.series_s == pytest.approx(moment_s, abs=1e-6)


def test_facts_travel_as_json() -> None:
    facts = pet_facts(ge_slice("20240309114946.2"))
    there = json.loads(json.dumps(dataclasses.asdict(facts)))
    back = PetFacts(**there | {"corrected_image": tuple(there["corrected_image"])})
    assert back == facts
    assert suv_factors([back]) == suv_factors([facts])


def written_and_read(dataset: Dataset, *, implicit: bool = False) -> Dataset:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2" + ("" if implicit else ".1")
    file = BytesIO()
    dataset.save_as(file, implicit_vr=implicit, little_endian=True)
    file.seek(0)
    return pydicom.dcmread(file, force=True, specific_tags=list(PET_TAGS))


@pytest.mark.parametrize("implicit", [False, True])
def test_the_tags_named_are_all_that_is_needed(implicit: bool) -> None:
    dataset = philips("0.00125", "2.5", SUVType="BW", FrameReferenceTime="1", PatientName="DOE^J")
    dataset.ActualFrameDuration, dataset.TimezoneOffsetFromUTC = "1", "+0100"
    with_private(dataset, (0x0009, "SOMEBODY ELSE"), 0x0D, "LO", "20000101000000")
    with_private(dataset, GE, 0x0D, "DT", "20240309114946.2")
    injection = dataset.RadiopharmaceuticalInformationSequence[0]
    injection.RadiopharmaceuticalStartDateTime = "20240309090000+0000"
    read = written_and_read(dataset, implicit=implicit)
    assert "PatientName" not in read
    assert pet_facts(read) == pet_facts(dataset)
    assert not {None, ""}.intersection(dataclasses.astuple(pet_facts(read)))


def test_any_header_can_be_read() -> None:
    facts = pet_facts(Dataset())
    assert {getattr(facts, field.name) for field in dataclasses.fields(facts)} <= {
        *(None, "", "other", False, ("",))
    }


def test_a_damaged_item_is_read_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    dataset = make_slice()
    with pydicom.config.disable_value_validation(), quiet():
        dataset.RadiopharmaceuticalInformationSequence[0].SpecificCharacterSet = "DOE^JOHN"
        read = written_and_read(dataset)
    assert pet_facts(read).dose_bq == 4e8
    assert not caplog.records


def test_a_sequence_that_is_none_counts_as_absent() -> None:
    dataset = Dataset()
    tag = pydicom.tag.Tag("RadiopharmaceuticalInformationSequence")
    content = b"\xff\xff\xff\xff"
    raw = pydicom.dataelem.RawDataElement(tag, "SQ", 4, content, 0, False, True)
    dataset._dict[tag] = raw
    assert pet_facts(dataset).dose_bq is None


def test_of_several_injections_none_is_taken() -> None:
    dataset = make_slice()
    dataset.RadiopharmaceuticalInformationSequence.append(Dataset())
    facts = pet_facts(dataset)
    assert facts.has_several_injections
    assert facts.dose_bq is None


def test_facts_do_not_print_themselves() -> None:
    facts = pet_facts(make_slice(PatientWeight="83.21"))
    assert "83.21" not in repr(facts) + str(facts) + f"{facts!s}"
