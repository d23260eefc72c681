"""Per-case scores survive the disk, and only whole ones."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from medcl.errors import InputError, RequestError
from medcl.study.cells import Arm, grid
from medcl.study.scores import (
    Scored,
    classification_table,
    load_scores,
    load_table,
    read_scores,
    score_path,
    segmentation_table,
    stored_fingerprint,
    write_scores,
)


def assert_same(one: Scored, other: Scored) -> None:
    assert (one.cell, one.fingerprint) == (other.cell, other.fingerprint)
    assert one.cases.keys == other.cases.keys
    assert one.cases.patient_keys == other.cases.patient_keys
    np.testing.assert_array_equal(one.cases.values, other.cases.values)
    if one.cases.targets is None:
        assert other.cases.targets is None
    else:
        np.testing.assert_array_equal(one.cases.targets, other.cases.targets)


def test_classified_cases_come_back_as_written(simulate, tmp_path: Path) -> None:
    for scored in simulate(num_seeds=1, counts=(5, 10)):
        assert_same(read_scores(write_scores(tmp_path, scored)), scored)
    assert len(load_scores(tmp_path)) == 4
    assert load_table(tmp_path).num_rows == 4 * 120


def test_segmented_cases_come_back_with_their_gaps(segmented: Scored, tmp_path: Path) -> None:
    path = write_scores(tmp_path, segmented)
    assert_same(read_scores(path), segmented)
    table = pq.read_table(path)
    assert table.column_names[-2:] == ["class", "dice"]
    assert table["dice"].to_pylist() == [0.8, None, 0.5, 0.25, 1.0, 0.0]


def test_a_finished_cell_is_known_by_its_fingerprint(segmented: Scored, tmp_path: Path) -> None:
    assert stored_fingerprint(tmp_path, segmented.cell) is None
    path = write_scores(tmp_path, segmented)
    assert stored_fingerprint(tmp_path, segmented.cell) == "f" * 32
    path.write_bytes(path.read_bytes()[:-40])
    assert stored_fingerprint(tmp_path, segmented.cell) is None


@pytest.mark.parametrize("damage", ["cut", "text", "other table"])
def test_a_damaged_file_is_refused_by_name(segmented: Scored, tmp_path: Path, damage: str) -> None:
    path = write_scores(tmp_path, segmented)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "text":
        path.write_text("no table")
    else:
        pq.write_table(pq.read_table(path).select(["key", "seed"]), path)
    with pytest.raises(InputError, match=rf"{path.name} must be a table"):
        read_scores(path)


def test_rows_of_two_cells_in_one_file_are_refused(segmented: Scored, tmp_path: Path) -> None:
    table = pq.read_table(write_scores(tmp_path, segmented))
    position = table.column_names.index("seed")
    mixed = table.set_column(position, "seed", [[1, 1, 1, 1, 1, 2]])
    path = score_path(tmp_path, segmented.cell)
    pq.write_table(mixed, path)
    with pytest.raises(InputError, match="damaged or of another kind"):
        read_scores(path)


def test_no_scores_are_no_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        load_scores(tmp_path)


@pytest.mark.parametrize(
    ("targets", "scores", "sentence"),
    [
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "class below 2"),
        ([0, 1], [[0.5, 0.5], [np.nan, 0.5]], "probabilities"),
        ([0, 1], [[0.5, 0.5], [1.5, -0.5]], "probabilities"),
        ([0, 0], [[0.5], [0.5]], "2 or more"),
        ([0], [[0.5, 0.5], [0.5, 0.5]], "found 1 classes"),
        ([0, 1], [[0.5, 0.5]], "found 2 keys"),
    ],
)
def test_impossible_scores_are_refused(targets, scores, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        classification_table(["a", "b"], ["p", "q"], targets=targets, scores=scores)


def test_impossible_dice_and_repeated_keys_are_refused() -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        segmentation_table(["a"], ["p"], dice=[[1.2]])
    with pytest.raises(InputError, match="1 different"):
        segmentation_table(["a", "a"], ["p", "p"], dice=[[1.0], [1.0]])
    with pytest.raises(InputError, match="needs cases"):
        segmentation_table([], [], dice=np.zeros((0, 1)))


def test_a_grid_is_every_combination_once() -> None:
    arms = [Arm("scratch", "finetune"), Arm("simclr", "probe")]
    cells = grid(arms, [10, 5], [0, 1])
    assert len({cell.name for cell in cells}) == 8
    assert [cell.num_labels for cell in cells[:4]] == [5, 5, 10, 10]


@pytest.mark.parametrize(
    ("counts", "seeds", "sentence"),
    [
        ([], [0], "label counts"),
        ([5, 5], [0], "only once"),
        ([0], [0], "1 patient"),
        ([1], [], "seeds"),
    ],
)
def test_an_unusable_grid_is_refused(counts, seeds, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        grid([Arm("scratch", "probe")], counts, seeds)


@pytest.mark.parametrize(
    ("init", "adaptation"), [("../x", "probe"), ("", "probe"), ("a-b", "probe")]
)
def test_an_arm_must_have_a_name_fit_for_a_file(init: str, adaptation: str) -> None:
    with pytest.raises(RequestError):
        Arm(init, adaptation)
