"""Label-efficiency curves: means, intervals, paired differences, as pure functions of the scores.

A point is the metric of each seed on all test cases, averaged over seeds. Its interval comes from
resampling seeds and test patients together (`medcl.study.bootstrap`); the difference to the
reference arm is taken within each resample, over the seeds that both arms have, so what makes both
arms good or bad on a patient cancels. A point of one seed has an interval too, but it holds only
the patients' part: `Point.n_seeds` says so. All is conditional on the one pretrained encoder.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medcl.errors import InputError
from medcl.study.bootstrap import case_weights, seed_weights
from medcl.study.cells import Arm
from medcl.study.labels_saved import LabelsSaved, area_under_curve, labels_saved
from medcl.study.scores import CaseTable, Scored
from medcl.study.weighted import Metric, weighted_metric

Replicates = Mapping[int, np.ndarray]
"""By seed: the metric on all cases, then on each resample; shape ``(1 + R,)``."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        mean: The figure.
        ci_low: Lower end of the interval.
        ci_high: Upper end.
        n_seeds: Seeds behind it.
    """

    mean: float
    ci_low: float
    ci_high: float
    n_seeds: int

    @property
    def excludes_zero(self) -> bool:
        """Return whether 0 lies outside the interval."""
        return self.ci_low > 0 or self.ci_high < 0


@dataclass(frozen=True, slots=True)
class Point:
    """One arm at one number of labels.

    Attributes:
        num_labels: Labelled patients.
        value: Mean over seeds.
        sd_seeds: Standard deviation over seeds; ``None`` of one seed.
        difference: To the reference arm at the same count, paired; ``None`` for the reference
            itself and where the two share no seed.
    """

    num_labels: int
    value: Estimate
    sd_seeds: float | None
    difference: Estimate | None


@dataclass(frozen=True, slots=True)
class Curve:
    """One arm over all numbers of labels.

    Attributes:
        arm: Which.
        points: By ascending number of labels.
        area: Mean height over log10 of the labels (nALC); ``None`` of a single count.
        area_difference: Paired, to the reference; ``None`` where there is none.
        saved: Labels saved against the reference; ``None`` where there is none.
    """

    arm: Arm
    points: tuple[Point, ...]
    area: Estimate | None
    area_difference: Estimate | None
    saved: LabelsSaved | None


@dataclass(frozen=True, slots=True)
class LabelEfficiency:
    """All curves of one metric.

    Attributes:
        metric: Which.
        reference: The arm that others are compared with; ``None`` where it was not run.
        curves: One per arm, the reference first.
        num_patients: Test patients.
        num_cases: Test cases.
        resamples: Of the bootstrap.
        level: Coverage of the intervals.
    """

    metric: Metric
    reference: Arm | None
    curves: tuple[Curve, ...]
    num_patients: int
    num_cases: int
    resamples: int
    level: float


def label_efficiency(
    scores: Sequence[Scored],
    *,
    metric: Metric,
    reference: Arm | None,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> LabelEfficiency:
    """Compute the curves of a study.

    Args:
        scores: Finished cells, all tested on the same cases.
        metric: What to measure, see `weighted_metric`.
        reference: The arm that differences and savings refer to, usually fine-tuning from scratch.
        resamples: Bootstrap resamples, at least 100.
        level: Coverage of the intervals, in (0, 1).
        seed: Of the bootstrap.

    Returns:
        The curves; equal inputs give equal numbers.

    Raises:
        InputError: No cells, cells that were tested on different cases, or unusable arguments.
    """
    if resamples < 100 or not 0 < level < 1:
        raise InputError(
            f"Intervals need at least 100 resamples and a level between 0 and 1; found "
            f"{resamples} and {level}."
        )
    cases = _common_cases(scores)
    weights = case_weights(cases, resamples=resamples, seed=seed)
    weights = np.concatenate([np.ones((len(weights), 1)), weights], axis=1)
    table: dict[Arm, dict[int, dict[int, np.ndarray]]] = defaultdict(lambda: defaultdict(dict))
    for scored in scores:
        of_arm = table[scored.cell.arm][scored.cell.num_labels]
        of_arm[scored.cell.seed] = weighted_metric(
            metric, scored.cases.values, scored.cases.targets, weights
        )
    interval = _Interval(resamples=resamples, level=level, seed=seed)
    against = table.get(reference, {}) if reference is not None else {}
    return LabelEfficiency(
        metric=metric,
        reference=reference if against else None,
        curves=tuple(
            _curve(arm, table[arm], {} if arm == reference else against, interval)
            for arm in sorted(table, key=lambda arm: (arm != reference, arm))
        ),
        num_patients=len(set(cases.patient_keys)),
        num_cases=len(cases.keys),
        resamples=resamples,
        level=level,
    )


@dataclass(frozen=True, slots=True)
class _Interval:
    """How replicates become a figure with an interval."""

    resamples: int
    level: float
    seed: int

    def average(self, replicates: Replicates, seeds: Iterable[int]) -> np.ndarray:
        """Return the mean over seeds, then over each resample's draw of seeds: ``(1 + R,)``."""
        chosen = sorted(seeds)
        values = np.stack([replicates[seed] for seed in chosen])
        weights = seed_weights(chosen, resamples=self.resamples, seed=self.seed)
        resampled = (values[:, 1:] * weights).sum(axis=0)
        return np.concatenate([[values[:, 0].mean()], resampled])

    def estimate(self, averaged: np.ndarray, n_seeds: int) -> Estimate:
        """Return the percentile interval around the mean."""
        tail = (1 - self.level) / 2
        low, high = np.quantile(averaged[1:], [tail, 1 - tail])
        return Estimate(float(averaged[0]), float(low), float(high), n_seeds)


def _curve(
    arm: Arm,
    own: Mapping[int, Replicates],
    against: Mapping[int, Replicates],
    interval: _Interval,
) -> Curve:
    points = tuple(
        _point(count, own[count], against.get(count, {}), interval) for count in sorted(own)
    )
    area, area_difference, saved = None, None, None
    if len(own) > 1:
        counts, averaged, seeds = _averages(own, sorted(own), interval)
        area = interval.estimate(area_under_curve(counts, averaged), seeds)
    shared = [count for count in sorted(own) if set(own[count]) & set(against.get(count, {}))]
    if len(shared) > 1:
        both = {count: set(own[count]) & set(against[count]) for count in shared}
        counts, mine, seeds = _averages(own, shared, interval, both)
        _, theirs, _ = _averages(against, shared, interval, both)
        gain = area_under_curve(counts, mine) - area_under_curve(counts, theirs)
        area_difference = interval.estimate(gain, seeds)
        saved = labels_saved(counts, arm=mine, reference=theirs, level=interval.level)
    return Curve(arm, points, area, area_difference, saved)


def _point(count: int, own: Replicates, against: Replicates, interval: _Interval) -> Point:
    value = interval.estimate(interval.average(own, own), len(own))
    spread = float(np.std([own[seed][0] for seed in own], ddof=1)) if len(own) > 1 else None
    shared = set(own) & set(against)
    difference = None
    if shared:
        paired = {seed: own[seed] - against[seed] for seed in shared}
        difference = interval.estimate(interval.average(paired, shared), len(shared))
    return Point(count, value, spread, difference)


def _averages(
    table: Mapping[int, Replicates],
    counts: Sequence[int],
    interval: _Interval,
    seeds: Mapping[int, set[int]] | None = None,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return counts ``(N,)``, averages ``(1 + R, N)`` and the fewest seeds of any count."""
    chosen = {count: (seeds or table)[count] for count in counts}
    averaged = [interval.average(table[count], chosen[count]) for count in counts]
    fewest = min(len(chosen[count]) for count in counts)
    return np.array(counts, dtype=np.int64), np.stack(averaged, axis=1), fewest


def _common_cases(scores: Sequence[Scored]) -> CaseTable:
    if not scores:
        raise InputError("A study's curves need at least one finished cell; found none.")
    first = scores[0].cases
    for scored in scores:
        cases = scored.cases
        same = cases.keys == first.keys and cases.patient_keys == first.patient_keys
        if not same or not _equal(cases.targets, first.targets):
            raise InputError(
                f"All cells must be tested on the same cases in the same order; "
                f"{scored.cell.name} has {len(cases.keys)} cases where {scores[0].cell.name} has "
                f"{len(first.keys)}, or other ones."
            )
    return first


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.array_equal(one, other))
