"""Values of damaged elements count as absent, at once and without a word of what they hold."""

import time
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import DataElement

from medcl.io.dicom.values import numbers, text, words


def nested(depth: int) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.PatientName = "DOE^JOHN"
    for _ in range(depth):
        outer = pydicom.Dataset()
        outer.OtherPatientIDsSequence = [item]
        item = outer
    return item


@pytest.mark.parametrize("keyword", ["Modality", "PixelSpacing", "SeriesDescription"])
def test_a_sequence_in_the_place_of_a_word_is_no_word(keyword: str) -> None:
    """Written out it would hold every name that is nested in it."""
    elements = pydicom.Dataset()
    tag = pydicom.tag.Tag(keyword)
    elements[tag] = DataElement(tag, "SQ", [nested(1), nested(300)])
    start = time.monotonic()
    assert text(elements, keyword) == ""
    assert words(elements, keyword) == ("",)
    assert numbers(elements, keyword, 2) is None
    assert time.monotonic() - start < 1


def test_a_value_of_a_type_that_does_not_exist_is_absent(tmp_path: Path) -> None:
    corpus = Path(pydicom.data.__file__).parent / "test_files"
    content = (corpus / "CT_small.dcm").read_bytes()
    at = content.index(b"\x28\x00\x30\x00DS")
    (tmp_path / "odd.dcm").write_bytes(content[: at + 4] + b"RO" + content[at + 6 :])
    elements = pydicom.dcmread(tmp_path / "odd.dcm")
    assert numbers(elements, "PixelSpacing", 2) is None
