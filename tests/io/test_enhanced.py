"""Enhanced objects: frames lie where highdicom says, with the values that it gives."""

from collections import Counter
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from medcl.io.dicom.checks import check_slice
from medcl.io.dicom.enhanced import flattened
from medcl.io.dicom.header import read_slice_headers
from medcl.io.dicom.series import read_planes, read_series
from medcl.io.lps import flip_world
from medcl.io.refusal import ReasonCode, RefusedSeries

MR = "1.2.840.10008.5.1.4.1.1.4.1"
CT = "1.2.840.10008.5.1.4.1.1.2.1"


def item(**elements: object) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def enhanced_ct(path: Path, *, order: list[int], compress: bool = False) -> np.ndarray:
    """Write an oblique Enhanced CT of 5 frames in some order; return its voxels (X, Y, Z)."""
    stored = np.random.default_rng(5).integers(0, 3000, (5, 4, 6)).astype(np.uint16)
    dataset = Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CT
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3.4.5"
    dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.PatientID, dataset.StudyInstanceUID = "P", "1.2.3"
    dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = "1.2.3.4", "1.2.3.9"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 4, 6, 5
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    turned = [1.0, 0.0, 0.0, 0.0, np.cos(0.3), np.sin(0.3)]
    normal = np.cross(turned[:3], turned[3:])
    dataset.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=[item(PixelSpacing=[0.7, 0.8], SliceThickness=2.0)],
            PlaneOrientationSequence=[item(ImageOrientationPatient=turned)],
            CTImageFrameTypeSequence=[item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])],
            CTXRayDetailsSequence=[item(KVP=120.0)],
        )
    ]
    dataset.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSequence=[
                item(ImagePositionPatient=[float(mm) for mm in normal * 2.5 * place + 10])
            ],
            PixelValueTransformationSequence=[
                # A slope of its own for every frame.
                item(RescaleSlope=1.0 + place, RescaleIntercept=-1024.0, RescaleType="HU")
            ],
            FrameContentSequence=[item(StackID="1", InStackPositionNumber=1)],
        )
        for place in order
    ]
    dataset.PixelData = stored[order].tobytes()
    if compress:
        dataset.compress("1.2.840.10008.1.2.5")
    dataset.save_as(path, enforce_file_format=True)
    slopes = np.arange(1, 6)[:, None, None]
    return (stored.astype(int) * slopes - 1024).transpose(2, 1, 0)


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "RLE"])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [3, 0, 4, 1, 2]], ids=["sorted", "mixed"])
def test_positions_decide_and_each_frame_has_its_own_rescale(
    tmp_path: Path, order: list[int], compress: bool
) -> None:
    path = tmp_path / "enhanced"
    expected = enhanced_ct(path, order=order, compress=compress)
    reading = read_series([path])
    np.testing.assert_array_equal(reading.volume.array[0], expected)
    assert reading.volume.unit == "HU"
    np.testing.assert_allclose(reading.volume.spacing_mm, [0.8, 0.7, 2.5])
    elements = pydicom.dcmread(path)
    assert flattened(elements, 0).KVP == 120.0
    assert flattened(elements, 0).SliceThickness == 2.0


def test_voxels_and_place_are_those_of_highdicom(tmp_path: Path) -> None:
    path = tmp_path / "enhanced"
    enhanced_ct(path, order=[3, 0, 4, 1, 2])
    volume = read_series([path]).volume
    other = highdicom.imread(path).get_volume(apply_modality_transform=True)
    array, affine = other.array.transpose(2, 1, 0), flip_world(other.affine[:, [2, 1, 0, 3]])
    if np.dot(affine[:3, 2], volume.affine[:3, 2]) < 0:
        affine[:3, 3] += affine[:3, 2] * (array.shape[2] - 1)
        affine[:3, 2] *= -1
        array = array[:, :, ::-1]
    np.testing.assert_allclose(volume.array[0], array)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-9)


def test_real_frames_of_two_makers_have_a_place_and_soft_words(test_data: Path) -> None:
    folder = test_data / "dicom" / "enhanced_mr" / "In"
    (philips,) = folder.rglob("IM_0027_fMAP.dcm")
    headers = read_slice_headers(philips)
    assert len(headers) == 64
    kinds = Counter(header.image_type[3] for header in headers)
    assert kinds == {"M": 32, "FIELD_MAP": 32}
    assert {header.rows for header in headers} == {64}
    siemens = [header for path in folder.rglob("6_*.dcm") for header in read_slice_headers(path)]
    assert Counter(header.soft[1] for header in siemens) == {"1": 6, "2": 6, "3": 6, "4": 6}
    assert all(check_slice(header) is None for header in siemens)


def test_a_real_time_point_is_read_as_highdicom_reads_it(test_data: Path) -> None:
    (path,) = (test_data / "dicom" / "enhanced_mr").rglob("6_2.dcm")
    volume = read_series([path]).volume
    other = highdicom.imread(path).get_volume(apply_real_world_transform=False)
    array = other.array.transpose(2, 1, 0)
    same = [np.array_equal(volume.array[0], array[..., ::step]) for step in (1, -1)]
    assert any(same)
    assert volume.shape == (64, 64, 6)


def test_frames_that_are_not_described_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "enhanced"
    enhanced_ct(path, order=[0, 1, 2, 3, 4])
    dataset = pydicom.dcmread(path)
    dataset.PerFrameFunctionalGroupsSequence = dataset.PerFrameFunctionalGroupsSequence[:4]
    dataset.save_as(path)
    with pytest.raises(RefusedSeries, match="5 frames, but 4 descriptions") as caught:
        read_slice_headers(path)
    assert caught.value.code == ReasonCode.DECODE_FAILED


def test_a_frame_without_position_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "enhanced"
    enhanced_ct(path, order=[0, 1, 2, 3, 4])
    dataset = pydicom.dcmread(path)
    del dataset.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    dataset.save_as(path)
    with pytest.raises(RefusedSeries, match="NO_GEOMETRY"):
        read_series([path])


def test_some_frames_of_a_file_can_be_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "enhanced"
    expected = enhanced_ct(path, order=[0, 1, 2, 3, 4])
    headers = read_slice_headers(path)[1:4]
    np.testing.assert_array_equal(
        read_planes([path] * 3, headers).volume.array[0], expected[..., 1:4]
    )
