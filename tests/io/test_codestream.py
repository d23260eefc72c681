"""Compressed planes are read with the right sign and refused where the header contradicts them."""

import struct
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import JPEGLSLossless

from medcl.io.dicom.checks import check_slice
from medcl.io.dicom.codestream import Codestream, codestream_of
from medcl.io.dicom.header import read_slice_headers
from medcl.io.dicom.pixels import stored_planes
from medcl.io.refusal import ReasonCode, RefusedSeries

CORPUS = Path(pydicom.data.__file__).parent / "test_files"


def plane_of(path: Path) -> np.ndarray:
    (header,) = read_slice_headers(path)
    return next(stored_planes(path, [header]))


def edited(name: str, tmp_path: Path, **elements: object) -> Path:
    dataset = pydicom.dcmread(CORPUS / name)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.save_as(tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_jpeg_ls_knows_no_sign_and_gets_that_of_the_header(tmp_path: Path, bits: int) -> None:
    image = pydicom.dcmread(CORPUS / "CT_small.dcm")
    half = 2 ** (bits - 1)
    values = np.random.default_rng(0).integers(-half, half, (128, 128)).astype(np.int16)
    values[0, :2] = -half, half - 1
    image.BitsStored, image.HighBit = bits, bits - 1
    image.PixelData = values.tobytes()
    image.compress(JPEGLSLossless, encoding_plugin="pyjpegls", jls_error=0)
    image.save_as(tmp_path / "image.dcm")
    np.testing.assert_array_equal(plane_of(tmp_path / "image.dcm"), values)


def test_a_jpeg_2000_stream_of_the_other_sign_gets_that_of_the_header() -> None:
    plane = plane_of(CORPUS / "J2K_pixelrep_mismatch.dcm")
    assert (plane.dtype, plane.min(), plane.max()) == (np.int16, -2000, 1896)


@pytest.mark.parametrize(
    "name",
    ["MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm", "JPEGLSNearLossless_16.dcm"],
)
def test_a_header_of_another_size_than_the_stream_is_refused(tmp_path: Path, name: str) -> None:
    """Given to the decoder, the last of these once ended the whole process."""
    path = edited(name, tmp_path, Rows=178)
    with pytest.raises(RefusedSeries, match="under a header of 178 x") as refused:
        plane_of(path)
    assert refused.value.code == ReasonCode.DECODE_FAILED


def test_a_run_beyond_the_last_pixel_is_refused(tmp_path: Path) -> None:
    """A decoder in Rust panics here, and a panic is no Exception."""
    run = bytes([0x81, 7]) * 33  # 33 runs of 128 pixels, of which 32 are a plane
    frame = struct.pack("<16I", 2, 64, 64 + len(run), *[0] * 13) + run * 2
    path = edited("MR_small_RLE.dcm", tmp_path, PixelData=encapsulate([frame]))
    with pytest.raises(RefusedSeries) as refused:
        plane_of(path)
    assert refused.value.code == ReasonCode.DECODE_FAILED


@pytest.mark.parametrize(("stored", "high"), [(12, 15), (15, 15), (16, 14), (12, 10)])
def test_a_highest_bit_that_is_not_the_last_stored_one_is_refused(
    tmp_path: Path, stored: int, high: int
) -> None:
    path = edited("CT_small.dcm", tmp_path, BitsStored=stored, HighBit=high)
    refusal = check_slice(read_slice_headers(path)[0])
    assert refusal is not None
    assert refusal.code == ReasonCode.DECODE_FAILED


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MR_small_jp2klossless.dcm", Codestream(64, 64, 1, 16)),
        ("MR_small_jpeg_ls_lossless.dcm", Codestream(64, 64, 1, 16)),
        ("JPGExtended.dcm", Codestream(1024, 256, 1, 12)),
        ("SC_rgb_jpeg_dcmtk.dcm", Codestream(100, 100, 3, 8)),
        ("GDCMJ2K_TextGBR.dcm", Codestream(400, 400, 3, 8)),
    ],
)
def test_a_stream_says_its_size(name: str, expected: Codestream) -> None:
    frame = get_frame(pydicom.dcmread(CORPUS / name).PixelData, 0, number_of_frames=1)
    assert codestream_of(frame) == expected


def test_the_head_of_a_damaged_stream_is_its_own_or_none() -> None:
    frame = get_frame(
        pydicom.dcmread(CORPUS / "MR_small_jpeg_ls_lossless.dcm").PixelData, 0, number_of_frames=1
    )
    for length in range(64):
        assert codestream_of(frame[:length]) in (None, codestream_of(frame))
    assert codestream_of(b"\xff\xd8" + b"\xff" * 100) is None
    assert codestream_of(b"\xff\xd8" + b"\xff\xe0\x00\x00" * 100) is None
