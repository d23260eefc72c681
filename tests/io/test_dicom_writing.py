"""A volume written as DICOM is the same volume, bit for bit."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from medcl.errors import InputError
from medcl.io.dicom.integer_coding import code_exactly
from medcl.io.dicom.series import read_series
from medcl.io.images.nifti import read_nifti
from medcl.volume import Volume

Write = Callable[..., list[Path]]
KINDS = ("hippocampus_001", "hippocampus_004", "hippocampus_006")


def same_after_dicom(source: Path, write: Write) -> int:
    """Compare with the file as nibabel reads it; return the bits stored."""
    image = nib.load(source)
    paths = write(read_nifti(source), source.name)
    found = read_series(paths).volume
    expected = np.asanyarray(image.dataobj)
    np.testing.assert_array_equal(found.array[0].astype(expected.dtype), expected)
    np.testing.assert_array_equal(found.array[0].astype(np.float32), expected.astype(np.float32))
    np.testing.assert_allclose(found.affine, image.affine, atol=1e-9)
    return int(pydicom.dcmread(paths[0], stop_before_pixels=True).BitsAllocated)


@pytest.mark.parametrize("name", KINDS)
def test_hippocampus_images_survive_dicom(name: str, test_data: Path, write: Write) -> None:
    same_after_dicom(test_data / "msd_hippocampus" / "images" / f"{name}.nii.gz", write)


def test_very_bright_image_survives_dicom(test_data: Path, write: Write) -> None:
    source = test_data / "msd_hippocampus" / "images" / "hippocampus_135.nii.gz"
    assert nib.load(source).get_fdata().max() > 65535
    same_after_dicom(source, write)


@pytest.mark.slow
def test_all_hippocampus_images_survive_dicom(test_data: Path, write: Write) -> None:
    sources = sorted((test_data / "msd_hippocampus" / "images").glob("*.nii.gz"))
    bits = [same_after_dicom(source, write) for source in sources]
    assert (len(bits), set(bits)) == (200, {16, 32})


def test_whole_numbers_beyond_16_bits_are_kept() -> None:
    values = np.array([[-70_000, 0, 4]], np.int32)
    coding = code_exactly(values)
    assert (coding.stored.dtype, coding.slope) == (np.int32, "1")
    np.testing.assert_array_equal(coding.stored, values)


def test_values_without_exact_coding_are_refused(ct: Volume, write: Write) -> None:
    exponents = np.random.default_rng(3).uniform(-15, 15, ct.array.shape)
    noise = np.exp(exponents).astype(np.float32)
    volume = Volume(array=noise, affine=ct.affine, modality="MR", unit="a.u.")
    with pytest.raises(InputError, match="round the volume"):
        write(volume)


def test_infinite_values_are_refused() -> None:
    with pytest.raises(InputError, match="finite"):
        code_exactly(np.array([1.0, np.inf]))


def test_skewed_planes_are_refused(ct: Volume, write: Write) -> None:
    affine = ct.affine.copy()
    affine[0, 1] = 0.4
    with pytest.raises(InputError, match="right angle"):
        write(Volume(array=ct.array, affine=affine, modality="CT", unit="HU"))


def test_names_and_elements_are_planted(ct: Volume, write: Write) -> None:
    paths = write(ct, file_names=list("fedcba"), extra={"PatientName": "DOE^JANE", "KVP": "120"})
    assert [path.name for path in paths] == list("fedcba")
    assert str(pydicom.dcmread(paths[3]).PatientName) == "DOE^JANE"
    with pytest.raises(InputError, match="file names"):
        write(ct, file_names=["same"] * 6)
