"""NIfTI: nothing damaged, ambiguous or coloured passes; geometry and numbers are kept."""

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medcl.errors import InputError
from medcl.io.images.nifti import (
    count_parts,
    read_label_map,
    read_nifti,
    read_nifti_part,
    read_nifti_parts,
    write_nifti,
)
from medcl.io.images.nifti_file import open_nifti
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.volume import Volume
from tests.io.conftest import make_ct, oriented_affine


def save(path: Path, array: np.ndarray, *, qform: np.ndarray | None = None) -> Path:
    image = nib.Nifti1Image(array, oriented_affine("oblique"))
    image.set_sform(image.affine, code=1)
    image.set_qform(qform if qform is not None else image.affine, code=1)
    path.write_bytes(gzip.compress(image.to_bytes()))
    return path


def code(path: Path, **options: object) -> ReasonCode:
    with pytest.raises(RefusedSeries) as caught:
        read_nifti(path, **options)  # type: ignore[arg-type]
    return caught.value.code


@pytest.fixture
def array() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 900, (6, 7, 8), dtype=np.int16)


@pytest.mark.parametrize("axes", ["axial", "sagittal", "coronal", "oblique"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_round_trip_keeps_voxels_and_place(axes: str, suffix: str, tmp_path: Path) -> None:
    volume = make_ct(axes)
    write_nifti(volume, tmp_path / f"a{suffix}")
    found = read_nifti(tmp_path / f"a{suffix}", modality="CT")
    assert found.array.dtype == np.int16
    np.testing.assert_array_equal(found.array, volume.array)
    np.testing.assert_allclose(found.affine, volume.affine, atol=1e-4)


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "a.nii.gz")
    write_nifti(ct, tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize("name", ["example_ct", "example_mr_sm", "spine_t1w", "spine_t2w"])
def test_real_files_equal_nibabel(name: str, test_data: Path) -> None:
    path = test_data / "nifti" / f"{name}.nii.gz"
    found, image = read_nifti(path), nib.load(path)
    np.testing.assert_array_equal(found.array[0], image.get_fdata())
    np.testing.assert_array_equal(found.affine, image.affine)


def test_infinite_voxels_are_invalid_and_filled(test_data: Path) -> None:
    path = test_data / "nifti" / "spine_mtr_with_inf.nii.gz"
    found, values = read_nifti(path), nib.load(path).get_fdata(dtype=np.float32)
    assert found.validity is not None
    np.testing.assert_array_equal(found.validity, np.isfinite(values))
    np.testing.assert_array_equal(found.array[0][found.validity], values[np.isfinite(values)])
    assert (found.array[0][~found.validity] == values[np.isfinite(values)].min()).all()


def test_a_flipped_bit_is_noticed(array: np.ndarray, tmp_path: Path) -> None:
    path = save(tmp_path / "a", array)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(bytes(content))
    assert code(path) == ReasonCode.DECODE_FAILED


def test_a_short_file_is_noticed(array: np.ndarray, tmp_path: Path) -> None:
    path = save(tmp_path / "a", array)
    path.write_bytes(path.read_bytes()[:-300])
    assert code(path) == ReasonCode.PIXEL_TRUNCATED
    whole = nib.Nifti1Image(array, np.eye(4)).to_bytes()
    path.write_bytes(whole[:-4])
    assert code(path) == ReasonCode.PIXEL_TRUNCATED


def test_time_series_and_planes_are_refused(array: np.ndarray, tmp_path: Path) -> None:
    assert code(save(tmp_path / "a", np.stack([array, array], -1))) == ReasonCode.NOT_3D
    assert code(save(tmp_path / "b", array[..., :1])) in (
        ReasonCode.NOT_3D,
        ReasonCode.TOO_FEW_SLICES,
    )
    assert read_nifti(save(tmp_path / "c", array[..., np.newaxis])).shape == array.shape


def test_colours_are_refused(tmp_path: Path) -> None:
    colours = np.zeros((5, 5, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert code(save(tmp_path / "a", colours)) == ReasonCode.COLOUR


def test_disagreeing_forms_are_refused(array: np.ndarray, tmp_path: Path) -> None:
    other = oriented_affine("oblique")
    other[0, 3] += 0.5
    assert code(save(tmp_path / "a", array, qform=other)) == ReasonCode.NO_GEOMETRY


def test_a_file_without_forms_is_refused(array: np.ndarray, tmp_path: Path) -> None:
    image = nib.Nifti1Image(array, None)
    image.header["qform_code"] = image.header["sform_code"] = 0
    (tmp_path / "a").write_bytes(image.to_bytes())
    assert code(tmp_path / "a") == ReasonCode.NO_GEOMETRY


def test_ct_that_is_no_ct_is_refused(array: np.ndarray, tmp_path: Path) -> None:
    assert code(save(tmp_path / "a", array + 2000), modality="CT") == ReasonCode.IMPLAUSIBLE_RANGE


def edited(
    path: Path, array: np.ndarray, edit: Callable[[nib.Nifti1Header], None], *, second: bool = False
) -> Path:
    """A plain file whose header was changed behind nibabel's back."""
    image_class = nib.Nifti2Image if second else nib.Nifti1Image
    image = image_class(array, oriented_affine("oblique"), dtype=array.dtype)
    image.set_qform(image.affine, code=1)
    content = image.to_bytes()
    length = 540 if second else 348
    header = type(image.header)(content[:length])
    edit(header)
    path.write_bytes(header.binaryblock + content[length:])
    return path


def field(name: str, value: object, at: object = ...) -> Callable[[nib.Nifti1Header], None]:
    def edit(header: nib.Nifti1Header) -> None:
        header.structarr[name][at] = value

    return edit


def test_an_inflating_file_is_stopped_at_the_size_its_header_says(
    array: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = nib.Nifti1Image(array, oriented_affine("oblique")).to_bytes()
    (tmp_path / "a").write_bytes(gzip.compress(whole + bytes(2**26) + b"x"))
    tracemalloc.start()
    assert code(tmp_path / "a") == ReasonCode.DECODE_FAILED
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()
    monkeypatch.setattr("medcl.io.images.nifti_header.MAX_FILE_BYTES", 500)
    assert code(save(tmp_path / "b", array)) == ReasonCode.LIMIT_EXCEEDED
    monkeypatch.setattr("medcl.io.inflate.MAX_FILE_BYTES", 100)
    assert code(save(tmp_path / "c", array)) == ReasonCode.LIMIT_EXCEEDED


def test_no_flipped_bit_of_a_compressed_file_gives_other_voxels(tmp_path: Path) -> None:
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5) ** 2
    expected = read_nifti(save(tmp_path / "whole", array))
    content = (tmp_path / "whole").read_bytes()
    num_refused = 0
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / "a").write_bytes(flipped)
        try:
            found = read_nifti(tmp_path / "a")
        except RefusedSeries:
            num_refused += 1
            continue
        # Time and system in the header of gzip, and codes that deflate does not use.
        np.testing.assert_array_equal(found.array, expected.array)
        np.testing.assert_array_equal(found.affine, expected.affine)
    assert num_refused > 8 * len(content) * 0.8


def test_members_are_joined_and_leftovers_refused(array: np.ndarray, tmp_path: Path) -> None:
    whole = nib.Nifti1Image(array, oriented_affine("oblique")).to_bytes()
    first, second = gzip.compress(whole[:100]), gzip.compress(whole[100:])
    path = tmp_path / "a"
    for content in (first + second, first + second + bytes(512), whole + bytes(512)):
        path.write_bytes(content)
        np.testing.assert_array_equal(read_nifti(path).array[0], array)
    for content in (first + second + b"rest", first + second + first, whole + b"\0rest"):
        path.write_bytes(content)
        assert code(path) == ReasonCode.DECODE_FAILED
    path.write_bytes(first)
    assert code(path) == ReasonCode.NOT_IMAGE
    path.write_bytes(first + second[:-4])
    assert code(path) == ReasonCode.PIXEL_TRUNCATED


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize(
    "dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"], ids=str
)
def test_every_number_type_in_both_versions_and_byte_orders_equals_nibabel(
    dtype: str, image_class: type[nib.Nifti1Image], order: str, tmp_path: Path
) -> None:
    array = np.random.default_rng(4).integers(0, 127, (5, 6, 7)).astype(dtype)
    header = image_class.header_class(endianness=order)
    header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
    image = image_class(array, oriented_affine("sagittal"), header, dtype=np.dtype(dtype))
    image.to_filename(tmp_path / "a.nii")
    again = nib.load(tmp_path / "a.nii")
    assert again.header.endianness == order
    found = read_nifti(tmp_path / "a.nii")
    np.testing.assert_array_equal(found.array[0], again.get_fdata())
    np.testing.assert_array_equal(found.affine, again.affine)


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [(1.0, -1024.0), (2.0, 7.0), (0.25, 3.5), (-1.0, 0.0), (0.0, 5.0), (np.nan, 5.0)],
)
@pytest.mark.parametrize("dtype", ["<i2", "<u8", "<f4"])
def test_slope_and_intercept_equal_nibabel(
    slope: float, intercept: float, dtype: str, tmp_path: Path
) -> None:
    array = np.random.default_rng(4).integers(0, 3000, (5, 6, 7)).astype(dtype)

    def edit(header: nib.Nifti1Header) -> None:
        header.structarr["scl_slope"], header.structarr["scl_inter"] = slope, intercept

    path = edited(tmp_path / "a.nii", array, edit)
    found = read_nifti(path).array
    np.testing.assert_array_equal(found[0], nib.load(path).get_fdata())
    is_whole = dtype == "<i2" and slope != 0.25
    assert found.dtype == (np.int16 if is_whole else found.dtype)


def test_extensions_are_skipped_unread(array: np.ndarray, tmp_path: Path) -> None:
    image = nib.Nifti1Image(array, oriented_affine("oblique"))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"DOE^JOHN" * 9))
    content = bytearray(image.to_bytes())
    for esize in (content[352:356], b"\xff\xff\xff\x7f"):
        content[352:356] = esize
        (tmp_path / "a").write_bytes(content)
        np.testing.assert_array_equal(read_nifti(tmp_path / "a").array[0], array)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (field("dim", 0, 0), "DECODE_FAILED"),
        (field("dim", 8, 0), "DECODE_FAILED"),
        (field("dim", -6, 1), "DECODE_FAILED"),
        (field("dim", 0, 3), "DECODE_FAILED"),
        (field("dim", 2, 0), "NOT_3D"),
        (field("dim", 9, 3), "PIXEL_TRUNCATED"),
        (field("dim", 7, 3), "DECODE_FAILED"),
        (field("dim", 32767, slice(1, 4)), "LIMIT_EXCEEDED"),
        (field("dim", [5, 6, 7, 8, 1, 3], slice(0, 6)), "NOT_3D"),
        (field("dim", [4, 1, 1, 1, 2001], slice(0, 5)), "LIMIT_EXCEEDED"),
        (field("datatype", 1), "UNSUPPORTED_SYNTAX"),
        (field("datatype", 1536), "UNSUPPORTED_SYNTAX"),
        (field("datatype", 32), "COLOUR"),
        (field("datatype", 128), "COLOUR"),
        (field("datatype", 2304), "COLOUR"),
        (field("datatype", 8), "DECODE_FAILED"),
        (field("bitpix", 0), "DECODE_FAILED"),
        (field("vox_offset", 0), "DECODE_FAILED"),
        (field("vox_offset", 348), "DECODE_FAILED"),
        (field("vox_offset", 352.5), "DECODE_FAILED"),
        (field("vox_offset", np.nan), "DECODE_FAILED"),
        (field("vox_offset", -352), "DECODE_FAILED"),
        (field("vox_offset", 1e30), "DECODE_FAILED"),
        (field("vox_offset", 368), "PIXEL_TRUNCATED"),
        (field("scl_inter", np.inf), "DECODE_FAILED"),
        (field("magic", b"ni1"), "UNSUPPORTED_SYNTAX"),
        (field("magic", b"n+3"), "NOT_IMAGE"),
        (field("sizeof_hdr", 1), "NOT_IMAGE"),
        (field("srow_x", np.nan), "NO_GEOMETRY"),
        (field("srow_x", np.inf, 3), "NO_GEOMETRY"),
        (field("srow_x", 0), "NO_GEOMETRY"),
        (field("srow_x", 1e30), "NO_GEOMETRY"),
        (field("quatern_b", 2.0), "NO_GEOMETRY"),
        (field("quatern_b", np.nan), "NO_GEOMETRY"),
        (field("pixdim", -1.0, 2), "NO_GEOMETRY"),
        (field("pixdim", np.nan, 2), "NO_GEOMETRY"),
        (field("pixdim", 0.5, 2), "NO_GEOMETRY"),
        (field("xyzt_units", 7), "NO_GEOMETRY"),
        (field("xyzt_units", 1), "NO_GEOMETRY"),
    ],
)
def test_an_impossible_header_is_refused_with_its_reason(
    edit: Callable[[nib.Nifti1Header], None], expected: str, array: np.ndarray, tmp_path: Path
) -> None:
    path = edited(tmp_path / "a", array, edit)
    with pytest.raises(RefusedSeries) as caught:
        read_nifti(path)
    assert caught.value.code == expected
    assert not caught.value.detail.startswith("The file:")


def test_sizes_beyond_64_bits_are_refused(array: np.ndarray, tmp_path: Path) -> None:
    for size in (2**62, -(2**62), 2**31):
        path = edited(tmp_path / "a", array, field("dim", size, slice(1, 4)), second=True)
        assert code(path) in (ReasonCode.LIMIT_EXCEEDED, ReasonCode.DECODE_FAILED)
    assert read_nifti(edited(tmp_path / "b", array, lambda _: None, second=True)).shape == (6, 7, 8)


def test_a_cut_header_is_refused(array: np.ndarray, tmp_path: Path) -> None:
    content = nib.Nifti2Image(array, oriented_affine("oblique")).to_bytes()
    for length, expected in ((0, "NOT_IMAGE"), (3, "NOT_IMAGE"), (500, "PIXEL_TRUNCATED")):
        (tmp_path / "a").write_bytes(content[:length])
        assert code(tmp_path / "a") == expected


@pytest.mark.parametrize(("unit", "per_mm"), [(0, 1), (1, 0.001), (2, 1), (2 | 8, 1), (3, 1000)])
def test_lengths_in_other_units_become_mm(
    unit: int, per_mm: float, array: np.ndarray, tmp_path: Path
) -> None:
    def edit(header: nib.Nifti1Header) -> None:
        header["xyzt_units"], header["qform_code"] = unit, 0
        for axis in "xyz":
            header[f"srow_{axis}"] *= per_mm

    found = read_nifti(edited(tmp_path / "a", array, edit)).affine
    np.testing.assert_allclose(found, oriented_affine("oblique"), rtol=1e-5)


def test_a_sign_of_qform_other_than_one_counts_as_the_standard_says(
    array: np.ndarray, tmp_path: Path
) -> None:
    def edit(header: nib.Nifti1Header) -> None:
        header["sform_code"], header["pixdim"][0] = 0, 0

    found = read_nifti(edited(tmp_path / "a", array, edit)).affine
    np.testing.assert_allclose(found, oriented_affine("oblique"), atol=1e-4)


@pytest.mark.parametrize(
    ("sform", "qform", "source"),
    [(1, 0, "header"), (0, 5, "header"), (9, 1, "header"), (9, 0, "assumed"), (-1, 7, "assumed")],
)
def test_the_code_of_the_form_says_how_sure_the_orientation_is(
    sform: int, qform: int, source: str, array: np.ndarray, tmp_path: Path
) -> None:
    def edit(header: nib.Nifti1Header) -> None:
        header["sform_code"], header["qform_code"] = sform, qform

    path = edited(tmp_path / "a", array, edit)
    reading = read_nifti_part(path)
    assert reading.orientation_source == source
    np.testing.assert_allclose(reading.volume.affine, oriented_affine("oblique"), atol=1e-4)


def test_values_beyond_float32_are_refused(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((5, 5, 5))
    array[2, 2, 2] = -1e300
    path = tmp_path / "a.nii"
    nib.Nifti1Image(array, oriented_affine("oblique")).to_filename(path)
    assert code(path) == ReasonCode.IMPLAUSIBLE_RANGE


def test_a_4d_file_is_parted_when_asked(test_data: Path, tmp_path: Path, array: np.ndarray) -> None:
    path = test_data / "nifti" / "spine_fmri_4d.nii.gz"
    with pytest.raises(RefusedSeries, match=r"NOT_3D: Shape \(68, 68, 6, 30\)\."):
        read_nifti(path)
    with pytest.raises(RefusedSeries, match="NOT_3D"):
        next(read_nifti_parts(path, accept_4d=False))
    expected = nib.load(path).get_fdata()
    assert count_parts(path) == 30
    volumes = list(read_nifti_parts(path))
    assert len(volumes) == 30
    for index, volume in enumerate(volumes):
        np.testing.assert_array_equal(volume.array[0], expected[..., index])
    last = read_nifti_part(path, part=29, accept_4d=True).volume
    np.testing.assert_array_equal(last.array, volumes[-1].array)
    with pytest.raises(RefusedSeries, match="30 volumes"):
        read_nifti_part(path, part=30, accept_4d=True)
    with pytest.raises(IndexError, match="0 to 29"):
        open_nifti(path, accept_4d=True).stored(-1)
    assert count_parts(save(tmp_path / "b", array)) == 1


def test_only_the_file_and_one_volume_are_held(tmp_path: Path) -> None:
    series = np.arange(48 * 48 * 48 * 40, dtype=np.int32).reshape(48, 48, 48, 40) % 7001
    path = tmp_path / "a"
    path.write_bytes(nib.Nifti1Image(series, oriented_affine("oblique")).to_bytes())
    tracemalloc.start()
    for volume in read_nifti_parts(path):
        assert volume.array.base is None or volume.array.base.nbytes <= 2 * volume.array.nbytes
    assert tracemalloc.get_traced_memory()[1] < 1.5 * series.nbytes
    tracemalloc.stop()


def test_filling_one_reading_leaves_the_next_as_it_was(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((5, 5, 5)).astype(np.float32)
    array[1, 1, 1] = np.nan
    file = open_nifti(save(tmp_path / "a", array))
    for _ in range(2):
        validity = file.read_part().validity
        assert validity is not None
        assert not validity[1, 1, 1]


@pytest.mark.parametrize("name", ["example_seg", "example_seg_mr"])
def test_label_maps_are_no_volumes_unless_asked_for(name: str, test_data: Path) -> None:
    path = test_data / "nifti" / f"{name}.nii.gz"
    assert code(path) == ReasonCode.LABEL_MAP
    found = read_nifti(path, accept_labels=True)
    np.testing.assert_array_equal(found.array[0], nib.load(path).get_fdata())


def test_a_header_that_says_labels_is_believed(array: np.ndarray, tmp_path: Path) -> None:
    path = edited(tmp_path / "a", array, field("intent_code", 1002))
    with pytest.raises(RefusedSeries, match="LABEL_MAP: The header"):
        read_nifti(path)
    assert read_nifti(path, accept_labels=True).shape == array.shape


def test_label_maps_are_whole_numbers(test_data: Path, array: np.ndarray, tmp_path: Path) -> None:
    labels, affine = read_label_map(test_data / "nifti" / "example_seg.nii.gz")
    image = nib.load(test_data / "nifti" / "example_seg.nii.gz")
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, image.get_fdata())
    np.testing.assert_array_equal(affine, image.affine)
    infinite = array.astype(np.float32)
    infinite[0, 0, 0] = np.inf
    for wrong in (array * np.float32(0.5), array.astype(np.float32) - 900, infinite):
        with pytest.raises(InputError, match="whole numbers"):
            read_label_map(save(tmp_path / "a", wrong))
    with pytest.raises(InputError, match="cannot be read"):
        read_label_map(tmp_path / "absent")
