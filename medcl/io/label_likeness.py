"""Tell label maps from measurements: many tools store both alike, and labels must not be learnt."""

from collections.abc import Iterator

import numpy as np

FEW_LABELS = 8
"""Whole numbers of at most so many distinct values are never a measurement worth learning from."""

MAX_LABELS = 2048
"""No common atlas has more labels (Schaefer: 1000 parcels)."""

MIN_AGREEMENT = 0.6
"""Least share of equal neighbours, of the middle one of all labels."""

_TABLE_SPAN = 2**16


def is_label_map(
    array: np.ndarray,
    *,
    few_labels: int = FEW_LABELS,
    max_labels: int = MAX_LABELS,
    min_agreement: float = MIN_AGREEMENT,
) -> bool:
    """Return whether an array holds labels rather than measurements.

    Labels are whole numbers. They are taken for labels if there are two to eight distinct ones;
    or up to 2048 and the array is made of patches: for each value, count how many of the face
    neighbours of its voxels hold the same value. A label is mostly surrounded by itself, a grey
    value by its neighbours on the scale. The median over all values is compared; unlike the mean
    over voxels it is not carried by a large empty background or by saturated bone.

    Median measured on real arrays:

    ==============================================================  ============  ============
    array                                                           values        median
    ==============================================================  ============  ============
    200 hippocampus label maps                                      3             0.84 to 0.89
    CT organ maps of 1.5 and 3 mm, MR organ map of 3 mm             24 to 42      0.79 to 0.88
    the same, every second row and column left out                  24 to 41      0.63 to 0.80
    200 hippocampus MR, 41 of them whole numbers below 256          109 to 411    at most 0.07
    CT, spine and body MR, fMRI as stored                           832 to 2598   at most 0.02
    CT, MR, fMRI scaled, windowed or masked to 256 grey values      36 to 256     at most 0.10
    the same, enlarged twofold by repeating voxels                  103 to 256    at most 0.54
    the same in 64 grey values, blurred by 3 voxels                 30 to 57      at most 0.57
    CT, MR, fMRI reduced to 16 grey values                          9 to 16       0.11 to 0.81
    ==============================================================  ============  ============

    So the threshold of 0.6 leaves room on both sides, but a scan reduced to sixteen grey values or
    fewer may pass for labels, and labels that were thinned until most voxels lie at a border, or
    blurred to fractions, may pass for a scan.

    Args:
        array: Values, shape ``(X, Y, Z)``, integers or floating point.
        few_labels: Up to so many distinct whole numbers are labels without further question.
        max_labels: More distinct values are no labels.
        min_agreement: Least median share of equal neighbours, 0 to 1.

    Returns:
        False for a constant array and for one with fractions, NaN or infinity.

    Example:
        >>> organ = np.zeros((8, 8, 8))
        >>> organ[2:6, 2:6, 2:6] = 3
        >>> is_label_map(organ), is_label_map(organ + 0.5)
        (True, False)
        >>> is_label_map(np.arange(512).reshape(8, 8, 8))
        False
    """
    labels = distinct_whole_numbers(array, max_labels)
    if labels is None or len(labels) < 2:
        return False
    if len(labels) <= few_labels:
        return True
    return float(np.median(neighbour_agreement(array, labels))) >= min_agreement


def distinct_whole_numbers(array: np.ndarray, at_most: int) -> np.ndarray | None:
    """Return the distinct values of an array, sorted, if all are whole numbers.

    Args:
        array: Values, shape ``(X, Y, Z)``.
        at_most: Stop as soon as there are more.

    Returns:
        Shape ``(K,)``; ``None`` if there are more, or fractions, NaN or infinity.

    Example:
        >>> distinct_whole_numbers(np.array([[[2, 0], [2, 7]]]), 3).tolist()
        [0, 2, 7]
        >>> distinct_whole_numbers(np.array([[[2.5]]]), 3) is None
        True
    """
    found = np.empty(0, array.dtype)
    for plane in _planes(array):
        if array.dtype.kind == "f" and not (np.isfinite(plane) & (plane == np.rint(plane))).all():
            return None
        found = np.union1d(found, plane)
        if len(found) > at_most:
            return None
    return found


def neighbour_agreement(array: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return for each value the share of face neighbours of its voxels that hold it as well.

    Args:
        array: Values, shape ``(X, Y, Z)``, at least two voxels.
        values: All distinct ones, sorted, shape ``(K,)``.

    Returns:
        Shape ``(K,)``, 0 to 1.

    Example:
        >>> neighbour_agreement(np.array([[[4, 4, 9, 9, 9]]]), np.array([4, 9])).tolist()
        [0.6666666666666666, 0.8]
    """
    equal, pairs = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    before: np.ndarray | None = None
    for plane in _planes(array):
        ranks = _ranks(plane, values)
        neighbours = [(ranks[:-1], ranks[1:]), (ranks[:, :-1], ranks[:, 1:])]
        if before is not None:
            neighbours.append((before, ranks))
        for first, second in neighbours:
            for side in (first, second):
                pairs += np.bincount(side.ravel(), minlength=len(values))
            equal += 2 * np.bincount(first[first == second], minlength=len(values))
        before = ranks
    return np.asarray(equal / np.maximum(pairs, 1))


def _planes(array: np.ndarray) -> Iterator[np.ndarray]:
    """Return planes that lie together in memory: no step needs room for more than a few of them."""
    return iter(np.moveaxis(array, int(np.argmax(np.abs(array.strides))), 0))


def _ranks(plane: np.ndarray, values: np.ndarray) -> np.ndarray:
    low, high = values[0], values[-1]
    if plane.dtype.kind == "f" or int(high) - int(low) >= _TABLE_SPAN:
        return np.searchsorted(values, plane)
    table = np.zeros(int(high) - int(low) + 1, np.intp)
    table[values.astype(np.int64) - int(low)] = np.arange(len(values))
    return table[plane.astype(np.int64) - int(low)]
