from collections import Counter

import pytest

from medcl.errors import RequestError
from medcl.training.sampler import PatientSampler, share


def test_a_batch_holds_distinct_patients(store):
    sampler = PatientSampler(store.rows(), batch_size=4, seed=0)
    for step in range(50):
        patients = [row.patient_key for row in sampler.batch(step)]
        assert len(set(patients)) == 4


def test_an_epoch_shows_every_patient_once_if_batches_fill_it(store):
    sampler = PatientSampler(store.rows(), batch_size=5, seed=0)
    for epoch in range(3):
        steps = range(epoch * sampler.batches_per_epoch, (epoch + 1) * sampler.batches_per_epoch)
        seen = Counter(row.patient_key for step in steps for row in sampler.batch(step))
        assert set(seen.values()) == {1}
        assert len(seen) == sampler.num_patients == 10


def test_a_rest_that_fills_no_batch_is_another_one_each_epoch(store):
    sampler = PatientSampler(store.rows(), batch_size=4, seed=0)
    seen = Counter(row.patient_key for step in range(40) for row in sampler.batch(step))
    assert len(seen) == 10


def test_all_series_of_a_patient_come_up_over_the_epochs(store):
    rows = store.rows()
    many = next(key for key, n in Counter(r.patient_key for r in rows).items() if n == 3)
    sampler = PatientSampler(rows, batch_size=10, seed=0)
    seen = {row.key for step in range(30) for row in sampler.batch(step) if row.patient_key == many}
    assert len(seen) == 3


def test_batches_depend_on_seed_and_step_only(store):
    rows = store.rows()
    keys = [[row.key for row in PatientSampler(rows, batch_size=4, seed=1).batch(7)]]
    keys += [[row.key for row in PatientSampler(rows[::-1], batch_size=4, seed=1).batch(7)]]
    other = [row.key for row in PatientSampler(rows, batch_size=4, seed=2).batch(7)]
    assert keys[0] == keys[1] != other


def test_too_few_patients_are_refused_with_counts(store):
    with pytest.raises(RequestError, match=r"11 different patients.*12 volumes come from 10"):
        PatientSampler(store.rows(), batch_size=11, seed=0)


@pytest.mark.parametrize("ranks", [1, 2, 3, 6])
def test_shares_make_up_the_batch_in_order(ranks):
    batch = list(range(6))
    assert [x for rank in range(ranks) for x in batch[share(rank, ranks, batch_size=6)]] == batch


def test_a_batch_that_processes_cannot_share_is_refused():
    with pytest.raises(RequestError, match="batch_size 6 must be a multiple of 4"):
        share(0, 4, batch_size=6)
