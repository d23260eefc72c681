"""Labels are told from measurements on everything real at hand, with room on both sides."""

from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from medcl.io.label_likeness import (
    MAX_LABELS,
    MIN_AGREEMENT,
    distinct_whole_numbers,
    is_label_map,
    neighbour_agreement,
)

SCANS = ["example_ct", "example_mr_sm", "spine_t1w", "spine_t2w", "spine_fmri_4d"]
LABELS = [
    "nifti/example_seg.nii.gz",
    "nifti/example_seg_mr.nii.gz",
    "dicom/ct_jpeg2000_labels.nii.gz",
]


def load(path: Path) -> np.ndarray:
    array = np.asanyarray(nib.load(path).dataobj)
    return array[..., 0] if array.ndim == 4 else array


def grey(array: np.ndarray, num_values: int) -> np.ndarray:
    low, high = np.percentile(array, [0.5, 99.5])
    return np.floor(np.clip((array - low) / (high - low), 0, 0.99999) * num_values)


def agreement(array: np.ndarray) -> float:
    values = distinct_whole_numbers(array, MAX_LABELS)
    assert values is not None
    return float(np.median(neighbour_agreement(array, values)))


def scans(folder: Path) -> Iterator[np.ndarray]:
    for name in SCANS:
        yield load(folder / "nifti" / f"{name}.nii.gz")


def test_no_hippocampus_scan_and_every_hippocampus_map_is_one(test_data: Path) -> None:
    folder = test_data / "msd_hippocampus"
    for kind, expected in (("images", False), ("labels", True)):
        found = {is_label_map(load(path)) for path in sorted((folder / kind).glob("*.nii.gz"))}
        assert found == {expected}


def test_real_scans_are_none_and_real_maps_are_ones(test_data: Path) -> None:
    assert not any(map(is_label_map, scans(test_data)))
    for place in LABELS:
        labels = load(test_data / place)
        assert is_label_map(labels)
        assert agreement(labels) > MIN_AGREEMENT + 0.15


def test_maps_stay_maps_when_thinned_or_cut(test_data: Path) -> None:
    for place in LABELS:
        labels = load(test_data / place)
        middle = labels.shape[2] // 2
        for part in (labels[::2, ::2], labels[..., middle - 2 : middle + 2]):
            assert is_label_map(part)
        assert is_label_map(labels.astype(np.float32))
        assert is_label_map(labels == labels.max())


@pytest.mark.parametrize("num_values", [256, 64])
def test_scans_in_few_grey_values_stay_scans(num_values: int, test_data: Path) -> None:
    for scan in scans(test_data):
        scaled = grey(scan, num_values)
        assert agreement(scaled) < 0.3
        assert not is_label_map(scaled.astype(np.uint8))
        masked = scaled * ndimage.binary_opening(scan > np.percentile(scan, 60))
        assert not is_label_map(masked)


def test_blurred_and_repeated_voxels_stay_scans(test_data: Path) -> None:
    for scan in scans(test_data):
        scaled = grey(scan, 64)
        assert agreement(np.round(ndimage.gaussian_filter(scaled, 3))) < MIN_AGREEMENT
        corner = grey(scan, 256)[:40, :40, :20]
        assert agreement(np.kron(corner, np.ones((2, 2, 2)))) < MIN_AGREEMENT


def test_a_saturated_window_stays_a_scan(test_data: Path) -> None:
    scan = load(test_data / "nifti" / "example_ct.nii.gz")
    for low, high in ((-1350, 150), (-160, 240), (-20, 120), (-1000, -200)):
        windowed = np.clip((scan - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
        assert not is_label_map(windowed)


def test_parcels_of_an_atlas_are_labels() -> None:
    parcels = np.arange(1000).reshape(10, 10, 10)
    assert is_label_map(np.kron(parcels, np.ones((5, 5, 5), np.int64)))
    assert is_label_map(np.kron(parcels * 7 - 3000, np.ones((5, 5, 5), np.int32)))
    assert is_label_map(np.kron(parcels * 10**6, np.ones((5, 5, 5), np.int32)))


def test_few_whole_numbers_are_labels_even_in_thin_structures() -> None:
    vessels = np.zeros((20, 20, 20), np.uint8)
    vessels[::3, 5, 5], vessels[7, ::2, 9] = 1, 2
    assert is_label_map(vessels)
    assert is_label_map(vessels > 0)


def test_constants_fractions_and_holes_are_no_labels() -> None:
    organ = np.zeros((6, 6, 6))
    organ[2:4, 2:4, 2:4] = 1
    assert is_label_map(organ)
    assert not is_label_map(np.zeros((6, 6, 6), np.uint8))
    for value in (0.5, np.nan, np.inf):
        organ[0, 0, 0] = value
        assert not is_label_map(organ)


def test_agreement_equals_a_loop_over_neighbours() -> None:
    array = np.random.default_rng(5).integers(-3, 3, (4, 5, 6)) * 3
    values = np.unique(array)
    equal, pairs = dict.fromkeys(values, 0), dict.fromkeys(values, 0)
    for at in np.ndindex(array.shape):
        for axis in range(3):
            for step in (-1, 1):
                other = np.array(at)
                other[axis] += step
                if 0 <= other[axis] < array.shape[axis]:
                    pairs[array[at]] += 1
                    equal[array[at]] += int(array[tuple(other)] == array[at])
    expected = [equal[value] / pairs[value] for value in values]
    for ordered in (array, np.asfortranarray(array), array.transpose().copy().transpose()):
        for dtype in (np.int8, np.int64, np.float32):
            found = neighbour_agreement(ordered.astype(dtype), values.astype(dtype))
            np.testing.assert_allclose(found, expected)
