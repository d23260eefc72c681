"""Classic series: voxels and places as SimpleITK reads them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from medcl.geometry.affine import transform_points
from medcl.io.dicom.series import read_series
from medcl.io.dicom.series_options import SeriesOptions
from medcl.io.values import AIR_HU
from medcl.volume import Volume
from tests.io.conftest import make_ct, oriented_affine

Write = Callable[..., list[Path]]


def by_simpleitk(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Values and RAS+ positions of every voxel, in SimpleITK's own order of slices."""
    reader = sitk.ImageSeriesReader()
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    normal = np.cross(*np.reshape(headers[0].ImageOrientationPatient, (2, 3)).astype(float))
    depth = [float(normal @ header.ImagePositionPatient) for header in headers]
    reader.SetFileNames([str(paths[index]) for index in np.argsort(depth)])
    image = reader.Execute()
    values = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(values.shape) - 1)
    lps = [image.TransformIndexToPhysicalPoint([int(i) for i in corner]) for corner in corners]
    return values, np.array(lps) * [-1, -1, 1]


def positions(volume: Volume) -> np.ndarray:
    corners = np.array(list(np.ndindex(2, 2, 2)), dtype=float) * (np.array(volume.shape) - 1)
    return transform_points(volume.affine, corners)


def same_as_simpleitk(paths: Sequence[Path]) -> None:
    volume = read_series(paths).volume
    values, places = by_simpleitk(paths)
    known = np.ones(volume.shape, bool) if volume.validity is None else volume.validity
    np.testing.assert_array_equal(volume.array[0][known], values[known])
    assert (volume.array[0][~known] == AIR_HU).all()
    np.testing.assert_allclose(positions(volume), places, atol=1e-3)


@pytest.mark.parametrize("axes", ["axial", "sagittal", "coronal", "oblique"])
def test_every_voxel_is_where_simpleitk_puts_it(axes: str, write: Write) -> None:
    same_as_simpleitk(write(make_ct(axes)))


@pytest.mark.parametrize("axes", ["axial", "sagittal", "coronal", "oblique"])
def test_what_was_written_is_read_back(axes: str, write: Write) -> None:
    volume = make_ct(axes)
    found = read_series(write(volume)).volume
    assert (found.modality, found.unit, found.array.dtype) == ("CT", "HU", np.int16)
    np.testing.assert_array_equal(found.array, volume.array)
    np.testing.assert_allclose(found.affine, volume.affine, atol=1e-9)


@pytest.mark.parametrize(
    "series", ["lidc/LIDC-IDRI-0001", "lidc/LIDC-IDRI-0002", "ct_3slice", "ct_jpeg2000"]
)
def test_real_series_equal_simpleitk(series: str, test_data: Path) -> None:
    paths = [path for path in (test_data / "dicom" / series).rglob("*") if path.is_file()]
    same_as_simpleitk(paths)


def test_order_follows_position_not_name_or_instance_number(write: Write) -> None:
    volume = make_ct("oblique")
    names = ["e", "a", "f", "b", "d", "c"]
    paths = write(volume, file_names=names, extra={"InstanceNumber": 1, "SliceLocation": "0"})
    found = read_series(sorted(paths)).volume
    np.testing.assert_array_equal(found.array, volume.array)


def test_slices_along_the_negative_normal_come_back_reversed_in_the_same_place(
    write: Write,
) -> None:
    affine = oriented_affine("axial")
    affine[:3, 2] *= -1
    volume = Volume(array=make_ct("axial").array, affine=affine, modality="CT", unit="HU")
    found = read_series(write(volume)).volume
    np.testing.assert_array_equal(found.array, volume.array[..., ::-1])
    top = transform_points(volume.affine, np.array([[0.0, 0.0, volume.shape[2] - 1]]))
    np.testing.assert_allclose(found.affine[:3, 3], top[0], atol=1e-9)


def test_rescale_is_that_of_each_slice(write: Write, ct: Volume) -> None:
    paths = write(ct)
    changed = pydicom.dcmread(paths[2])
    changed.RescaleSlope, changed.RescaleIntercept = "2", "-100"
    changed.save_as(paths[2])
    found = read_series(paths).volume
    stored = ct.array[0, :, :, 2].astype(int) + 1024
    np.testing.assert_array_equal(found.array[0, :, :, 2], stored * 2 - 100)
    np.testing.assert_array_equal(found.array[0, :, :, 3], ct.array[0, :, :, 3])


def test_fractional_rescale_gives_float32(write: Write, ct: Volume) -> None:
    found = read_series(write(ct, extra={"RescaleSlope": "0.5"})).volume
    assert found.array.dtype == np.float32
    np.testing.assert_array_equal(found.array, (ct.array + 1024.0) * 0.5 - 1024)


def test_padding_becomes_air_and_invalid(write: Write) -> None:
    ct = make_ct("axial")
    validity = np.random.default_rng(1).random(ct.shape) > 0.2
    holed = Volume(array=ct.array, affine=ct.affine, modality="CT", unit="HU", validity=validity)
    found = read_series(write(holed)).volume
    assert found.validity is not None
    np.testing.assert_array_equal(found.validity, validity)
    np.testing.assert_array_equal(found.array[0][validity], ct.array[0][validity])
    assert (found.array[0][~validity] == AIR_HU).all()


def test_padding_with_the_wrong_sign_is_understood(write: Write, ct: Volume) -> None:
    paths = write(ct)
    for path in paths:
        dataset = pydicom.dcmread(path)
        pixels = np.frombuffer(dataset.PixelData, np.int16).copy()
        pixels[:3] = -2000
        dataset.PixelData = pixels.tobytes()
        dataset.add_new("PixelPaddingValue", "US", 63536)
        dataset.save_as(path)
    validity = read_series(paths).volume.validity
    assert validity is not None
    assert (~validity).sum() == 3 * len(paths)


def test_low_is_white_turns_arbitrary_units_but_not_hounsfield(write: Write, ct: Volume) -> None:
    found = read_series(write(ct, extra={"PhotometricInterpretation": "MONOCHROME1"})).volume
    np.testing.assert_array_equal(found.array, ct.array)
    mr = Volume(array=ct.array + 1024, affine=ct.affine, modality="MR", unit="a.u.")
    extra = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    turned = read_series(write(mr, "mr", extra={**extra, "PixelRepresentation": 0})).volume
    np.testing.assert_array_equal(turned.array, 4095 - mr.array)


def test_pet_stays_in_becquerel_per_ml(write: Write, ct: Volume) -> None:
    values = (ct.array.astype(np.float32) + 1024) * np.float32(0.37)
    pet = Volume(array=values, affine=ct.affine, modality="PT", unit="Bq/ml")
    found = read_series(write(pet), options=SeriesOptions(pet_unit="Bq/ml")).volume
    assert (found.modality, found.unit) == ("PT", "Bq/ml")
    np.testing.assert_array_equal(found.array, values)


def test_a_file_without_preamble_is_read(write: Write, ct: Volume) -> None:
    paths = write(ct)
    for path in paths:
        path.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(read_series(paths).volume.array, ct.array)
