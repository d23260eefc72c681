"""A file is what its first bytes say."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from medcl.io.kinds import file_kind


def kind(content: bytes, folder: Path) -> str:
    (folder / "a.dcm").write_bytes(content)
    return file_kind(folder / "a.dcm")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
def test_nifti_is_known_in_both_versions_and_byte_orders(
    image_class: type[nib.Nifti1Image], order: str, tmp_path: Path
) -> None:
    header = image_class.header_class(endianness=order)
    content = image_class(np.zeros((3, 4, 5), np.int16), np.eye(4), header).to_bytes()
    assert kind(content, tmp_path) == "nifti"
    assert kind(gzip.compress(content), tmp_path) == "nifti"
    assert kind(content[:300], tmp_path) == "unknown"


def test_nrrd_and_metaimage_are_known_with_voxels_or_without(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((3, 4, 5), np.int16))
    for suffix, expected in (
        (".nrrd", "nrrd"),
        (".nhdr", "nrrd"),
        (".mha", "metaimage"),
        (".mhd", "metaimage"),
    ):
        sitk.WriteImage(image, str(tmp_path / f"b{suffix}"))
        assert kind((tmp_path / f"b{suffix}").read_bytes(), tmp_path) == expected
    assert kind(b"NDims = 3\nObjectType = Image\n", tmp_path) == "metaimage"
    assert kind(b"NRRD0005\r\ntype: short\r\n", tmp_path) == "nrrd"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"NRRD",
        b"NRRD0004 is a magic word",
        b"ObjectType = Scene\nNDims = 3\n",
        b"ObjectType = Image of a patient\n",
        b"NDims = many\n",
        b"patient,label\n1,0\n",
        b"\x1f\x8b\x08\x00rest",
        gzip.compress(b"NRRD0004\n", mtime=0),
        bytes(4096),
    ],
)
def test_other_files_are_unknown(content: bytes, tmp_path: Path) -> None:
    assert kind(content, tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("dicom/ct_3slice/01.dcm", "dicom"),
        ("nifti/spine_t2w.nii.gz", "nifti"),
        ("adrenalmnist3d/adrenalmnist3d_64_train_val.npz", "npz"),
        ("README.md", "unknown"),
    ],
)
def test_real_files_are_known(place: str, expected: str, test_data: Path) -> None:
    assert file_kind(test_data / place) == expected
