"""Settings select volumes by what was measured on them; nothing in the store changes."""

import numpy as np
import pytest

from medcl.build.cohorts import cohort_rows
from medcl.config.cohort import CohortConfig, QualityConfig
from medcl.errors import InputError
from medcl.store.store import Store
from tests.store.conftest import accepted_volume
from tests.store.test_quality import scan


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """A good CT, the same with a little more noise, and another with its rescale applied twice."""
    made = Store.create(tmp_path_factory.mktemp("cohorts") / "store", key_fingerprint="f" * 16)
    arrays = [scan(1), scan(1, seed=5, noise_hu=14), scan(2) - np.int16(1024)]
    for number, array in enumerate(arrays):
        made.add(accepted_volume(number, array=array, affine=np.diag([2.0, 2.0, 3.0, 1.0])))
    return made


def patients(store: Store, **settings) -> int:
    rows = cohort_rows(store, CohortConfig(**settings), modality="CT")
    return len({row.patient_key for row in rows})


def test_without_bounds_every_volume_takes_part(store):
    assert patients(store) == 3


def test_bounds_leave_volumes_out_and_delete_none(store):
    assert patients(store, quality=QualityConfig(hu_scale=("plausible",))) == 2
    assert len(store.rows()) == 3
    assert patients(store) == 3


def test_near_duplicates_are_collapsed_to_one_volume_where_asked(store):
    assert patients(store, collapse_near_duplicates=True) == 2


def test_bounds_come_before_collapsing_so_that_a_good_copy_stands_for_a_bad_one(store):
    first, second = (row for row in store.rows() if row.quality.hu_scale == "plausible")
    cleaner = min(first.quality.noise_sd, second.quality.noise_sd)
    between = 1.1 * cleaner / 1300
    rows = cohort_rows(
        store,
        CohortConfig(
            collapse_near_duplicates=True,
            quality=QualityConfig(max_noise_fraction=between, hu_scale=("plausible",)),
        ),
        modality="CT",
    )
    assert [row.quality.noise_sd for row in rows] == [cleaner]


def test_a_cohort_of_nothing_says_which_bound_left_how_many_out(store):
    with pytest.raises(InputError, match="3 miss min_extent_mm"):
        patients(store, quality=QualityConfig(min_extent_mm=500.0))


def test_the_most_volumes_are_counted_after_selection(store):
    chosen = cohort_rows(
        store,
        CohortConfig(quality=QualityConfig(hu_scale=("shifted",)), max_volumes=1),
        modality="CT",
    )
    assert [row.quality.hu_scale for row in chosen] == ["shifted"]
