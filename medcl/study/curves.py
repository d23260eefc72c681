"""Label-efficiency curves: means, intervals, paired differences, as pure functions of the scores.

A point is the metric of each seed on all test cases, averaged over seeds. Its interval comes from
resampling seeds and test patients (`medcl.study.bootstrap`, `medcl.study.interval`); the difference
to the reference arm is taken within each seed and resample, over the seeds that both arms have, so
what makes both arms good or bad on a patient cancels. A point of one seed has an interval too, but
it holds only the patients' part: `n_seeds` says so. All is conditional on the pretrained
encoders as they are.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medcl.errors import InputError
from medcl.study.bootstrap import case_weights
from medcl.study.cells import Arm
from medcl.study.interval import Estimate, Intervals
from medcl.study.labels_saved import LabelsSaved, area_under_curve, labels_saved
from medcl.study.scores import CaseTable, Scored
from medcl.study.weighted import Metric, weighted_metric

Replicates = Mapping[int, np.ndarray]
"""By seed: the metric on all cases, then on each resample; shape ``(1 + R,)``."""


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
        reference: The arm that differences and savings refer to: any of the study's.
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
    for scored in sorted(scores, key=lambda s: (s.cell.arm, s.cell.num_labels, s.cell.seed)):
        of_arm = table[scored.cell.arm][scored.cell.num_labels]
        of_arm[scored.cell.seed] = weighted_metric(
            metric, scored.cases.values, scored.cases.targets, weights
        )
    intervals = Intervals(level=level, seed=seed)
    against = table.get(reference, {}) if reference is not None else {}
    return LabelEfficiency(
        metric=metric,
        reference=reference if against else None,
        curves=tuple(
            _curve(arm, table[arm], {} if arm == reference else against, intervals)
            for arm in sorted(table, key=lambda arm: (arm != reference, arm))
        ),
        num_patients=len(set(cases.patient_keys)),
        num_cases=len(cases.keys),
        resamples=resamples,
        level=level,
    )


def _curve(
    arm: Arm,
    own: Mapping[int, Replicates],
    against: Mapping[int, Replicates],
    intervals: Intervals,
) -> Curve:
    area, area_difference, saved = None, None, None
    counts, seeds = sorted(own), _seeds_of_all(own, sorted(own))
    if len(counts) > 1 and seeds:
        area = intervals.estimate(_areas(own, counts, seeds), seeds, bounds=(0.0, 1.0))
    shared = [count for count in counts if count in against]
    seeds = sorted({*_seeds_of_all(own, shared)} & {*_seeds_of_all(against, shared)})
    if len(shared) > 1 and seeds:
        gains = _areas(own, shared, seeds) - _areas(against, shared, seeds)
        area_difference = intervals.estimate(gains, seeds, bounds=(-1.0, 1.0))
        mine, theirs = (
            np.stack([intervals.average(_rows(t[n], seeds), seeds) for n in shared], axis=1)
            for t in (own, against)
        )
        saved = labels_saved(np.array(shared), arm=mine, reference=theirs, level=intervals.level)
    points = tuple(_point(n, own[n], against.get(n, {}), intervals) for n in counts)
    return Curve(arm, points, area, area_difference, saved)


def _point(count: int, own: Replicates, against: Replicates, intervals: Intervals) -> Point:
    seeds, shared = sorted(own), sorted(set(own) & set(against))
    values = _rows(own, seeds)
    spread = float(values[:, 0].std(ddof=1)) if len(seeds) > 1 else None
    difference = None
    if shared:
        gains = _rows(own, shared) - _rows(against, shared)
        difference = intervals.estimate(gains, shared, bounds=(-1.0, 1.0))
    return Point(count, intervals.estimate(values, seeds, bounds=(0.0, 1.0)), spread, difference)


def _seeds_of_all(table: Mapping[int, Replicates], counts: Sequence[int]) -> list[int]:
    """Return the seeds that every one of these counts has."""
    if not counts:
        return []
    return sorted(set.intersection(*(set(table[count]) for count in counts)))


def _rows(replicates: Replicates, seeds: Sequence[int]) -> np.ndarray:
    """Return ``(S, 1 + R)``."""
    return np.stack([replicates[seed] for seed in seeds])


def _areas(
    table: Mapping[int, Replicates], counts: Sequence[int], seeds: Sequence[int]
) -> np.ndarray:
    """Return each seed's area under its own curve, ``(S, 1 + R)``."""
    return np.stack(
        [
            area_under_curve(np.array(counts), np.stack([table[n][s] for n in counts], axis=1))
            for s in seeds
        ]
    )


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
