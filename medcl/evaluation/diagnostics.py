"""What features look like without any label: collapse, spread, rank, neighbours.

No one of these selects a model. Compare them at equal number of rows and of dimensions, and trust
a sign only if two of different kinds agree.

Legend: N rows (volumes or pairs), D dimensions.
"""

import numpy as np
from jaxtyping import Float, Float64, Int

from medcl.errors import InputError

Rows = Float[np.ndarray, "N D"]
UnitRows = Float64[np.ndarray, "N D"]
Singular = Float64[np.ndarray, "S"]
Classes = Int[np.ndarray, "N"]
QueryRows = Float[np.ndarray, "Q D"]
QueryClasses = Int[np.ndarray, "Q"]


def effective_rank(features: Rows, *, centred: bool = False) -> float:
    """Return how many directions the features use: the exponential entropy of singular values.

    Args:
        features: Raw features, shape ``(N, D)``; ``N >= 4 D`` for a figure without small-sample
            bias.
        centred: Subtract the mean first; RankMe does not, and then a common offset counts as one
            strong direction.

    Returns:
        In ``[1, min(N, D)]``; 1 when all features are multiples of one, 0 of zeros.

    References:
        Garrido et al., "RankMe", ICML 2023, equation 1; Roy and Vetterli, 2007.

    Example:
        >>> round(effective_rank(np.eye(5)), 3)
        5.0
    """
    rows = np.asarray(features, dtype=np.float64)
    if centred:
        rows = rows - rows.mean(axis=0)
    singular: Singular = np.linalg.svd(rows, compute_uv=False)
    total = singular.sum()
    if total == 0:
        return 0.0
    share = singular[singular > total * 1e-12] / total
    return float(np.exp(-(share * np.log(share)).sum()))


def std_level(features: Rows) -> float:
    """Return the mean spread of a unit row's entries, times the root of their number.

    Args:
        features: Shape ``(N, D)``.

    Returns:
        About 1 for directions spread evenly, 0 when collapsed; below 0.1 is a collapse.

    References:
        Chen and He, "Exploring Simple Siamese Representation Learning", CVPR 2021, figure 2.

    Example:
        >>> std_level(np.ones((8, 4)))
        0.0
    """
    unit = _unit(features)
    return float(unit.std(axis=0).mean() * np.sqrt(unit.shape[1]))


def alignment(features_a: Rows, features_b: Rows) -> float:
    """Return the mean squared distance between the two views of each volume.

    Args:
        features_a: First views, shape ``(N, D)``.
        features_b: Second views, same shape and order.

    Returns:
        In ``[0, 4]``: 0 is ideal (and what a collapse gives), 2 is what unrelated views have.

    References:
        Wang and Isola, "Understanding Contrastive Representation Learning", ICML 2020, equation 3.

    Example:
        >>> alignment(np.array([[1.0, 0.0]]), np.array([[0.0, 5.0]]))
        2.0
    """
    return float(((_unit(features_a) - _unit(features_b)) ** 2).sum(axis=1).mean())


def uniformity(features: Rows, *, groups: Classes | None = None, scale: float = 2.0) -> float:
    """Return the log mean Gaussian potential of pairs: how evenly directions cover the sphere.

    Args:
        features: Shape ``(N, D)``, ``N >= 2``.
        groups: Patient of each row, shape ``(N,)``; pairs of one patient are left out.
        scale: The factor ``t`` in ``exp(-t d**2)``.

    Returns:
        At most 0: 0 when collapsed, about -3.94 for an even spread in 128 dimensions at scale 2.

    Raises:
        InputError: No pair of rows is left.

    References:
        Wang and Isola, ICML 2020, equation 4.

    Example:
        >>> round(uniformity(np.eye(3)), 6), round(uniformity(np.array([[1.0], [-1.0]])), 6)
        (-4.0, -8.0)
    """
    unit = _unit(features)
    first, second = np.triu_indices(len(unit), k=1)
    if groups is not None:
        apart = groups[first] != groups[second]
        first, second = first[apart], second[apart]
    if not len(first):
        raise InputError("Uniformity needs two rows of different patients; found no such pair.")
    exponents = -scale * (2.0 - 2.0 * (unit @ unit.T)[first, second])
    peak = exponents.max()
    return float(peak + np.log(np.exp(exponents - peak).mean()))


def knn_accuracy(
    features: Rows,
    classes: Classes,
    *,
    queries: QueryRows,
    query_classes: QueryClasses,
    neighbours: int = 20,
    temperature: float = 0.07,
) -> float:
    """Return the share of queries whose nearest neighbours vote for the right class.

    Args:
        features: Reference rows, shape ``(N, D)``.
        classes: Their classes, from 0, shape ``(N,)``.
        queries: Rows of other patients, shape ``(Q, D)``.
        query_classes: Their classes, shape ``(Q,)``.
        neighbours: By cosine; all rows where there are fewer.
        temperature: A neighbour's vote is ``exp(cosine / temperature)``.

    Returns:
        In ``[0, 1]``.

    References:
        Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination",
        CVPR 2018, section 3.4.

    Example:
        >>> rows, classes = np.eye(2), np.array([0, 1])
        >>> knn_accuracy(rows, classes, queries=np.array([[3.0, 1.0]]), query_classes=np.array([0]))
        1.0
    """
    cosines = _unit(queries) @ _unit(features).T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :neighbours]
    near = np.take_along_axis(cosines, nearest, axis=1)
    votes = np.exp((near - near.max(axis=1, keepdims=True)) / temperature)
    tally = np.stack(
        [(votes * (classes[nearest] == k)).sum(axis=1) for k in range(int(classes.max()) + 1)],
        axis=1,
    )
    return float((tally.argmax(axis=1) == query_classes).mean())


def _unit(features: Float[np.ndarray, "rows D"]) -> Float64[np.ndarray, "rows D"]:
    rows = np.asarray(features, dtype=np.float64)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
