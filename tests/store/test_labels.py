"""Labels and label maps belong to volumes of the store, or are refused with counts."""

import numpy as np
import pytest

from medcl.errors import CorruptionError, InputError
from medcl.geometry.boxes import Box
from medcl.store.rows import LabelRow
from medcl.store.store import Store


@pytest.fixture
def filled(store, make_accepted):
    for number in range(3):
        store.add(make_accepted(number))
    return store


@pytest.fixture
def labels():
    return np.random.default_rng(5).integers(0, 3, (40, 37, 34))


def keys_of(store):
    return [row.key for row in store.rows()]


def test_labels_come_back_sorted_and_counted(filled):
    first, second, third = keys_of(filled)
    filled.add_labels("sides", [LabelRow(third, 1, "test"), LabelRow(first, 0, "train")])
    filled.add_labels("sides", [LabelRow(second, 1), LabelRow(first, 0, "train")])
    reader = Store.open(filled.folder)
    assert reader.labels("sides") == [(first, 0, "train"), (second, 1, None), (third, 1, "test")]
    assert reader.label_sets() == [("sides", "class", 3)]


def test_a_label_that_came_with_a_volume_is_kept_with_it(store, make_accepted):
    accepted = make_accepted(label=1, label_set="sides", split="train")
    assert store.add(accepted) == "added"
    assert store.add(accepted) == "unchanged"
    assert store.labels("sides") == [(accepted.key, 1, "train")]


def test_labels_of_unknown_volumes_are_refused_with_counts(filled):
    rows = [LabelRow(keys_of(filled)[0], 1), LabelRow("0" * 32, 1), LabelRow("1" * 32, 0)]
    with pytest.raises(InputError, match=r"2 of 3 labels do not. The store holds 3 volumes"):
        filled.add_labels("sides", rows)
    assert filled.label_sets() == []


def test_labels_that_contradict_are_refused_with_counts(filled):
    key = keys_of(filled)[0]
    filled.add_labels("sides", [LabelRow(key, 1)])
    with pytest.raises(InputError, match=r"1 of 1 labels contradict"):
        filled.add_labels("sides", [LabelRow(key, 0)])
    with pytest.raises(InputError, match=r"1 of 2 labels contradict"):
        filled.add_labels("other", [LabelRow(key, 0), LabelRow(key, 1)])
    assert filled.labels("sides") == [(key, 1, None)]


def test_the_label_digest_follows_labels_and_not_their_order(filled):
    first, second, _ = keys_of(filled)
    filled.add_labels("a", [LabelRow(first, 0), LabelRow(second, 1)])
    filled.add_labels("b", [LabelRow(second, 1), LabelRow(first, 0)])
    filled.add_labels("c", [LabelRow(second, 1), LabelRow(first, 1)])
    assert filled.label_digest("a") == filled.label_digest("b") != filled.label_digest("c")


def test_an_unknown_set_is_refused(filled, labels):
    with pytest.raises(InputError, match="holds 0 of classes and 0 of maps"):
        filled.labels("sides")
    row = filled.rows()[0]
    filled.add_label_map("organ", row.key, labels, affine=row.affine)
    with pytest.raises(InputError, match="0 of classes and 1 of maps"):
        filled.labels("organ")
    with pytest.raises(InputError, match="kind 'map' and cannot take a 'class'"):
        filled.add_labels("organ", [LabelRow(row.key, 1)])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, bool])
def test_a_label_map_comes_back_with_its_classes(filled, labels, dtype):
    row, labels = filled.rows()[0], labels.astype(dtype)
    filled.add_label_map("organ", row.key, labels, affine=row.affine, split="train")
    reader = Store.open(filled.folder)
    assert (reader.read_label_map("organ", row.key) == labels).all()
    box = Box((3, 4, 5), (20, 21, 34))
    assert (reader.read_label_box("organ", row.key, box) == labels[box.slices]).all()
    (found,) = reader.label_maps("organ")
    assert (found.key, found.split) == (row.key, "train")
    assert found.classes == tuple(np.unique(labels))
    assert reader.label_sets() == [("organ", "map", 1)]
    assert len(reader.label_digest("organ")) == 64


def test_a_label_map_of_another_shape_is_refused_naming_both(filled, labels):
    row = filled.rows()[0]
    with pytest.raises(InputError, match=r"shape \(40, 37, 34\), got \(39, 37, 34\)"):
        filled.add_label_map("organ", row.key, labels[1:], affine=row.affine)


def test_a_label_map_on_another_grid_is_refused_naming_the_gap(filled, labels):
    row = filled.rows()[0]
    affine = np.array(row.affine)
    affine[0, 3] += 0.5
    with pytest.raises(InputError, match=r"up to 0\.500 mm"):
        filled.add_label_map("organ", row.key, labels, affine=affine)
    affine[0, 3] = row.affine[0, 3] + 0.001
    filled.add_label_map("organ", row.key, labels, affine=affine)


def test_a_label_map_of_fractions_is_refused(filled, labels):
    row = filled.rows()[0]
    with pytest.raises(InputError, match="whole numbers"):
        filled.add_label_map("organ", row.key, labels.astype(np.float32), affine=row.affine)


def test_another_map_of_the_same_volume_is_refused(filled, labels):
    row = filled.rows()[0]
    filled.add_label_map("organ", row.key, labels, affine=row.affine)
    filled.add_label_map("organ", row.key, labels, affine=row.affine)
    with pytest.raises(InputError, match="another label map"):
        filled.add_label_map("organ", row.key, labels + 1, affine=row.affine)
    assert (filled.read_label_map("organ", row.key) == labels).all()


def test_a_missing_map_and_an_unknown_volume_are_refused(filled, labels):
    row, other, _ = filled.rows()
    filled.add_label_map("organ", row.key, labels, affine=row.affine)
    with pytest.raises(InputError, match="no such label map"):
        filled.read_label_map("organ", other.key)
    with pytest.raises(InputError, match="holds 3 volumes"):
        filled.add_label_map("organ", "0" * 32, labels, affine=row.affine)


def test_a_flipped_byte_in_a_label_map_is_caught(filled, labels):
    row = filled.rows()[0]
    filled.add_label_map("organ", row.key, labels, affine=row.affine)
    (path,) = (filled.folder / "label_maps").rglob("*.b2nd")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    reader = Store.open(filled.folder)
    with pytest.raises(CorruptionError, match=row.key):
        reader.read_label_map("organ", row.key)
    assert reader.verify() == [row.key]
