"""Figures of many draws become findings: by patient, with the worst, judged by the task."""

from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.defaults import ct_strict
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.window_jitter import WindowJitter
from medcl.evaluation.audit.findings import Measured, failure_rate_below, finding_of
from medcl.evaluation.quantities.quantity import Quantity
from medcl.evaluation.quantities.table import QUANTITIES, quantities_of
from tests.evaluation.phantoms import GRID

BY_NAME = {each.name: each for each in QUANTITIES}


def test_figures_are_averaged_within_a_patient_first():
    pairs = [("a", 0.0)] * 9 + [("b", 10.0)]
    finding = finding_of(BY_NAME["scale"], pairs, may_fail=True)
    assert finding.mean == 5.0
    assert finding.interval == (0.0, 10.0)
    assert finding.worst == 10.0
    assert finding.status == "fail"
    assert finding.num_failures == 1


def test_a_share_is_judged_by_its_mean_not_by_its_worst_draw():
    pairs = [("a", 1.0)] * 24 + [("a", 0.0)]
    finding = finding_of(BY_NAME["lesion_kept"], pairs, may_fail=True)
    assert (finding.status, finding.worst) == ("pass", 0.0)
    assert finding_of(BY_NAME["lesion_kept"], pairs[20:], may_fail=True).status == "warn"


def test_a_ratio_is_as_bad_halved_as_doubled():
    gain = BY_NAME["noise_ratio"]
    for values in ((0.5, 1.1), (2.0, 0.9)):
        finding = finding_of(gain, [("a", value) for value in values], may_fail=True)
        assert finding.worst == values[0]
        assert finding.status == "fail"


def test_percentiles_count_from_the_good_end():
    values = np.linspace(0, 1, 1001)
    overlap = finding_of(BY_NAME["overlap"], [("a", float(each)) for each in values], may_fail=True)
    assert overlap.p99 == pytest.approx(0.01)
    assert overlap.p999 == pytest.approx(0.001)
    assert overlap.worst == 0.0


def test_the_rate_of_failures_has_an_upper_end():
    assert failure_rate_below(0, 3000) == 0.001
    assert failure_rate_below(1, 100) == pytest.approx(0.0545, abs=0.001)
    assert failure_rate_below(5, 5) == 1.0


def test_values_that_are_not_finite_are_no_figures():
    measured = Measured()
    measured.add("a", {"scale": float("nan"), "folded": 1.0})
    assert measured.values == {"folded": [("a", 1.0)]}


def test_what_a_whole_batch_shares_is_judged_between_views():
    drift = BY_NAME["hu_drift_muscle"]
    policy = ct_strict(grid=GRID)
    assert drift.may_fail(TaskProfile.DENSITY, policy)
    shared = replace(policy, transforms=(*policy.transforms, WindowJitter()))
    assert not drift.may_fail(TaskProfile.DENSITY, shared)
    assert drift.gap().may_fail(TaskProfile.DENSITY, shared)
    alone = replace(policy, transforms=(WindowJitter(sharing="independent"), WindowJitter()))
    assert drift.may_fail(TaskProfile.DENSITY, alone)


def test_a_head_may_turn_further_than_a_body():
    policy = replace(ct_strict(grid=GRID), region="head")
    assert quantities_of(policy)["orientation"].passes == pytest.approx(30.1)


def test_every_quantity_has_a_title_and_limits_in_order():
    for each in QUANTITIES:
        assert each.title
        assert each.badness(each.passes) <= each.badness(each.fails)
    assert len(BY_NAME) == len(QUANTITIES)


def test_a_quantity_without_a_flag_never_fails():
    plain = Quantity("a", "a", "", "low", 0.0, 0.0)
    assert not plain.may_fail(TaskProfile.GENERIC, ct_strict(grid=GRID))
