"""Who is a negative of whom."""

import pytest
import torch

from medcl.methods.pairing import excluded_rows, patient_ids


def test_a_key_becomes_its_first_64_bits_signed():
    keys = ["0000000000000001" + 16 * "f", "7fffffffffffffff", "8000000000000000", 32 * "f"]
    assert patient_ids(keys).tolist() == [1, 2**63 - 1, -(2**63), -1]
    assert patient_ids(keys).dtype == torch.int64


def test_keys_that_differ_late_still_differ():
    assert len(set(patient_ids([15 * "0" + digit for digit in "0123456789abcdef"]).tolist())) == 16


def test_no_keys_give_no_ids():
    assert patient_ids([]).shape == (0,)


@pytest.mark.parametrize("key", ["", "ff", "Doe^John Jonathan", "xyzxyzxyzxyzxyzx"])
def test_what_is_no_key_is_refused_without_repeating_it(key):
    with pytest.raises(ValueError, match="16 hexadecimal digits") as caught:
        patient_ids([32 * "a", key])
    assert not key or key not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_two_series_of_one_patient_are_never_negatives_in_any_view():
    mask = excluded_rows(torch.tensor([5, 8, 5]))
    for first in (0, 3):
        for second in (2, 5):
            assert mask[first, second]
            assert mask[second, first]


def test_a_row_its_positive_and_strangers_are_not_excluded():
    ids = torch.tensor([5, 8, 5, 9])
    mask = excluded_rows(ids)
    for i in range(8):
        for k in range(8):
            same_patient, same_pair = ids[i % 4] == ids[k % 4], i % 4 == k % 4
            assert mask[i, k] == (same_patient and not same_pair)


def test_a_batch_of_different_patients_excludes_nothing():
    assert not excluded_rows(torch.arange(6)).any()
