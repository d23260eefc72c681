"""What is measured when a volume is taken in: quality, and what it shows."""

import numpy as np
import pytest

from medcl.ingest.outcome import Technical
from medcl.store.near_duplicates import near_duplicates, without_near_duplicates
from medcl.store.selection import USUAL, QualityBounds, missed
from medcl.volume import Volume

SHAPE = (48, 44, 30)


def scan(patient: int = 0, *, noise_hu: float = 10.0, seed: int = 0) -> np.ndarray:
    """Return a trunk with organs of its own for each patient, in HU."""
    places = np.random.default_rng(patient).uniform(-0.5, 0.5, (9, 3))
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"), axis=-1)
    values = np.where((grid[..., :2] ** 2).sum(-1) < 0.8, 40.0, -1000.0)
    for number, place in enumerate(places):
        values[((grid - place) ** 2).sum(-1) < 0.05] = (-850.0, 300.0)[number % 2]
    noise = np.random.default_rng(seed).normal(0, noise_hu, SHAPE)
    return np.rint(values + noise).astype(np.int16)[None]


@pytest.fixture
def row_of(store, make_accepted):
    """Return the row that the store makes of voxels, and of changes to what came with them."""
    numbers = iter(range(1000))

    def make(array: np.ndarray, **changes):
        accepted = make_accepted(next(numbers), array=array, **changes)
        assert store.add(accepted) == "added"
        return store.row(accepted.key)

    return make


def test_noise_is_measured_in_the_unit_of_the_volume(row_of):
    assert row_of(scan(noise_hu=10)).quality.noise_sd == pytest.approx(10, rel=0.15)
    assert row_of(scan(noise_hu=30)).quality.noise_sd == pytest.approx(30, rel=0.15)


def test_a_range_cut_off_at_its_top_is_seen(row_of):
    assert row_of(scan()).quality.clipped_fraction < 0.001
    cut = np.minimum(scan(), 45)
    lost = row_of(cut).quality.clipped_fraction
    assert lost == pytest.approx((scan() > 45).mean(), abs=0.02)


def test_slices_without_a_body_are_counted(row_of):
    array = scan()
    array[..., :7] = -1000
    assert row_of(array).quality.empty_slices == 7
    assert row_of(scan()).quality.empty_slices == 0


@pytest.mark.parametrize(
    ("shift_hu", "said"), [(0, "plausible"), (-1024, "shifted"), (1024, "shifted")]
)
def test_a_rescale_applied_twice_or_left_out_is_seen(row_of, shift_hu, said):
    assert row_of(scan() + np.int16(shift_hu)).quality.hu_scale == said


def test_other_modalities_have_no_hounsfield_scale_and_all_the_rest(row_of):
    array = scan() + np.int16(1100)
    volume = Volume(array=array, affine=np.eye(4), modality="MR", unit="a.u.")
    row = row_of(array, volume=volume)
    assert row.quality.hu_scale is None
    assert row.quality.noise_sd > 0
    assert row.perceptual_hash is not None


def test_the_same_scan_stored_again_in_another_way_is_a_near_duplicate(row_of):
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    mirrored = affine @ np.diag([-1.0, 1.0, 1.0, 1.0])
    mirrored[0, 3] = (SHAPE[0] - 1) * 2.0
    once = row_of(scan(1), affine=affine)
    noisier = row_of(scan(1, seed=9, noise_hu=25), affine=affine)
    turned = row_of(scan(1, seed=3)[:, ::-1], affine=mirrored)
    others = [row_of(scan(patient), affine=affine) for patient in (2, 3)]
    (group,) = near_duplicates([once, noisier, turned, *others])
    assert {row.key for row in group.rows} == {once.key, noisier.key, turned.key}
    kept = without_near_duplicates([once, noisier, turned, *others])
    assert {row.key for row in others} < {row.key for row in kept}
    assert len(kept) == 3


def test_a_good_volume_misses_nothing(row_of):
    technical = Technical(orientation_source="scanner", slice_thickness_mm=3.0)
    row = row_of(scan(), affine=np.diag([2.0, 2.0, 3.0, 1.0]), technical=technical)
    assert missed(row, QualityBounds()) == ()
    assert missed(row, USUAL) == ()


@pytest.mark.parametrize(
    "bounds",
    [
        {"min_foreground_fraction": 0.9},
        {"max_clipped_fraction": 0.01},
        {"max_noise_fraction": 1e-4},
        {"max_empty_fraction": 0.1},
        {"min_extent_mm": 95.0},
        {"max_spacing_mm": 2.5},
        {"min_slice_coverage": 0.9},
        {"hu_scale": ("shifted",)},
        {"orientation": ("scanner",)},
    ],
)
def test_each_bound_leaves_out_what_misses_it_and_nothing_else(row_of, bounds):
    array = np.minimum(scan(), 45)
    array[..., :7] = -1000
    technical = Technical(orientation_source="assumed", slice_thickness_mm=2.0)
    row = row_of(array, affine=np.diag([2.0, 2.0, 3.0, 1.0]), technical=technical)
    assert missed(row, QualityBounds(**bounds)) == tuple(bounds)
