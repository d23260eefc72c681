"""A volume leaves the store as NIfTI, as it came in."""

import nibabel
import numpy as np
import pytest

from medcl.errors import InputError


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float32"])
@pytest.mark.parametrize("name", ["out.nii", "out.nii.gz"])
def test_voxels_type_and_affine_come_back(store, make_accepted, tmp_path, dtype, name):
    rng = np.random.default_rng(0)
    affine = np.eye(4)
    affine[:3] = rng.normal(size=(3, 4)).astype(np.float32)
    array = rng.normal(50, 9, (1, 9, 8, 7)).astype(dtype)
    accepted = make_accepted(array=array, affine=affine)
    store.add(accepted)
    store.export_nifti(accepted.key, tmp_path / name)
    image = nibabel.load(tmp_path / name)
    assert image.get_data_dtype() == np.dtype(dtype)
    assert (np.asarray(image.dataobj) == array[0]).all()
    assert (image.affine == affine).all()


def test_another_ending_is_refused(store, make_accepted, tmp_path):
    store.add(make_accepted())
    with pytest.raises(InputError, match=r"\*\.nii"):
        store.export_nifti(make_accepted().key, tmp_path / "out.img")
