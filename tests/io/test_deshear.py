"""A tilted volume keeps its tilt in a sheared affine, or is resampled to right angles."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from medcl.geometry.affine import transform_points
from medcl.io.dicom.deshear import deshear
from medcl.io.dicom.series import read_series
from medcl.io.dicom.series_options import SeriesOptions
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.volume import Volume

Write = Callable[..., list[Path]]
SHAPE = (24, 30, 12)


def field(points: np.ndarray) -> np.ndarray:
    """A smooth picture in world coordinates, in HU."""
    x, y, z = points.T
    return 300 * np.sin(x / 9) + 200 * np.cos(y / 7) + 20 * z


def tilted(degrees: float, axis: int = 1, direction: float = 1.0) -> Volume:
    affine = np.diag([0.9, 0.8, 2.0, 1.0])
    affine[axis, 2] = direction * 2.0 * np.tan(np.radians(degrees))
    affine[:3, 3] = (-10.0, 5.0, 40.0)
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1).reshape(-1, 3)
    values = np.rint(field(transform_points(affine, index.astype(float)))).reshape(SHAPE)
    return Volume(array=values.astype(np.int16)[None], affine=affine, modality="CT", unit="HU")


@pytest.mark.parametrize("direction", [1.0, -1.0])
@pytest.mark.parametrize("axis", [0, 1])
def test_every_voxel_shows_what_lies_at_its_place(axis: int, direction: float) -> None:
    slanted = tilted(17.0, axis, direction)
    upright = deshear(slanted)
    columns = upright.affine[:3, :3]
    assert abs(columns[:, 0] @ columns[:, 2]) < 1e-9
    assert abs(columns[:, 1] @ columns[:, 2]) < 1e-9
    assert upright.validity is not None
    inside = np.argwhere(upright.validity)
    expected = field(transform_points(upright.affine, inside.astype(float)))
    np.testing.assert_allclose(upright.array[0][upright.validity], expected, atol=2.0)
    assert len(inside) >= 0.9 * np.prod(SHAPE)
    assert (upright.array[0][~upright.validity] == -1024).all()


def test_an_upright_volume_is_left_as_it_is() -> None:
    straight = tilted(0.0)
    assert deshear(straight) is straight


def test_invalid_voxels_spread_no_further_than_interpolation() -> None:
    slanted = tilted(17.0)
    validity = np.ones(SHAPE, bool)
    validity[:, 10:14, 5] = False
    masked = Volume(
        array=np.array(slanted.array),
        affine=slanted.affine,
        modality="CT",
        unit="HU",
        validity=validity,
    )
    lost = deshear(slanted).validity.sum() - deshear(masked).validity.sum()
    assert 4 * SHAPE[0] <= lost <= 5 * SHAPE[0]


def test_the_reader_keeps_or_removes_a_tilt_where_asked(write: Write) -> None:
    slanted = tilted(17.0)
    paths = write(slanted)
    with pytest.raises(RefusedSeries) as caught:
        read_series(paths)
    assert caught.value.code == ReasonCode.GANTRY_TILT
    kept = read_series(paths, options=SeriesOptions(tilt="keep"))
    assert kept.tilt_degrees == pytest.approx(17.0, abs=0.01)
    np.testing.assert_allclose(kept.volume.affine, slanted.affine, atol=1e-4)
    np.testing.assert_array_equal(kept.volume.array, slanted.array)
    upright = read_series(paths, options=SeriesOptions(tilt="deshear")).volume
    np.testing.assert_array_equal(upright.array, deshear(slanted).array)


def test_slices_that_slide_unevenly_are_no_tilt(write: Write) -> None:
    slanted = tilted(17.0)
    paths = write(slanted)
    dataset = pydicom.dcmread(paths[6])
    place = [float(mm) for mm in dataset.ImagePositionPatient]
    dataset.ImagePositionPatient = [place[0], place[1] + 0.5, place[2]]
    dataset.save_as(paths[6])
    with pytest.raises(RefusedSeries, match="GANTRY_TILT"):
        read_series(paths, options=SeriesOptions(tilt="keep"))


def test_resampling_agrees_with_simpleitk() -> None:
    slanted = tilted(17.0)
    upright = deshear(slanted)
    assert upright.validity is not None
    transform = sitk.AffineTransform(3)
    to_slanted = np.linalg.inv(slanted.affine) @ upright.affine
    transform.SetMatrix(to_slanted[:3, :3].ravel().tolist())
    transform.SetTranslation(to_slanted[:3, 3].tolist())
    image = sitk.GetImageFromArray(slanted.array[0].T.astype(np.float64))
    x, y, z = upright.shape
    found = sitk.Resample(image, [x, y, z], transform, sitk.sitkLinear, [0, 0, 0], [1, 1, 1])
    expected = sitk.GetArrayFromImage(found).T
    valid = upright.validity
    np.testing.assert_allclose(upright.array[0][valid], expected[valid], atol=0.51)
