"""NRRD and MetaImage: what SimpleITK reads, or a refusal; never other voxels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from medcl.io.images.itk_image import read_itk_image
from medcl.io.refusal import ReasonCode, RefusedSeries

DIRECTIONS = {
    "axial": np.eye(3),
    "permuted": np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]),
    "oblique": np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]]),
}
SUFFIXES = [".nrrd", ".mha"]


@pytest.fixture(autouse=True)
def silent(capfd: pytest.CaptureFixture[str]) -> object:
    yield
    assert capfd.readouterr() == ("", "")


def make_image(dtype: str = "int16", axes: str = "oblique") -> sitk.Image:
    array = np.random.default_rng(3).integers(0, 127, (6, 7, 8)).astype(dtype)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.7, 0.9, 2.5))
    image.SetOrigin((-31.5, 12.25, 100.0))
    image.SetDirection(DIRECTIONS[axes].ravel())
    return image


def save(path: Path, image: sitk.Image | None = None, *, packed: bool = False) -> bytes:
    sitk.WriteImage(image or make_image(), str(path), useCompression=packed)
    return path.read_bytes()


def refusal(content: bytes, folder: Path) -> RefusedSeries:
    (folder / "named.dcm").write_bytes(content)
    with pytest.raises(RefusedSeries) as caught:
        read_itk_image(folder / "named.dcm")
    return caught.value


def expected_places(image: sitk.Image) -> np.ndarray:
    """RAS+ positions of every voxel, shape (X, Y, Z, 3), asked one by one."""
    places = [image.TransformIndexToPhysicalPoint(list(map(int, at))) for at in np.ndindex(8, 7, 6)]
    return (np.array(places) * (-1, -1, 1)).reshape(8, 7, 6, 3)


@pytest.mark.parametrize("axes", DIRECTIONS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_voxels_and_places_are_those_of_simpleitk(
    suffix: str, packed: bool, axes: str, tmp_path: Path
) -> None:
    image = make_image(axes=axes)
    content = save(tmp_path / f"a{suffix}", image, packed=packed)
    (tmp_path / "no extension").write_bytes(content)
    found = read_itk_image(tmp_path / "no extension", modality="CT")
    assert (found.shape, found.unit, found.validity) == ((8, 7, 6), "HU", None)
    np.testing.assert_array_equal(found.array[0], sitk.GetArrayFromImage(image).transpose())
    indices = np.moveaxis(np.indices((8, 7, 6)), 0, -1)
    places = indices @ found.affine[:3, :3].T + found.affine[:3, 3]
    np.testing.assert_allclose(places, expected_places(image), atol=1e-9)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "dtype",
    [
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "float32",
        "float64",
    ],
)
def test_every_number_type_is_read(dtype: str, suffix: str, tmp_path: Path) -> None:
    image = make_image(dtype)
    save(tmp_path / f"a{suffix}", image, packed=True)
    found = read_itk_image(tmp_path / f"a{suffix}").array
    np.testing.assert_array_equal(found[0], sitk.GetArrayFromImage(image).transpose())
    assert found.dtype == (np.float32 if dtype.startswith("float") else np.int16)


@pytest.mark.parametrize(
    ("suffix", "little", "big"),
    [
        (".nrrd", b"endian: little", b"endian: big"),
        (".mha", b"ByteOrderMSB = False", b"ByteOrderMSB = True"),
    ],
)
def test_the_other_byte_order_is_read(
    suffix: str, little: bytes, big: bytes, tmp_path: Path
) -> None:
    content = save(tmp_path / f"a{suffix}")
    expected = read_itk_image(tmp_path / f"a{suffix}").array
    swapped = np.frombuffer(content[-672:], "<i2").astype(">i2").tobytes()
    (tmp_path / "b").write_bytes(content[:-672].replace(little, big) + swapped)
    np.testing.assert_array_equal(read_itk_image(tmp_path / "b").array, expected)


def test_spaces_of_nrrd_differ_by_signs(tmp_path: Path) -> None:
    content = save(tmp_path / "a.nrrd")
    expected = read_itk_image(tmp_path / "a.nrrd").affine
    for name, signs in (("LPS", (1, 1)), ("right-anterior-superior", (-1, -1)), ("LAS", (1, -1))):
        named = content.replace(b"left-posterior-superior", name.encode())
        (tmp_path / "b").write_bytes(named)
        found = read_itk_image(tmp_path / "b").affine
        np.testing.assert_allclose(found[:3], expected[:3] * np.array([[*signs, 1]]).T, atol=1e-12)


def test_a_sheared_nrrd_keeps_its_directions(tmp_path: Path) -> None:
    content = save(tmp_path / "a.nrrd", make_image(axes="axial"))
    start, end = content.index(b"space directions"), content.index(b"kinds")
    sheared = b"space directions: (0.7,0,0) (0,0.9,0) (0,0.5,2.5)\n"
    (tmp_path / "a.nrrd").write_bytes(content[:start] + sheared + content[end:])
    found = read_itk_image(tmp_path / "a.nrrd").affine[:3, :3]
    np.testing.assert_allclose(found, [[-0.7, 0, 0], [0, -0.9, -0.5], [0, 0, 2.5]], atol=1e-12)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_flipped_bit_of_a_compressed_payload_gives_other_voxels(
    suffix: str, tmp_path: Path
) -> None:
    content = save(tmp_path / f"a{suffix}", packed=True)
    expected = read_itk_image(tmp_path / f"a{suffix}")
    end = b"\n\n" if suffix == ".nrrd" else b"LOCAL\n"
    start, num_refused = content.index(end) + len(end), 0
    for place in range(start, len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        (tmp_path / "b").write_bytes(flipped)
        try:
            found = read_itk_image(tmp_path / "b")
        except RefusedSeries:
            num_refused += 1
        else:
            np.testing.assert_array_equal(found.array, expected.array)
    assert num_refused > 0.95 * (len(content) - start)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_ends_with_its_voxels(suffix: str, packed: bool, tmp_path: Path) -> None:
    content = save(tmp_path / f"a{suffix}", packed=packed)
    for num_bytes in (1, 4, 100):
        assert refusal(content[:-num_bytes], tmp_path).code == ReasonCode.PIXEL_TRUNCATED
    assert refusal(content + b"rest", tmp_path).code in ("DECODE_FAILED", "PIXEL_TRUNCATED")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_header_that_lies_about_the_size_is_refused(suffix: str, tmp_path: Path) -> None:
    for packed in (False, True):
        content = save(tmp_path / f"a{suffix}", packed=packed)
        for sizes, code in ((b"8 7 9", "PIXEL_TRUNCATED"), (b"8 7 5", "DECODE_FAILED")):
            assert refusal(content.replace(b"8 7 6", sizes), tmp_path).code == code


def test_what_simpleitk_returns_must_be_what_was_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = save(tmp_path / "a.mha")
    read = sitk.GetArrayFromImage
    monkeypatch.setattr(sitk, "GetArrayFromImage", lambda image: read(image) + 1)
    assert refusal(content, tmp_path).detail == "Two readings of the voxels differ."


def test_infinite_voxels_are_invalid(tmp_path: Path) -> None:
    image = make_image("float32")
    image[1, 2, 3] = float("nan")
    save(tmp_path / "a.mha", image)
    validity = read_itk_image(tmp_path / "a.mha").validity
    assert validity is not None
    assert np.argwhere(~validity).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_colours_planes_and_time_series_are_refused(suffix: str, tmp_path: Path) -> None:
    one = make_image("uint8")
    for image, code in (
        (sitk.Compose([one, one, one]), "COLOUR"),
        (sitk.Cast(one, sitk.sitkComplexFloat32), "COLOUR"),
        (sitk.JoinSeries([one, one]), "NOT_3D"),
        (one[:, :, 2], "NOT_3D"),
        (one[:, :, 2:3], "TOO_FEW_SLICES"),
    ):
        content = save(tmp_path / f"a{suffix}", image)
        assert refusal(content, tmp_path).code == code


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_label_maps_are_no_volumes_unless_asked_for(suffix: str, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.kron(np.arange(8).reshape(2, 2, 2), np.ones((4, 4, 4))))
    content = save(tmp_path / f"a{suffix}", image)
    assert refusal(content, tmp_path).code == ReasonCode.LABEL_MAP
    assert read_itk_image(tmp_path / f"a{suffix}", accept_labels=True).shape == (8, 8, 8)


def test_names_of_segments_are_believed(tmp_path: Path) -> None:
    content = save(tmp_path / "a.nrrd")
    named = content.replace(b"encoding:", b"Segment0_ID:=Segment_1\nencoding:")
    assert refusal(named, tmp_path).detail == "The header says that the values are labels."


NRRD_EDITS = [
    (b"encoding: raw", b"encoding: raw\ndata file: other.raw", "UNSUPPORTED_SYNTAX"),
    (b"encoding: raw", b"encoding: raw\nDATAFILE: LIST", "UNSUPPORTED_SYNTAX"),
    (b"encoding: raw", b"encoding: raw\nbyte skip: -1", "UNSUPPORTED_SYNTAX"),
    (b"encoding: raw", b"encoding: raw\nline skip: 1", "UNSUPPORTED_SYNTAX"),
    (b"encoding: raw", b"encoding: hex", "UNSUPPORTED_SYNTAX"),
    (b"encoding: raw", b"encoding: bzip2", "UNSUPPORTED_SYNTAX"),
    (b"NRRD0004", b"NRRD0009", "UNSUPPORTED_SYNTAX"),
    (b"NRRD0004", b"NRRX0004", "NOT_IMAGE"),
    (b"type: short", b"type: block", "UNSUPPORTED_SYNTAX"),
    (b"type: short", b"no field", "DECODE_FAILED"),
    (b"type: short", b"type: short\nType: int", "DECODE_FAILED"),
    (b"endian: little", b"# none", "DECODE_FAILED"),
    (b"dimension: 3", b"dimension: 4", "DECODE_FAILED"),
    (b"sizes: 8 7 6", b"sizes: 8 7 -6", "DECODE_FAILED"),
    (b"sizes: 8 7 6", b"sizes: 8 7 0", "DECODE_FAILED"),
    (b"sizes: 8 7 6", b"sizes: 8 7 " + b"9" * 5000, "DECODE_FAILED"),
    (b"sizes: 8 7 6", b"sizes: 9999999 9999999 9999999", "LIMIT_EXCEEDED"),
    (b"sizes: 8 7 6", b"# no sizes", "DECODE_FAILED"),
    (b"space: left-posterior-superior", b"space: scanner-xyz", "NO_GEOMETRY"),
    (b"space: left-posterior-superior", b"space dimension: 3", "NO_GEOMETRY"),
    (b"space directions", b"# directions", "NO_GEOMETRY"),
    (b"space origin", b"# origin", "NO_GEOMETRY"),
    (b"space origin: (", b"space origin: 1 (", "NO_GEOMETRY"),
    (b"(-31.5,", b"(nan,", "DECODE_FAILED"),
    (b"(-31.5,", b"(1e300,", "NO_GEOMETRY"),
    (b"kinds: domain domain domain", b"kinds: RGB-color domain domain", "COLOUR"),
    (b"kinds: domain domain domain", b"kinds: domain domain time", "NOT_3D"),
    (b"kinds:", b'space units: "um" "um" "um"\nkinds:', "NO_GEOMETRY"),
]


@pytest.mark.parametrize(("old", "new", "code"), NRRD_EDITS)
def test_an_nrrd_header_is_refused_with_its_reason(
    old: bytes, new: bytes, code: str, tmp_path: Path
) -> None:
    content = save(tmp_path / "a.nrrd")
    assert content.count(old) == 1
    assert refusal(content.replace(old, new), tmp_path).code == code


META_EDITS = [
    (b"File = LOCAL", b"File = other.raw", "UNSUPPORTED_SYNTAX"),
    (b"File = LOCAL", b"File = LIST", "UNSUPPORTED_SYNTAX"),
    (b"File = LOCAL", b"File = /etc/passwd", "UNSUPPORTED_SYNTAX"),
    (b"ObjectType = Image", b"ObjectType = Tube", "NOT_IMAGE"),
    (b"NDims = 3", b"NDims = 4", "DECODE_FAILED"),
    (b"NDims = 3", b"NDims = 3\nno field", "DECODE_FAILED"),
    (b"NDims = 3", b"NDims = 3\nNDims = 2", "DECODE_FAILED"),
    (b"NDims = 3", b"NDims = 3\nHeaderSize = -1", "UNSUPPORTED_SYNTAX"),
    (b"NDims = 3", b"NDims = 3\nFileFormatVersion = 1", "UNSUPPORTED_SYNTAX"),
    (b"NDims = 3", b"NDims = 3\nElementToIntensityFunctionSlope = 2", "UNSUPPORTED_SYNTAX"),
    (b"NDims = 3", b"NDims = 3\nDistanceUnits = cm", "NO_GEOMETRY"),
    (b"NDims = 3", b"NDims = 3\nOrigin = 1 2 3", "NO_GEOMETRY"),
    (b"BinaryData = True", b"BinaryData = False", "UNSUPPORTED_SYNTAX"),
    (b"BinaryDataByteOrderMSB", b"NoOrder", "DECODE_FAILED"),
    (b"DimSize = 8 7 6", b"DimSize = 8 7 -6", "DECODE_FAILED"),
    (b"DimSize = 8 7 6", b"DimSize = 8 7 0", "DECODE_FAILED"),
    (b"DimSize = 8 7 6", b"DimSize = 8 7 6.5", "DECODE_FAILED"),
    (b"DimSize = 8 7 6", b"DimSize = 9999999 9999999 9999999", "LIMIT_EXCEEDED"),
    (b"DimSize = 8 7 6", b"NoSize = 8 7 6", "DECODE_FAILED"),
    (b"ElementDataFile", b"NoFile", "DECODE_FAILED"),
    (b"TransformMatrix", b"NoMatrix", "NO_GEOMETRY"),
    (b"Offset", b"NoOffset", "NO_GEOMETRY"),
    (b"Offset = -31.5", b"Offset = inf", "DECODE_FAILED"),
    (b"Offset = -31.5", b"Offset = 1 -31.5", "DECODE_FAILED"),
    (b"ElementSpacing", b"NoSpacing", "NO_GEOMETRY"),
    (b"ElementSpacing = 0.", b"ElementSpacing = -0.", "NO_GEOMETRY"),
    (b"ElementType = MET_SHORT", b"ElementType = MET_LONG", "UNSUPPORTED_SYNTAX"),
    (b"ElementType = MET_SHORT", b"ElementType = MET_UCHAR_ARRAY", "COLOUR"),
    (b"ElementType", b"ElementNumberOfChannels = 3\nElementType", "COLOUR"),
]


@pytest.mark.parametrize(("old", "new", "code"), META_EDITS)
def test_a_metaimage_header_is_refused_with_its_reason(
    old: bytes, new: bytes, code: str, tmp_path: Path
) -> None:
    content = save(tmp_path / "a.mha")
    assert content.count(old) == 1
    assert refusal(content.replace(old, new), tmp_path).code == code


@pytest.mark.parametrize("new", [b"", b"CompressedDataSize = 3\n", b"CompressedDataSize = 1e99\n"])
def test_a_compressed_metaimage_says_its_size(new: bytes, tmp_path: Path) -> None:
    content = save(tmp_path / "a.mha", packed=True)
    start = content.index(b"CompressedDataSize")
    end = content.index(b"\n", start) + 1
    code = refusal(content[:start] + new + content[end:], tmp_path).code
    assert code in (ReasonCode.DECODE_FAILED, ReasonCode.PIXEL_TRUNCATED)


@pytest.mark.parametrize("suffix", [".nhdr", ".mhd"])
def test_detached_headers_are_refused_with_a_sentence(suffix: str, tmp_path: Path) -> None:
    found = refusal(save(tmp_path / f"a{suffix}"), tmp_path)
    assert str(found) == "UNSUPPORTED_SYNTAX: Header and voxels in separate files."


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "flood",
    [
        lambda content: content.replace(b"\nkinds", b"\n" + b"a" * 2**18 + b"\nkinds"),
        lambda content: content.replace(b"\nkinds", b"\n" + b" " * 2**17 + b"\nkinds"),
        lambda content: content.replace(b"-31.5", b"1" * 2**17 + b"x"),
        lambda content: content.replace(b"(-31.5", b"(" * 2**17),
        lambda content: content.replace(b"\n\n", b"\n"),
    ],
)
def test_a_flooded_header_is_refused_at_once(
    flood: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    content = flood(save(tmp_path / "a.nrrd"))
    refusal(content, tmp_path)


@pytest.mark.timeout(20)
def test_a_flooded_metaimage_header_is_refused_at_once(tmp_path: Path) -> None:
    content = save(tmp_path / "a.mha")
    for flood in (b" " * 2**17 + b"\n", b"A" * 2**18 + b" = 1\n"):
        refusal(content.replace(b"NDims", flood + b"NDims"), tmp_path)


def test_a_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medcl.io.images.text_header.MAX_FILE_BYTES", 600)
    for suffix in SUFFIXES:
        content = save(tmp_path / f"a{suffix}", packed=True)
        assert refusal(content, tmp_path).code == ReasonCode.LIMIT_EXCEEDED


def test_refusals_name_no_path_and_no_text(tmp_path: Path) -> None:
    content = save(tmp_path / "a.mha").replace(b"NDims", b"Name = DOE^JOHN\nNDims")
    (tmp_path / "DOE^JOHN").write_bytes(content[:-9])
    for path in (tmp_path / "DOE^JOHN", tmp_path / "absent DOE^JOHN"):
        with pytest.raises(RefusedSeries) as caught:
            read_itk_image(path)
        assert "DOE" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
