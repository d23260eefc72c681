from collections import Counter

import pytest

from medcl.adaptation.balance import batch_places


def places(targets, steps, **options):
    given = {"batch_size": 4, "is_balanced": True, "seed": 0} | options
    return [place for step in range(steps) for place in batch_places(targets, step=step, **given)]


def test_classes_take_turns_however_rare_they_are():
    targets = [0] * 9 + [1]
    counts = Counter(targets[place] for place in places(targets, 50))
    assert counts[0] == counts[1] == 100


def test_within_a_class_each_volume_comes_up_equally_often():
    targets = [0] * 5 + [1] * 2
    counts = Counter(places(targets, 25))
    assert {counts[place] for place in range(5)} == {10}
    assert {counts[place] for place in (5, 6)} == {25}


def test_unbalanced_batches_follow_the_frequencies():
    targets = [0] * 9 + [1]
    assert set(Counter(places(targets, 50, is_balanced=False)).values()) == {20}


def test_places_depend_on_seed_and_step_only():
    targets = [0, 1] * 6
    given = {"batch_size": 4, "is_balanced": True}
    assert batch_places(targets, step=3, seed=1, **given) == places(targets, 4, seed=1)[12:]
    assert places(targets, 4, seed=1) != places(targets, 4, seed=2)


@pytest.mark.parametrize("is_balanced", [True, False])
def test_fewer_volumes_than_a_batch_come_up_again(is_balanced):
    assert set(places([0, 1], 1, is_balanced=is_balanced)) == {0, 1}
