"""NIfTI: nothing damaged, ambiguous or coloured passes; geometry and numbers are kept."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medcl.errors import InputError
from medcl.io.nifti import read_label_map, read_nifti, write_nifti
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


def test_a_bomb_is_stopped(
    array: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medcl.io.nifti.MAX_FILE_BYTES", 500)
    assert code(save(tmp_path / "a", array)) == ReasonCode.LIMIT_EXCEEDED


def test_label_maps_are_whole_numbers(test_data: Path, array: np.ndarray, tmp_path: Path) -> None:
    labels, affine = read_label_map(test_data / "nifti" / "example_seg.nii.gz")
    image = nib.load(test_data / "nifti" / "example_seg.nii.gz")
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, image.get_fdata())
    np.testing.assert_array_equal(affine, image.affine)
    for wrong in (array * np.float32(0.5), array.astype(np.float32) - 900):
        with pytest.raises(InputError, match="whole numbers"):
            read_label_map(save(tmp_path / "a", wrong))
    with pytest.raises(InputError, match="cannot be read"):
        read_label_map(tmp_path / "absent")
