"""Linear probes with whole patients left out, and intervals over patients.

Legend: N rows, F features.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

Features = Float[np.ndarray, "... F"]
Values = np.ndarray

FEWEST_PATIENTS = 5
"""One per fold."""

_FOLDS = 5
_RESAMPLES = 500
_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe reached on patients it has not seen.

    Attributes:
        value: R² or AUC.
        interval: 95 %, by bootstrap over patients.
    """

    value: float
    interval: tuple[float, float]


def probe_amount(features: Features, amounts: Values, owners: Values, seed: int) -> Probed:
    """Tell an amount by ridge regression.

    Args:
        features: Shape ``(N, F)``.
        amounts: Shape ``(N,)``.
        owners: Patient of each row, shape ``(N,)``; all rows of a patient are in one fold.
        seed: Of the bootstrap.

    Returns:
        R², at most 1; 0 for a probe that knows the mean only, less for one that misleads.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> rows = rng.normal(size=(60, 3))
        >>> probe_amount(rows, rows @ [1.0, 2.0, 3.0], np.arange(60) // 4, 0).value > 0.99
        True
    """
    told = np.zeros(len(amounts))
    for train, test in _folds(owners):
        scaled, unseen = _scaled(features[train], features[test])
        penalty = _chosen_penalty(scaled, amounts[train], owners[train])
        told[test] = Ridge(alpha=penalty).fit(scaled, amounts[train]).predict(unseen)
    return _bootstrapped(lambda rows: _explained(amounts[rows], told[rows]), owners, seed)


def probe_group(features: Features, groups: Values, owners: Values, seed: int) -> Probed:
    """Tell groups apart by logistic regression.

    Args:
        features: Shape ``(N, F)``.
        groups: Whole numbers from 0, shape ``(N,)``, at least two of them.
        owners: Patient of each row, shape ``(N,)``.
        seed: Of the bootstrap.

    Returns:
        Area under the ROC curve, mean over pairs of one group against the rest.

    Example:
        >>> rows = np.linspace(-1, 1, 40)[:, None]
        >>> probe_group(rows, (rows[:, 0] > 0).astype(int), np.arange(40), 0).value
        1.0
    """
    kinds = np.unique(groups)
    told = np.zeros((len(groups), len(kinds)))
    # Groups are as frequent in every fold: else a fold's own mean would tell them, upside down.
    folds = StratifiedGroupKFold(n_splits=min(_FOLDS, len(np.unique(owners))))
    for train, test in folds.split(features, groups, groups=owners):
        scaled, unseen = _scaled(features[train], features[test])
        model = LogisticRegression(class_weight="balanced", max_iter=500)
        if len(np.unique(groups[train])) < 2:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(scaled, groups[train])
        known = np.searchsorted(kinds, model.classes_)
        told[np.ix_(test, known)] = model.predict_proba(unseen)

    def area(rows: Values) -> float:
        here = [kind for kind in range(len(kinds)) if 0 < (groups[rows] == kinds[kind]).mean() < 1]
        areas = [_area(groups[rows] == kinds[kind], told[rows, kind]) for kind in here]
        return float(np.mean(areas)) if areas else float("nan")

    return _bootstrapped(area, owners, seed)


def _area(is_one: Values, told: Values) -> float:
    """Return the area under the ROC curve by ranks; a bootstrap asks for it a thousand times."""
    ones = int(is_one.sum())
    ranks = float(rankdata(told)[is_one].sum())
    return (ranks - ones * (ones + 1) / 2) / (ones * (len(told) - ones))


def _explained(amounts: Values, told: Values) -> float:
    total = float(((amounts - amounts.mean()) ** 2).sum())
    return 1 - float(((amounts - told) ** 2).sum()) / total if total else 0.0


def _folds(owners: Values) -> list[tuple[Values, Values]]:
    folds = GroupKFold(n_splits=min(_FOLDS, len(np.unique(owners))))
    return list(folds.split(owners, groups=owners))


def _scaled(train: Features, test: Features) -> tuple[Features, Features]:
    """Return features centred and divided by one number, as the training rows say."""
    centre = train.mean(axis=0)
    spread = float(np.sqrt(train.var(axis=0).sum())) or 1.0
    return (train - centre) / spread, (test - centre) / spread


def _chosen_penalty(features: Features, amounts: Values, owners: Values) -> float:
    if len(np.unique(owners)) < 2:
        return 1.0
    losses = np.zeros(len(_PENALTIES))
    for train, test in _folds(owners):
        for place, penalty in enumerate(_PENALTIES):
            model = Ridge(alpha=penalty).fit(features[train], amounts[train])
            losses[place] += float(((model.predict(features[test]) - amounts[test]) ** 2).sum())
    return _PENALTIES[int(losses.argmin())]


def _bootstrapped(measure: Callable[[Values], float], owners: Values, seed: int) -> Probed:
    places = [np.flatnonzero(owners == owner) for owner in np.unique(owners)]
    random = np.random.default_rng(seed)
    drawn = [
        measure(np.concatenate([places[pick] for pick in picks]))
        for picks in random.integers(0, len(places), (_RESAMPLES, len(places)))
    ]
    low, high = np.nanpercentile(drawn, [2.5, 97.5]).tolist()
    return Probed(measure(np.arange(len(owners))), (low, high))
