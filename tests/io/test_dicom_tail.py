"""What follows the pixels decides whether they are the pixels."""

import struct
from pathlib import Path

import pydicom.data
import pytest

from medcl.io.dicom.checks import check_slice
from medcl.io.dicom.file import read_elements
from medcl.io.dicom.header import read_slice_headers
from medcl.io.refusal import ReasonCode, RefusedSeries

CORPUS = Path(pydicom.data.__file__).parent / "test_files"
PADDING = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 6) + bytes(6)
SIGNATURE = struct.pack("<HH2sHI", 0xFFFA, 0xFFFA, b"SQ", 0, 0)


def refused(path: Path) -> str:
    refusal = check_slice(read_slice_headers(path)[0], accept=frozenset({ReasonCode.DERIVED}))
    return "" if refusal is None else str(refusal.code)


def with_tail(tmp_path: Path, tail: bytes, name: str = "CT_small.dcm") -> Path:
    content = (CORPUS / name).read_bytes()
    at = content.rindex(b"\xe0\x7f\x10\x00")
    size = struct.unpack_from("<I", content, at + 8)[0]
    (tmp_path / name).write_bytes(content[: at + 12 + size] + tail)
    return tmp_path / name


@pytest.mark.parametrize(
    "tail", [b"", bytes(1), bytes(3000), PADDING, SIGNATURE + PADDING, PADDING + bytes(512)]
)
def test_what_may_follow_the_pixels_is_read_over(tmp_path: Path, tail: bytes) -> None:
    assert refused(with_tail(tmp_path, tail)) == ""


@pytest.mark.parametrize(
    "tail", [b"x", b"something else " * 40, PADDING + SIGNATURE, PADDING[:-3], PADDING + b"x" * 30]
)
def test_what_may_not_follow_the_pixels_makes_them_doubtful(tmp_path: Path, tail: bytes) -> None:
    assert refused(with_tail(tmp_path, tail)) == "PIXEL_TRUNCATED"


def test_a_second_element_of_pixels_before_the_true_one_is_not_taken_for_them(
    tmp_path: Path,
) -> None:
    """A length that lies lets a parser step into a value that looks like the pixels."""
    content = (CORPUS / "CT_small.dcm").read_bytes()
    at = content.rindex(b"\xe0\x7f\x10\x00")
    false = content[at : at + 12] + bytes(range(256))
    (tmp_path / "image.dcm").write_bytes(content[:at] + false + content[at:])
    assert refused(tmp_path / "image.dcm") == "PIXEL_TRUNCATED"


@pytest.mark.parametrize("name", ["MR_small_bigendian.dcm", "MR_small_implicit.dcm"])
def test_other_encodings_are_followed_too(tmp_path: Path, name: str) -> None:
    content = (CORPUS / name).read_bytes()
    (tmp_path / name).write_bytes(content)
    assert refused(tmp_path / name) == ""
    (tmp_path / name).write_bytes(content + b"something else")
    assert refused(tmp_path / name) == "PIXEL_TRUNCATED"


def test_a_deflated_file_that_ends_too_early_or_goes_on_is_refused(tmp_path: Path) -> None:
    content = (CORPUS / "image_dfl.dcm").read_bytes()
    path = tmp_path / "image.dcm"
    path.write_bytes(content + bytes(1))
    assert read_elements(path, tags=None).is_whole
    without_checksum = content[:-8]
    path.write_bytes(without_checksum)
    assert read_elements(path, tags=None).is_whole
    other_checksum = without_checksum + bytes(4) + content[-4:]
    for damaged in (content[:-20], content + b"more", content + content[-90:], other_checksum):
        path.write_bytes(damaged)
        with pytest.raises(RefusedSeries, match="PIXEL_TRUNCATED"):
            read_elements(path, tags=None)
