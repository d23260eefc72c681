"""Metrics on resamples equal scikit-learn's on the cases drawn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from medcl.errors import InputError
from medcl.evaluation import classification
from medcl.study.weighted import metric_of, weighted_metric

METRICS = {
    "auc": classification.auc,
    "average_precision": classification.average_precision,
    "balanced_accuracy": classification.balanced_accuracy,
}


@pytest.mark.parametrize("num_classes", [2, 5])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("decimals", [1, 6])
def test_a_weighted_metric_is_the_metric_of_repeated_cases(metric, num_classes, decimals) -> None:
    rng = np.random.default_rng(0)
    targets = rng.permutation(np.arange(60) % num_classes)
    scores = rng.dirichlet(np.ones(num_classes), 60).round(decimals)
    weights = rng.integers(0, 4, (60, 20)).astype(float)
    expected = []
    for column in weights.T.astype(int):
        drawn = np.repeat(np.arange(60), column)
        expected.append(METRICS[metric](targets[drawn], scores[drawn]))
    found = weighted_metric(metric, scores, targets, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_ties_count_half() -> None:
    scores = np.array([[0.5, 0.5], [0.5, 0.5], [0.2, 0.8], [0.5, 0.5]])
    targets = np.array([0, 1, 1, 0])
    assert metric_of("auc", scores, targets) == roc_auc_score(targets, scores[:, 1]) == 0.75


def test_dice_is_averaged_over_known_classes_then_cases() -> None:
    dice = np.array([[0.8, np.nan], [0.5, 0.25], [np.nan, np.nan]])
    weights = np.array([[1.0, 2.0], [1.0, 1.0], [1.0, 9.0]])
    found = weighted_metric("dice", dice, None, weights)
    np.testing.assert_allclose(found, [(0.8 + 0.375) / 2, (1.6 + 0.375) / 3])


def test_a_metric_of_another_kind_of_scores_is_refused() -> None:
    with pytest.raises(InputError, match="dice cannot be computed from scores of classes"):
        metric_of("dice", np.ones((2, 2)) / 2, np.array([0, 1]))
    with pytest.raises(InputError, match="auc cannot be computed from scores of label maps"):
        metric_of("auc", np.ones((2, 2)), None)
    with pytest.raises(InputError, match=r"classes \[1\] have none"):
        metric_of("auc", np.ones((2, 2)) / 2, np.array([0, 0]))
    with pytest.raises(InputError, match="found none"):
        metric_of("dice", np.full((2, 1), np.nan), None)
