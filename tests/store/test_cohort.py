"""Cohorts are pure functions of rows."""

import numpy as np
import pytest

from medcl.ingest.outcome import Technical
from medcl.store.cohort import by_patient, patient_keys, patient_numbers, select


@pytest.fixture
def rows(store, make_accepted):
    for number in range(5):
        store.add(
            make_accepted(
                number,
                patient=number // 2,
                array=np.ones((1, 8 + number, 8, 8), np.int16),
                affine=np.diag([1.0, 1.0, 1.0 + number, 1.0]),
                technical=Technical(body_part="chest" if number < 3 else None),
            )
        )
    return store.rows()


def test_every_wish_is_met(rows):
    assert select(rows) == rows
    assert select(rows, modality="MR") == []
    assert {row.shape[0] for row in select(rows, min_shape=(10, 8, 8))} == {10, 11, 12}
    assert {row.spacing_mm[2] for row in select(rows, max_spacing_mm=2.0)} == {1.0, 2.0}
    assert len(select(rows, min_extent_mm=(0.0, 0.0, 24.0))) == 3
    assert len(select(rows, body_parts=["chest"])) == 3


def test_excluded_patients_are_gone_with_all_their_volumes(rows):
    patient = next(key for key, group in by_patient(rows).items() if len(group) == 2)
    rest = select(rows, exclude_patients=[patient])
    assert len(rest) == 3
    assert patient not in patient_keys(rest)


def test_patients_are_grouped_and_numbered_whatever_the_order(rows):
    assert sorted(len(group) for group in by_patient(rows).values()) == [1, 2, 2]
    assert by_patient(rows[::-1]).keys() == by_patient(rows).keys()
    assert patient_numbers(rows) == patient_numbers(rows[::-1])
    assert sorted(patient_numbers(rows).values()) == [0, 1, 2]
