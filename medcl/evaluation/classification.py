"""How well class probabilities tell classes apart.

Legend: P cases, K classes.
"""

import numpy as np
from jaxtyping import Float, Int
from sklearn import metrics

from medcl.errors import InputError

Scores = Float[np.ndarray, "P K"]
Targets = Int[np.ndarray, "P"]


def auc(targets: Targets, scores: Scores) -> float:
    """Return the area under the ROC curve, macro one-versus-rest.

    Args:
        targets: Class indices, shape ``(P,)``.
        scores: Class probabilities, shape ``(P, K)``. Of two classes, class 1 is the positive.

    Returns:
        In ``[0, 1]``; 0.5 when nothing is learned.

    Raises:
        InputError: A class has no case.

    Example:
        >>> scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
        >>> auc(np.array([0, 0, 1, 1]), scores)
        0.75
    """
    columns = _one_versus_rest(targets, scores)
    return float(np.mean([metrics.roc_auc_score(targets == k, scores[:, k]) for k in columns]))


def average_precision(targets: Targets, scores: Scores) -> float:
    """Return the area under the precision-recall curve, macro one-versus-rest.

    Args:
        targets: Class indices, shape ``(P,)``.
        scores: Class probabilities, shape ``(P, K)``. Of two classes, class 1 is the positive.

    Returns:
        In ``[0, 1]``; the share of positives when nothing is learned.

    Raises:
        InputError: A class has no case.

    Example:
        >>> average_precision(np.array([0, 1]), np.array([[0.8, 0.2], [0.1, 0.9]]))
        1.0
    """
    columns = _one_versus_rest(targets, scores)
    found = [metrics.average_precision_score(targets == k, scores[:, k]) for k in columns]
    return float(np.mean(found))


def balanced_accuracy(targets: Targets, scores: Scores) -> float:
    """Return the mean recall of classes when the most probable one is taken.

    Args:
        targets: Class indices, shape ``(P,)``.
        scores: Class probabilities, shape ``(P, K)``.

    Returns:
        In ``[0, 1]``; ``1 / K`` when nothing is learned.

    Raises:
        InputError: A class has no case.

    Example:
        >>> balanced_accuracy(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]))
        0.75
    """
    _one_versus_rest(targets, scores)
    return float(metrics.recall_score(targets, scores.argmax(axis=1), average="macro"))


def brier(targets: Targets, scores: Scores) -> float:
    """Return the mean squared distance of probabilities from the truth, summed over classes.

    Args:
        targets: Class indices, shape ``(P,)``.
        scores: Class probabilities, shape ``(P, K)``.

    Returns:
        In ``[0, 2]``, lower is better; ``(K - 1) / K`` for equal probabilities.

    References:
        Brier, "Verification of forecasts expressed in terms of probability", 1950: the original
        form, twice what is usual for two classes.

    Example:
        >>> brier(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]]))
        0.5
    """
    truth = np.eye(scores.shape[1])[targets]
    return float(np.mean(np.sum((scores - truth) ** 2, axis=1)))


def _one_versus_rest(targets: Targets, scores: Scores) -> list[int]:
    missing = [k for k in range(scores.shape[1]) if not (targets == k).any()]
    if missing:
        raise InputError(f"Every class needs a test case; classes {missing} have none.")
    return [1] if scores.shape[1] == 2 else list(range(scores.shape[1]))
