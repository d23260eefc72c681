"""Curves are pure functions of the scores, and their intervals cover the truth."""

import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from medcl.errors import InputError
from medcl.study.bootstrap import case_weights, draw_counts, seed_weights
from medcl.study.cells import Arm, Cell
from medcl.study.curves import Curve, label_efficiency
from medcl.study.scores import Scored, classification_table, segmentation_table
from medcl.study.weighted import metric_of

SCRATCH = Arm("scratch", "finetune")
GAINED = Arm("pretrained", "finetune")


def binary(cell: Cell, targets: np.ndarray, logit: np.ndarray) -> Scored:
    probability = 1 / (1 + np.exp(-logit))
    table = classification_table(
        [f"case{i}" for i in range(len(targets))],
        [f"patient{i}" for i in range(len(targets))],
        targets=targets,
        scores=np.stack([1 - probability, probability], axis=1),
    )
    return Scored(cell, table, "0" * 32)


def gained(scores: list[Scored], **options) -> Curve:
    found = label_efficiency(scores, metric="auc", reference=SCRATCH, resamples=500, **options)
    assert found.curves[0].arm == SCRATCH
    return found.curves[1]


def test_a_point_is_the_mean_over_seeds_of_the_metric(simulate) -> None:
    scores = simulate()
    found = label_efficiency(scores, metric="auc", reference=SCRATCH, resamples=200)
    own = [s for s in scores if s.cell.arm == SCRATCH and s.cell.num_labels == 10]
    expected = [metric_of("auc", s.cases.values, s.cases.targets) for s in own]
    point = found.curves[0].points[1]
    assert (point.num_labels, point.value.n_seeds) == (10, 4)
    assert point.value.mean == pytest.approx(np.mean(expected))
    assert point.sd_seeds == pytest.approx(np.std(expected, ddof=1))
    assert point.value.ci_low < point.value.mean < point.value.ci_high
    assert (found.num_patients, found.num_cases) == (120, 120)


def test_equal_scores_give_equal_curves_in_any_order(simulate) -> None:
    scores = simulate()
    assert gained(scores) == gained(scores[::-1])


def test_a_real_gain_is_found_and_none_is_not_invented(simulate) -> None:
    assert all(p.difference.excludes_zero for p in gained(simulate(gain=1.5)).points)
    none = gained(simulate(gain=0.0, seed=2))
    assert not none.area_difference.excludes_zero
    assert none.saved.ci_low <= 1 <= none.saved.ci_high


def test_a_harm_is_reported_as_a_harm(simulate) -> None:
    curve = gained(simulate(gain=-1.0))
    assert curve.area_difference.ci_high < 0
    assert curve.saved.ci_high <= 1 + 1e-9


def test_pairing_makes_the_difference_narrower_than_either_curve(simulate) -> None:
    point = gained(simulate(num_seeds=6)).points[-1]
    paired = point.difference.ci_high - point.difference.ci_low
    assert paired < 1.2 * (point.value.ci_high - point.value.ci_low)


def test_the_same_predictions_differ_by_exactly_nothing(simulate) -> None:
    scratch = [s for s in simulate() if s.cell.arm == SCRATCH]
    twins = [
        replace(s, cell=Cell(Arm("twin", "finetune"), s.cell.num_labels, s.cell.seed))
        for s in scratch
    ]
    for point in gained(scratch + twins).points:
        assert (point.difference.mean, point.difference.ci_low, point.difference.ci_high) == (
            0,
            0,
            0,
        )
        assert not point.difference.excludes_zero


def test_one_seed_has_an_interval_of_patients_only_and_says_so(simulate) -> None:
    point = gained(simulate(num_seeds=1)).points[0]
    assert point.value.n_seeds == 1
    assert point.sd_seeds is None
    assert point.value.ci_low < point.value.ci_high


def test_differences_use_only_seeds_that_both_arms_have(simulate) -> None:
    scores = [s for s in simulate() if s.cell.arm == SCRATCH or s.cell.seed != 2]
    point = gained(scores).points[0]
    assert point.value.n_seeds == point.difference.n_seeds == 3


def test_without_the_reference_there_are_no_differences(simulate) -> None:
    scores = [s for s in simulate() if s.cell.arm != SCRATCH]
    found = label_efficiency(scores, metric="auc", reference=SCRATCH, resamples=100)
    assert found.reference is None
    assert found.curves[0].points[0].difference is None
    assert found.curves[0].saved is None


def test_the_other_arm_as_reference_turns_every_difference_round(simulate) -> None:
    scores = simulate()
    found = label_efficiency(scores, metric="auc", reference=GAINED, resamples=500)
    assert (found.reference, found.curves[0].arm) == (GAINED, GAINED)
    assert all(point.difference is None for point in found.curves[0].points)
    turned = [-point.difference.mean for point in found.curves[1].points]
    assert turned == pytest.approx([point.difference.mean for point in gained(scores).points])


def test_a_single_count_has_no_area(simulate) -> None:
    curve = gained(simulate(counts=(10,)))
    assert curve.area is None
    assert curve.saved is None
    assert curve.points[0].difference is not None


def test_cells_tested_on_other_cases_are_refused(simulate) -> None:
    scores = simulate()
    cut = scores[3].cases
    scores[3] = replace(
        scores[3],
        cases=classification_table(
            cut.keys[1:], cut.patient_keys[1:], targets=cut.targets[1:], scores=cut.values[1:]
        ),
    )
    with pytest.raises(InputError, match=r"n10-s0 has 119 cases where .* has 120"):
        gained(scores)
    with pytest.raises(InputError, match="found none"):
        gained([])
    with pytest.raises(InputError, match="at least 100 resamples"):
        label_efficiency(simulate(), metric="auc", reference=None, resamples=10)


def test_all_cases_of_a_patient_are_drawn_together() -> None:
    dice = np.random.default_rng(0).random((60, 2))
    table = segmentation_table(
        [f"k{i}" for i in range(60)], [f"p{i // 3}" for i in range(60)], dice=dice
    )
    weights = case_weights(table, resamples=50, seed=0)
    np.testing.assert_array_equal(weights[0::3], weights[1::3])
    assert weights[::3].sum(axis=0).tolist() == [19.0] * 50


def test_every_resample_holds_every_class(simulate) -> None:
    cases = simulate()[0].cases
    weights = case_weights(cases, resamples=200, seed=0)
    assert weights[cases.targets == 1].sum(axis=0).tolist() == [59.0] * 200


def test_drawing_one_fewer_makes_the_variance_of_a_mean_unbiased() -> None:
    values = np.array([0.3, 0.9, 0.6, 0.1])
    shares = seed_weights([0, 1, 2, 3], resamples=40000, seed=0)
    assert (values @ shares).var() == pytest.approx(values.var(ddof=1) / 4, rel=0.03)
    assert draw_counts(1, 5, np.random.default_rng(0)).tolist() == [[1.0] * 5]


def test_a_study_of_usual_size_takes_seconds(simulate) -> None:
    scores = simulate(num_cases=300, num_seeds=5, counts=(5, 10, 20, 50, 100, 200))
    start = time.perf_counter()
    label_efficiency(scores, metric="auc", reference=SCRATCH)
    assert time.perf_counter() - start < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_seeds", "num_cases", "luck"), [(3, 80, 0.0), (3, 80, 0.5), (5, 80, 0.15), (5, 200, 0.5)]
)
def test_nineteen_of_twenty_intervals_hold_the_truth(num_seeds, num_cases, luck) -> None:
    """Each seed has luck of its own (its labels) and noise on each case."""
    strength, gain, trials = {SCRATCH: 1.2, GAINED: 1.7}, 0.0, 200
    truth = {arm: _true_auc(mean, luck) for arm, mean in strength.items()}
    gain = truth[GAINED] - truth[SCRATCH]
    held = np.zeros(2)
    for trial in range(trials):
        rng = np.random.default_rng([trial, num_seeds, num_cases])
        targets = np.arange(num_cases) % 2
        hardness = rng.normal(size=num_cases) * 0.7
        scores = []
        for seed in range(num_seeds):
            for arm, mean in strength.items():
                own = mean + luck * rng.normal()
                logit = own * targets + hardness + 0.7 * rng.normal(size=num_cases)
                scores.append(binary(Cell(arm, 20, seed), targets, logit))
        point = gained(scores, seed=trial).points[0]
        held += [
            point.value.ci_low <= truth[GAINED] <= point.value.ci_high,
            point.difference.ci_low <= gain <= point.difference.ci_high,
        ]
    coverage = held / trials
    sys.stderr.write(f"S={num_seeds} P={num_cases} luck={luck}: {coverage}\n")
    assert (coverage >= 0.90).all()
    assert coverage.mean() <= 0.999


def _true_auc(mean: float, luck: float) -> float:
    """Return the closed form, averaged over the luck of seeds: variances 0.49 + 0.49 per case."""
    strengths = mean + luck * norm.ppf((np.arange(4000) + 0.5) / 4000)
    return float(norm.cdf(strengths / np.sqrt(2 * (0.49 + 0.49))).mean())
