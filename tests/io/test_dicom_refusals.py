"""Every flaw of a classic series has its own reason code."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from medcl.io.dicom.series import read_series
from medcl.io.refusal import REASONS, ReasonCode, RefusedSeries
from medcl.volume import Volume
from tests.io.conftest import make_ct

Write = Callable[..., list[Path]]


def refusal(paths: list[Path], **options: object) -> RefusedSeries:
    with pytest.raises(RefusedSeries) as caught:
        read_series(paths, **options)  # type: ignore[arg-type]
    return caught.value


def edit(path: Path, **elements: object) -> None:
    dataset = pydicom.dcmread(path)
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)


def shifted(paths: list[Path], index: int, offset_mm: list[float]) -> None:
    position = pydicom.dcmread(paths[index]).ImagePositionPatient
    moved = [float(a) + b for a, b in zip(position, offset_mm, strict=True)]
    edit(paths[index], ImagePositionPatient=moved)


@pytest.mark.parametrize(
    ("code", "elements"),
    [
        ("LOCALIZER", {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
        ("DERIVED", {"ImageType": ["DERIVED", "PRIMARY", "MPR"]}),
        ("SECONDARY_CAPTURE", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}),
        ("SECONDARY_CAPTURE", {"ImageType": ["ORIGINAL", "SECONDARY", "SCREEN SAVE"]}),
        ("BURNED_IN", {"BurnedInAnnotation": "YES"}),
        ("UNSUPPORTED_MODALITY", {"Modality": "US", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}),
        ("UNSUPPORTED_MODALITY", {"Modality": "MR"}),
        ("LABEL_OBJECT", {"Modality": "SEG", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}),
        ("LABEL_OBJECT", {"Modality": "SEG", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.7"}),
        ("LABEL_OBJECT", {"Modality": "RTSTRUCT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.3"}),
        ("MULTI_FRAME", {"NumberOfFrames": 5}),
        ("COLOUR", {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}),
        ("COLOUR", {"PhotometricInterpretation": "PALETTE COLOR"}),
        ("NO_GEOMETRY", {"ImagePositionPatient": None}),
        ("NO_GEOMETRY", {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}),
        ("NO_GEOMETRY", {"PixelSpacing": [0, 1]}),
        ("RESCALE_MISSING", {"RescaleIntercept": None}),
        ("RESCALE_MISSING", {"RescaleType": "US"}),
        ("LIMIT_EXCEEDED", {"Rows": 65535, "Columns": 65535}),
        ("NOT_IMAGE", {"Rows": None}),
        ("IMPLAUSIBLE_RANGE", {"RescaleIntercept": "-30000"}),
        ("PIXEL_TRUNCATED", {"Rows": 50}),
    ],
)
def test_a_flaw_of_the_header_has_its_code(
    code: str, elements: dict[str, object], write: Write, ct: Volume
) -> None:
    paths = write(ct)
    for path in paths:
        edit(path, **elements)
    assert refusal(paths).code == ReasonCode(code)


def test_pet_without_units_is_refused(write: Write, ct: Volume) -> None:
    pet = Volume(array=ct.array, affine=ct.affine, modality="PT", unit="Bq/ml")
    assert refusal(write(pet, extra={"Units": "CNTS"})).code == ReasonCode.SUV_INPUT_MISSING


def test_a_syntax_without_codec_is_refused(write: Write, ct: Volume) -> None:
    paths = write(ct)
    old, new = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.4\0"
    for path in paths:
        path.write_bytes(path.read_bytes().replace(old, new, 1))
    assert refusal(paths).code == ReasonCode.UNSUPPORTED_SYNTAX


def test_a_missing_slice_is_counted(write: Write, ct: Volume) -> None:
    paths = write(ct)
    found = refusal(paths[:2] + paths[3:])
    assert (found.code, found.detail[:16]) == (ReasonCode.MISSING_SLICES, "1 slices are mis")


def test_a_gap_in_three_slices_is_seen(write: Write, ct: Volume) -> None:
    paths = write(ct)
    assert refusal([paths[0], paths[1], paths[3]]).code == ReasonCode.MISSING_SLICES


def test_a_repeated_slice_is_refused(write: Write, ct: Volume, tmp_path: Path) -> None:
    paths = write(ct)
    again = tmp_path / "again"
    again.write_bytes(paths[3].read_bytes())
    assert refusal([*paths, again]).code == ReasonCode.DUPLICATE_SLICES


def test_two_slices_are_too_few(write: Write, ct: Volume) -> None:
    assert refusal(write(ct)[:2]).code == ReasonCode.TOO_FEW_SLICES


def test_uneven_slices_are_refused_and_jitter_is_not(write: Write, ct: Volume) -> None:
    paths = write(ct)
    shifted(paths, 2, [0, 0, 0.05])
    assert read_series(paths).jitter_mm == pytest.approx(0.05)
    shifted(paths, 2, [0, 0, 0.35])
    assert refusal(paths).code == ReasonCode.IRREGULAR_SPACING


def test_a_tilted_gantry_is_refused(write: Write) -> None:
    affine = make_ct("axial").affine.copy()
    affine[1, 2] = affine[2, 2] * np.tan(np.radians(15))
    tilted = Volume(array=make_ct("axial").array, affine=affine, modality="CT", unit="HU")
    found = refusal(write(tilted))
    assert found.code == ReasonCode.GANTRY_TILT
    assert "15.00 degrees" in found.detail


def test_mixed_orientation_is_refused(write: Write, ct: Volume) -> None:
    paths = write(ct)
    edit(paths[1], ImageOrientationPatient=[1, 0, 0, 0, 0.9998, 0.02])
    assert refusal(paths).code == ReasonCode.MIXED_ORIENTATION


def test_mixed_size_is_refused(write: Write, ct: Volume) -> None:
    paths = write(ct)
    edit(paths[1], PixelSpacing=[0.5, 0.5])
    assert refusal(paths).code == ReasonCode.MIXED_SIZE
    other = write(make_ct("axial", (8, 5, 6)), "other")
    assert refusal(write(ct)[:3] + other[3:]).code == ReasonCode.MIXED_SIZE


def test_two_series_are_refused(write: Write, ct: Volume) -> None:
    other = write(ct, "other", series_uid="1.9")
    assert refusal(write(ct)[:3] + other[3:]).code == ReasonCode.MIXED_SERIES


@pytest.mark.parametrize("kept", [0.97, 0.5])
def test_a_short_file_is_refused(kept: float, write: Write, ct: Volume) -> None:
    paths = write(ct)
    content = paths[2].read_bytes()
    paths[2].write_bytes(content[: int(kept * len(content))])
    assert refusal(paths).code == ReasonCode.PIXEL_TRUNCATED


def test_a_file_in_which_an_element_stands_twice_is_refused(write: Write, ct: Volume) -> None:
    paths = write(ct)
    content = paths[2].read_bytes()
    start = content.index(b"\x08\x00\x60\x00CS\x02\x00CT")  # Modality
    end = start + 10
    paths[2].write_bytes(content[:end] + content[start:end] + content[end:])
    assert refusal(paths).code == ReasonCode.PIXEL_TRUNCATED


def test_a_short_compressed_file_is_refused(test_data: Path, tmp_path: Path) -> None:
    paths = []
    for source in (test_data / "dicom" / "ct_jpeg2000").iterdir():
        paths.append(tmp_path / source.name)
        paths[-1].write_bytes(source.read_bytes())
    content = paths[2].read_bytes()
    paths[2].write_bytes(content[: int(0.7 * len(content))])
    assert refusal(paths).code == ReasonCode.PIXEL_TRUNCATED


def test_doubtful_series_can_be_accepted(write: Write, ct: Volume) -> None:
    paths = write(ct, extra={"ImageType": ["DERIVED", "PRIMARY"], "BurnedInAnnotation": "YES"})
    assert refusal(paths, accept=frozenset({ReasonCode.DERIVED})).code == ReasonCode.BURNED_IN
    both = frozenset({ReasonCode.DERIVED, ReasonCode.BURNED_IN})
    np.testing.assert_array_equal(read_series(paths, accept=both).volume.array, ct.array)


def test_a_deflated_bomb_is_refused_before_it_grows(
    monkeypatch: pytest.MonkeyPatch, test_data: Path
) -> None:
    bomb = next((test_data / "dicom" / "transfer_syntaxes").glob("*1.2.1.99.dcm"))
    monkeypatch.setattr("medcl.io.dicom.file.MAX_INFLATED_BYTES", 10_000)
    assert refusal([bomb] * 3).code == ReasonCode.LIMIT_EXCEEDED


def test_a_deeply_nested_header_is_beyond_a_limit(write: Write, ct: Volume) -> None:
    opening = b"\x40\x00\x75\x02SQ\0\0" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    paths = write(ct)
    for path in paths:
        head, pixels = path.read_bytes().split(b"\xe0\x7f\x10\x00", 1)
        path.write_bytes(head + 2000 * opening + 2000 * closing + b"\xe0\x7f\x10\x00" + pixels)
    assert refusal(paths).code == ReasonCode.LIMIT_EXCEEDED


def test_every_code_has_one_sentence() -> None:
    assert set(REASONS) == set(ReasonCode)
    assert all(meaning.endswith(".") and len(meaning) < 100 for meaning in REASONS.values())
