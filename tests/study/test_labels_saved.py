"""Labels saved: interpolated where it can be, open where it cannot."""

import math

import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from medcl.study.labels_saved import area_under_curve, isotonic, labels_saved, labels_to_reach

COUNTS = np.array([10, 20, 40, 80])


def test_isotonic_curves_equal_scikit_learns() -> None:
    curves = np.random.default_rng(0).normal(size=(50, 6))
    expected = [isotonic_regression(curve) for curve in curves]
    np.testing.assert_allclose(isotonic(curves), expected, atol=1e-12)


def test_between_two_counts_the_logarithm_is_interpolated() -> None:
    low, high = labels_to_reach(COUNTS, np.array([[0.5, 0.6, 0.7, 0.8]]), np.array([0.65]))
    assert low == high == pytest.approx(math.sqrt(20 * 40))


def test_a_goal_reached_at_once_or_never_is_open() -> None:
    curves = np.array([[0.5, 0.6, 0.7, 0.8]] * 2)
    low, high = labels_to_reach(COUNTS, curves, np.array([0.4, 0.9]))
    assert low.tolist() == [0, 80]
    assert high.tolist() == [10, math.inf]


@pytest.mark.parametrize(
    ("arm", "text"),
    [
        ([0.5, 0.6, 0.7, 0.8], "1.0x"),
        ([0.6, 0.7, 0.8, 0.9], "2.0x"),
        ([0.8, 0.85, 0.9, 0.95], ">= 8.0x"),
        ([0.4, 0.5, 0.6, 0.7], "<= 1.0x"),
    ],
)
def test_a_factor_says_when_it_is_open(arm: list[float], text: str) -> None:
    reference = np.array([[0.5, 0.6, 0.7, 0.8]])
    assert str(labels_saved(COUNTS, arm=np.array([arm]), reference=reference)).startswith(text)


def test_a_flat_reference_says_nothing() -> None:
    flat = np.full((1, 4), 0.7)
    saved = labels_saved(COUNTS, arm=flat + 0.1, reference=flat)
    assert (saved.low, saved.high) == (0, math.inf)
    assert str(saved).startswith("unknown")


def test_an_interval_is_open_only_where_its_resamples_are() -> None:
    reference = np.tile([[0.5, 0.6, 0.7, 0.8]], (101, 1))
    arm = np.tile([[0.6, 0.7, 0.8, 0.9]], (101, 1))
    arm[1:11] += 0.3
    saved = labels_saved(COUNTS, arm=arm, reference=reference)
    assert (saved.low, saved.high) == pytest.approx((2, 2))
    assert saved.ci_low == pytest.approx(2)
    assert saved.ci_high == math.inf


def test_the_area_of_a_line_is_its_middle() -> None:
    line = np.array([[0.5, 0.6, 0.7, 0.8], [0.7, 0.7, 0.7, 0.7]])
    np.testing.assert_allclose(area_under_curve(COUNTS, line), [0.65, 0.7])
