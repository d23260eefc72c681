"""Segmentations lie where they were drawn, voxel for voxel, or are refused."""

import struct
import zlib
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from medcl.errors import InputError
from medcl.io.dicom import file as dicom_file
from medcl.io.dicom.series import read_series
from medcl.io.labels import object as label_object
from medcl.io.labels.drawing import describe, draw
from medcl.io.labels.grid import Grid
from medcl.io.refusal import RefusedSeries
from tests.io.conftest import make_ct
from tests.io.label_files import changed, write_segmentation

SHAPE = (7, 5, 6)


def drawn(path: Path, grid: Grid, classes=None, **options) -> np.ndarray:
    classes = classes or {1: 1, 2: 2, 3: 3}
    return draw([(path, classes)], grid, list(classes.values()), **options)


def masks_of(number: int = 3, seed: int = 3, shape=SHAPE) -> np.ndarray:
    """Return random masks that do not overlap, shape ``(number, X, Y, Z)``."""
    labels = np.random.default_rng(seed).integers(0, number + 1, shape)
    return np.stack([labels == place for place in range(1, number + 1)]).astype(np.uint8)


def labels_of(masks: np.ndarray) -> np.ndarray:
    return sum(number * mask for number, mask in enumerate(masks, start=1))


@pytest.fixture
def ct_series(write):
    return write(make_ct("axial"))


@pytest.fixture
def grid():
    return grid_of("axial")


def grid_of(axes: str) -> Grid:
    return Grid(shape=SHAPE, affine=make_ct(axes).affine)


def test_a_real_liver_is_where_highdicom_finds_it(test_data):
    slices = sorted((test_data / "dicom" / "ct_3slice").glob("*.dcm"))
    path = test_data / "dicom" / "ct_3slice_seg_liver.dcm"
    volume = read_series(slices).volume
    labels = drawn(path, Grid(shape=volume.shape, affine=volume.affine), {1: 1})
    headers = [pydicom.dcmread(one) for one in slices]
    headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    other = highdicom.seg.segread(path).get_pixels_by_source_instance(
        [header.SOPInstanceUID for header in headers],
        segment_numbers=[1],
        ignore_spatial_locations=True,
    )
    assert (labels == other[..., 0].transpose(2, 1, 0)).all()
    assert labels.sum() == 107_098
    assert volume.array[0][labels == 1].mean() > 0
    assert volume.array[0].mean() < -300


@pytest.mark.parametrize("axes", ["axial", "sagittal", "coronal", "oblique"])
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_segments_come_back_voxel_for_voxel(write, tmp_path, axes, kind):
    volume, masks = make_ct(axes), masks_of()
    values = masks.astype(float) if kind == "FRACTIONAL" else masks
    pixels = labels_of(masks).astype(np.uint8) if kind == "LABELMAP" else values
    path = write_segmentation(tmp_path / "seg", write(volume), pixels, kind=kind)
    grid = Grid(
        shape=SHAPE, affine=read_series(sorted((tmp_path / "series").iterdir())).volume.affine
    )
    assert (drawn(path, grid) == labels_of(masks)).all()


@pytest.mark.parametrize(
    ("syntax", "codec"),
    [(RLELossless, "pydicom"), (JPEG2000Lossless, "pylibjpeg"), (JPEGLSLossless, "pyjpegls")],
)
def test_lossless_compression_changes_nothing(write, tmp_path, syntax, codec):
    shape = (65, 66, 3)
    volume, masks = make_ct("axial", shape), masks_of(shape=shape)
    slices, grid = write(volume), Grid(shape=shape, affine=volume.affine)
    labels = labels_of(masks).astype(np.uint8)
    path = write_segmentation(tmp_path / "seg", slices, labels, kind="LABELMAP")
    dataset = pydicom.dcmread(path)
    dataset.compress(syntax, encoding_plugin=codec)
    dataset.save_as(path)
    assert (drawn(path, grid) == labels_of(masks)).all()


def test_a_segmentation_that_covers_a_part_leaves_the_rest_background(ct_series, grid, tmp_path):
    masks = masks_of()[:, :, :, 2:4]
    path = write_segmentation(tmp_path / "seg", ct_series[2:4], masks)
    labels = drawn(path, grid)
    assert (labels[:, :, 2:4] == labels_of(masks)).all()
    assert not labels[:, :, :2].any()
    assert not labels[:, :, 4:].any()


def test_frames_may_come_in_any_order_and_be_flipped(ct_series, grid, tmp_path):
    masks = masks_of(1)
    path = write_segmentation(tmp_path / "seg", ct_series, masks * 1.0, kind="FRACTIONAL")
    dataset = pydicom.dcmread(path)
    frames = dataset.pixel_array[::-1, :, ::-1]
    groups = list(dataset.PerFrameFunctionalGroupsSequence)[::-1]
    columns, spacing = SHAPE[0], 0.7
    shared = dataset.SharedFunctionalGroupsSequence[0]
    along = [float(one) for one in shared.PlaneOrientationSequence[0].ImageOrientationPatient]
    for group in groups:
        place = group.PlanePositionSequence[0]
        first = np.array(place.ImagePositionPatient, float)
        last = first + np.array(along[:3]) * spacing * (columns - 1)
        place.ImagePositionPatient = [f"{mm:.6f}" for mm in last]
    turned = [-one for one in along[:3]] + along[3:]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = turned
    dataset.PerFrameFunctionalGroupsSequence = groups
    dataset.PixelData = frames.tobytes()
    dataset.save_as(path)
    assert (drawn(path, grid, {1: 1}) == masks[0]).all()


def test_half_a_fraction_is_inside(ct_series, grid, tmp_path):
    values = np.random.default_rng(2).random((1, *SHAPE)).astype(np.float32)
    path = write_segmentation(tmp_path / "seg", ct_series, values, kind="FRACTIONAL")
    assert (drawn(path, grid, {1: 1}) == (np.round(values[0] * 255) >= 127.5)).all()


def test_only_wanted_segments_are_drawn_and_several_may_be_one_class(ct_series, grid, tmp_path):
    masks = masks_of()
    path = write_segmentation(tmp_path / "seg", ct_series, masks)
    labels = drawn(path, grid, {1: 300, 3: 300})
    assert labels.dtype == np.uint16
    assert (labels == np.uint16(300) * (masks[0] | masks[2])).all()


def test_an_object_says_what_it_describes(ct_series, tmp_path):
    path = write_segmentation(tmp_path / "seg", ct_series, masks_of())
    found = describe(path)
    assert found is not None
    assert (found.kind, found.series_uids) == ("segmentation", ("1.2.3.4",))
    assert [(one.number, one.name, one.code, one.meaning) for one in found.segments[:2]] == [
        (1, "liver", "SCT:10200004", "Liver"),
        (2, "spleen", "SCT:78961009", "Spleen"),
    ]
    assert {one.frame_of_reference for one in found.segments} == {"1.2.3.4.0"}


def test_an_image_is_no_label_object(ct_series):
    assert describe(ct_series[0]) is None


def test_overlapping_classes_are_refused_unless_their_order_is_given(ct_series, grid, tmp_path):
    masks = masks_of(2)
    masks[1, 2:4, 2:4, 2:4] = masks[0, 2:4, 2:4, 2:4] = 1
    path = write_segmentation(tmp_path / "seg", ct_series, masks)
    with pytest.raises(InputError, match="8 voxels belong to several"):
        drawn(path, grid, {1: 1, 2: 2})
    later = drawn(path, grid, {1: 1, 2: 2}, later_covers_earlier=True)
    earlier = drawn(path, grid, {2: 2, 1: 1}, later_covers_earlier=True)
    assert (later == np.where(masks[1], 2, masks[0])).all()
    assert (earlier == np.where(masks[0], 1, 2 * masks[1])).all()


@pytest.mark.parametrize(("axis", "voxels"), [(0, 0.3), (1, 0.5), (2, 0.2)])
def test_a_segmentation_beside_the_grid_is_refused(ct_series, grid, tmp_path, axis, voxels):
    path = write_segmentation(tmp_path / "seg", ct_series, masks_of())
    affine = np.array(grid.affine)
    affine[:3, 3] += voxels * affine[:3, axis]
    with pytest.raises(InputError, match=r"must lie on the grid of its images; .* frames do not"):
        drawn(path, Grid(shape=SHAPE, affine=affine))


def test_a_segmentation_of_other_voxels_is_refused(ct_series, grid, tmp_path):
    path = write_segmentation(tmp_path / "seg", ct_series, masks_of())
    affine = np.array(grid.affine) @ np.diag([2.0, 2.0, 1.0, 1.0])
    with pytest.raises(InputError, match="another size or direction"):
        drawn(path, Grid(shape=SHAPE, affine=affine))


def test_labels_outside_of_the_image_are_refused(ct_series, grid, tmp_path):
    masks = masks_of()
    path = write_segmentation(tmp_path / "seg", ct_series, masks)
    outside = int(labels_of(masks)[:, :, 4:].astype(bool).sum())
    with pytest.raises(InputError, match=f"{outside} labelled voxels lie outside"):
        drawn(path, Grid(shape=(*SHAPE[:2], 4), affine=grid.affine))


def test_classes_for_unknown_segments_are_refused(ct_series, grid, tmp_path):
    path = write_segmentation(tmp_path / "seg", ct_series, masks_of(2))
    with pytest.raises(InputError, match="1 of 3 are not"):
        drawn(path, grid)


def test_two_segments_of_one_number_are_refused(ct_series, grid, tmp_path):
    path = write_segmentation(tmp_path / "seg", ct_series, masks_of(2))
    dataset = pydicom.dcmread(path)
    dataset.SegmentSequence[1].SegmentNumber = 1
    dataset.save_as(path)
    with pytest.raises(RefusedSeries, match="2 segments have 1 different numbers"):
        drawn(path, grid, {1: 1})


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_file_cut_anywhere_is_refused(ct_series, grid, tmp_path, kind):
    masks = masks_of()
    pixels = {"BINARY": masks, "FRACTIONAL": masks * 1.0}.get(kind)
    pixels = labels_of(masks).astype(np.uint8) if pixels is None else pixels
    path = write_segmentation(tmp_path / "seg", ct_series, pixels, kind=kind)
    content = path.read_bytes()
    for length in np.linspace(0, len(content) - 2, 25).astype(int):
        path.write_bytes(content[:length])
        with pytest.raises((RefusedSeries, InputError)):
            drawn(path, grid)


HUGE = {
    "rows and columns": ({"Rows": 65535, "Columns": 65535}, "LIMIT_EXCEEDED"),
    "frames": ({"NumberOfFrames": 2_000_000_000}, "LIMIT_EXCEEDED"),
    "more frames than described": ({"NumberOfFrames": 4000}, "DECODE_FAILED"),
    "more pixels than there are": ({"Rows": 4096, "Columns": 4096}, "PIXEL_TRUNCATED"),
    "no pixels": ({"PixelData": None}, "PIXEL_TRUNCATED"),
    "bits": ({"BitsAllocated": 32}, "DECODE_FAILED"),
    "no type": ({"SegmentationType": None}, "DECODE_FAILED"),
    "no frames": ({"PerFrameFunctionalGroupsSequence": None}, "DECODE_FAILED"),
    "no place": ({"SharedFunctionalGroupsSequence": None}, "NO_GEOMETRY"),
}


@pytest.mark.parametrize("what", HUGE)
def test_a_header_that_lies_is_refused_before_anything_is_allocated(
    ct_series, grid, tmp_path, what
):
    elements, code = HUGE[what]
    path = write_segmentation(tmp_path / "seg", ct_series, masks_of(), omit_empty=False)
    changed(path, **elements)
    with pytest.raises((RefusedSeries, InputError), match=code):
        drawn(path, grid)


def test_a_lossy_syntax_is_refused(ct_series, grid, tmp_path):
    path = write_segmentation(tmp_path / "seg", ct_series, masks_of())
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0", 1))
    with pytest.raises(RefusedSeries):
        drawn(path, grid)


def test_sequences_two_thousand_deep_are_refused(ct_series, grid, tmp_path):
    path = write_segmentation(tmp_path / "seg", ct_series, masks_of())
    bomb = b"\x62\x00\x02\x00SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    path.write_bytes(path.read_bytes() + bomb * 2000)
    with pytest.raises(RefusedSeries, match="LIMIT_EXCEEDED"):
        drawn(path, grid)


def test_more_items_than_memory_holds_are_refused(ct_series, grid, tmp_path, monkeypatch):
    path = write_segmentation(tmp_path / "seg", ct_series, masks_of())
    monkeypatch.setattr(label_object, "MAX_ITEMS", 20)
    with pytest.raises(RefusedSeries, match="LIMIT_EXCEEDED: More than 20 items"):
        drawn(path, grid)


def test_items_hidden_by_deflating_are_counted_too(ct_series, tmp_path, monkeypatch):
    path = write_segmentation(tmp_path / "seg", ct_series, masks_of(), omit_empty=False)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    dataset.save_as(path)
    assert describe(path) is not None
    monkeypatch.setattr(label_object, "MAX_ITEMS", 20)
    with pytest.raises(RefusedSeries, match="LIMIT_EXCEEDED: More than 20 items"):
        describe(path)


def test_a_deflate_bomb_is_refused(tmp_path, monkeypatch):
    dataset = Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2"
    path = tmp_path / "bomb"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    head = struct.pack("<HH2sHI", 0x0062, 0x0002, b"OB", 0, 2**24)
    bomb = packer.compress(head + bytes(2**24)) + packer.flush()
    path.write_bytes(path.read_bytes().removesuffix(b"\x03\0") + bomb)
    monkeypatch.setattr(dicom_file, "MAX_INFLATED_BYTES", 2**22)
    with pytest.raises(RefusedSeries, match="LIMIT_EXCEEDED"):
        describe(path)
