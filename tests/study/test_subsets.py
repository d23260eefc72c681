"""Subsets and splits: nested, stratified, grouped by patient."""

import itertools
from collections import Counter

import pytest

from medcl.errors import InputError, LeakageError
from medcl.study.split import LabelledVolume, split
from medcl.study.subsets import check_counts, subset


def cohort(num_patients: int = 90, rare_every: int = 9) -> list[LabelledVolume]:
    """Return two volumes per patient."""
    return [
        LabelledVolume(f"v{i}-{j}", f"p{i}", int(i % rare_every == 0))
        for i in range(num_patients)
        for j in range(2)
    ]


def patients(volumes: tuple[LabelledVolume, ...]) -> set[str]:
    return {volume.patient_key for volume in volumes}


@pytest.mark.parametrize("seed", range(5))
def test_a_smaller_subset_lies_within_a_larger_one(seed: int) -> None:
    found = [subset(cohort(), num_patients=n, seed=seed) for n in (2, 5, 10, 20, 50, 90)]
    for smaller, larger in itertools.pairwise(found):
        assert patients(smaller) < patients(larger)


def test_subsets_count_patients_and_take_all_their_volumes() -> None:
    found = subset(cohort(), num_patients=10, seed=3)
    assert len(patients(found)) == 10
    assert len(found) == 20


@pytest.mark.parametrize("count", [20, 45, 63, 90])
def test_each_class_has_its_share(count: int) -> None:
    found = subset(cohort(), num_patients=count, seed=1)
    rare = sum(volume.target == 1 for volume in found) / 2
    assert abs(rare - count / 9) <= 1


def test_a_rare_class_is_in_the_smallest_subset() -> None:
    for seed in range(20):
        targets = Counter(v.target for v in subset(cohort(), num_patients=4, seed=seed))
        assert targets[1] >= 2


def test_other_seeds_give_other_subsets_and_the_same_seed_the_same() -> None:
    draws = {frozenset(patients(subset(cohort(), num_patients=10, seed=s))) for s in range(10)}
    assert len(draws) == 10
    forwards = subset(cohort(), num_patients=10, seed=0)
    backwards = subset(cohort()[::-1], num_patients=10, seed=0)
    assert patients(forwards) == patients(backwards)


def test_patients_with_several_classes_serve_each_of_them() -> None:
    volumes = [LabelledVolume(f"v{i}-{k}", f"p{i}", k) for i in range(12) for k in range(11)]
    found = subset(volumes, num_patients=1, seed=0)
    assert {volume.target for volume in found} == set(range(11))


def test_label_maps_need_no_strata() -> None:
    volumes = [LabelledVolume(f"v{i}", f"p{i}") for i in range(8)]
    assert len(subset(volumes, num_patients=3, seed=0)) == 3


@pytest.mark.parametrize(
    ("count", "least", "sentence"),
    [
        (1, 1, "cannot hold 1 of each of 2 classes"),
        (3, 2, "cannot hold 2 of each of 2 classes"),
        (91, 1, "between 1 and the 90 patients"),
        (50, 11, "Class 1 has too few cases: every subset must hold 11 .* has 10"),
    ],
)
def test_what_the_labels_cannot_give_is_refused(count: int, least: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        subset(cohort(), num_patients=count, seed=0, min_per_class=least)


def test_what_one_seed_cannot_give_is_refused_before_any_subset_is_drawn() -> None:
    """Two patients hold each class twice; only some seeds take these two first."""
    volumes = [
        LabelledVolume(f"{name}{target}", name, target)
        for name, targets in {"a": (0, 1), "b": (0, 1), "c": (0,), "d": (1,)}.items()
        for target in targets
    ]
    check_counts(volumes, [2, 3], min_per_class=2)
    check_counts(volumes, [3], min_per_class=2, seeds=range(20))
    with pytest.raises(InputError, match="2 labelled patients cannot hold 2 of each class"):
        check_counts(volumes, [2, 3], min_per_class=2, seeds=range(20))


def test_half_labelled_volumes_are_refused() -> None:
    volumes = [LabelledVolume("a", "p", 0), LabelledVolume("b", "q", None)]
    with pytest.raises(InputError, match="found 1 of 2 without"):
        check_counts(volumes, [1])


def test_no_patient_is_trained_on_and_tested() -> None:
    parts = split(cohort(), test_fraction=0.3, seed=5)
    assert not patients(parts.train) & patients(parts.test)
    assert len(parts.train) + len(parts.test) == 180
    assert len(patients(parts.test)) == 27
    assert sum(volume.target == 1 for volume in parts.test) == 6


def test_the_split_of_the_label_set_is_obeyed() -> None:
    names = ["train", "val", "test", "train"]
    volumes = [LabelledVolume(f"v{i}", f"p{i}", 0, name) for i, name in enumerate(names)]
    parts = split(volumes)
    assert [volume.key for volume in parts.train] == ["v0", "v3"]
    assert [volume.key for volume in parts.test] == ["v2"]
    assert parts.num_set_aside == 1


def test_a_given_split_that_parts_a_patient_is_refused_for_safety() -> None:
    volumes = [
        LabelledVolume("a", "p", 0, "train"),
        LabelledVolume("b", "p", 1, "test"),
        LabelledVolume("c", "q", 1, "test"),
    ]
    with pytest.raises(LeakageError, match="1 of 2 test patients"):
        split(volumes)


@pytest.mark.parametrize("names", [("train", None), ("train", "train"), ("train", "probe")])
def test_an_incomplete_split_is_refused(names: tuple[str | None, ...]) -> None:
    volumes = [LabelledVolume(f"v{i}", f"p{i}", 0, name) for i, name in enumerate(names)]
    with pytest.raises(InputError, match="own split must name"):
        split(volumes)


def test_a_class_of_one_patient_cannot_be_split() -> None:
    volumes = [LabelledVolume(f"v{i}", f"p{i}", int(i == 0)) for i in range(9)]
    with pytest.raises(InputError, match=r"2 patients of class 1 .* found 1"):
        split(volumes)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0])
def test_an_impossible_test_fraction_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        split(cohort(), test_fraction=fraction)


def test_a_repeated_volume_is_refused() -> None:
    with pytest.raises(InputError, match="a key is repeated"):
        split([LabelledVolume("a", "p", 0)] * 2)
