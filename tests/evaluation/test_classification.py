"""Classification and segmentation metrics at values known by hand."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score

from medcl.errors import InputError
from medcl.evaluation.classification import auc, average_precision, balanced_accuracy, brier
from medcl.evaluation.segmentation import dice_per_class


def test_chance_and_perfection_have_their_values() -> None:
    targets = np.arange(30) % 3
    perfect, equal = np.eye(3)[targets], np.full((30, 3), 1 / 3)
    assert auc(targets, perfect) == average_precision(targets, perfect) == 1.0
    assert auc(targets, equal) == 0.5
    assert average_precision(targets, equal) == pytest.approx(1 / 3)
    assert balanced_accuracy(targets, equal) == pytest.approx(1 / 3)
    assert brier(targets, perfect) == 0.0
    assert brier(targets, equal) == pytest.approx(2 / 3)


def test_many_classes_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 4, 200)
    scores = rng.dirichlet(np.ones(4), 200)
    assert auc(targets, scores) == pytest.approx(
        roc_auc_score(targets, scores, multi_class="ovr", average="macro")
    )
    assert balanced_accuracy(targets, scores) == pytest.approx(
        balanced_accuracy_score(targets, scores.argmax(axis=1))
    )


def test_two_classes_use_the_second() -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 2, 50)
    scores = rng.dirichlet(np.ones(2), 50)
    assert auc(targets, scores) == pytest.approx(roc_auc_score(targets, scores[:, 1]))
    assert brier(targets, scores) == pytest.approx(2 * brier_score_loss(targets, scores[:, 1]))


@pytest.mark.parametrize("metric", [auc, average_precision, balanced_accuracy])
def test_a_class_without_a_case_is_refused(metric) -> None:
    with pytest.raises(InputError, match=r"classes \[2\] have none"):
        metric(np.array([0, 1]), np.full((2, 3), 1 / 3))


def test_dice_of_shifted_boxes_is_known() -> None:
    target, prediction = np.zeros((2, 10, 4, 4), dtype=np.uint8)
    target[2:6] = 1
    prediction[4:8] = 1
    assert dice_per_class(prediction, target, num_classes=2).tolist() == [0.5]


def test_a_class_in_neither_map_has_no_dice_and_in_one_map_zero() -> None:
    target = np.array([[[0, 1, 3]]])
    prediction = np.array([[[0, 1, 2]]])
    found = dice_per_class(prediction, target, num_classes=5)
    np.testing.assert_array_equal(found, [1.0, 0.0, 0.0, np.nan])


def test_maps_of_other_grids_or_classes_are_refused() -> None:
    zeros = np.zeros((2, 2, 2), dtype=np.int16)
    with pytest.raises(InputError, match=r"\(2, 2, 2\) and \(2, 2, 1\)"):
        dice_per_class(zeros, zeros[..., :1], num_classes=2)
    with pytest.raises(InputError, match="between 0 and 1; found 2 to 2"):
        dice_per_class(zeros + 2, zeros, num_classes=2)
    with pytest.raises(InputError, match="between 0 and 1; found -1"):
        dice_per_class(zeros - 1, zeros, num_classes=2)
    with pytest.raises(InputError, match="at least 2 classes"):
        dice_per_class(zeros, zeros, num_classes=1)
