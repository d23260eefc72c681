"""Sentences say what the intervals say."""

from dataclasses import replace

import pytest

from medcl.study.cells import Arm
from medcl.study.curves import label_efficiency
from medcl.study.interval import Estimate
from medcl.study.verdict import judgement, verdict

SCRATCH, PRETRAINED = Arm("scratch", "finetune"), Arm("pretrained", "finetune")


def said(scores, reference: Arm | None = SCRATCH):
    return verdict(label_efficiency(scores, metric="auc", reference=reference, resamples=300))


@pytest.mark.parametrize(
    ("gain", "word"), [(1.5, "higher"), (0.0, "not distinguishable from 0"), (-1.5, "lower")]
)
def test_gain_loss_and_neither_are_said_equally_plainly(simulate, gain, word) -> None:
    found = said(simulate(gain=gain, seed=2))
    assert len(found.headlines) == 1
    assert found.headlines[0].startswith("Over 5 to 40 labelled patients “pretrained, fine-tuned”")
    assert found.headlines[0].endswith(f": {word}.")
    assert sum(text.startswith("At ") for text in found.details) == 4
    assert "the reference needs this many times the labels" in found.details[-1]


def test_an_interval_that_touches_zero_does_not_exclude_it() -> None:
    assert judgement(Estimate(0.1, 0.0, 0.2, 5)) == "not distinguishable from 0"
    assert judgement(Estimate(-0.1, -0.2, -0.01, 5)) == "lower"


def test_few_seeds_are_a_caution(simulate) -> None:
    assert any("single seed" in text for text in said(simulate(num_seeds=1)).cautions)
    assert any("rest on 2 seeds" in text for text in said(simulate(num_seeds=2)).cautions)
    assert len(said(simulate(num_seeds=5)).cautions) == 1


def test_an_interval_without_width_is_a_caution(simulate) -> None:
    found = said(simulate(gain=40.0, num_seeds=5))
    assert any("interval of no width" in text for text in found.cautions)


def test_without_a_reference_nothing_is_compared(simulate) -> None:
    found = said(simulate(), reference=None)
    assert len(found.headlines) == 2
    assert all("no reference curve" in text for text in found.headlines)


def test_arms_that_share_no_seed_are_told_apart_from_a_reference_that_is_missing(simulate) -> None:
    cells = simulate(counts=(5, 20))
    odd = [s for s in cells if (s.cell.arm == SCRATCH) == (s.cell.seed % 2 == 0)]
    found = said(odd)
    common = "“scratch, fine-tuned” has no seed in common with it at this count"
    assert [common in text for text in found.details] == [True, True]
    assert "too few finished cells with “scratch, fine-tuned” to compare" in found.headlines[0]
    without = [s for s in cells if s.cell.arm != SCRATCH or s.cell.num_labels != 5]
    first, second, *_ = said(without).details
    assert first.endswith("; there is no reference at this count.")
    assert "paired difference" in second


def test_any_arm_may_be_the_reference(simulate) -> None:
    found = said(simulate(gain=1.5, seed=2), reference=PRETRAINED)
    (headline,) = found.headlines
    assert "labelled patients “scratch, fine-tuned” had" in headline
    assert "paired difference to “pretrained, fine-tuned” -" in headline
    assert headline.endswith(": lower.")
    assert "the best height of “pretrained, fine-tuned”" in found.details[-1]


@pytest.mark.parametrize(
    ("arms", "ending"),
    [
        ({PRETRAINED: Arm("none", "voxels")}, "for the number of comparisons."),
        ({}, ", and hold for the one encoder that was pretrained."),
        (
            {SCRATCH: Arm("gentle", "probe"), PRETRAINED: Arm("hard", "probe")},
            ", and hold for these 2 pretrained encoders, not for the ways in which they were "
            "pretrained.",
        ),
    ],
)
def test_a_caution_speaks_of_the_encoders_that_were_pretrained(simulate, arms, ending) -> None:
    scores = [
        replace(each, cell=replace(each.cell, arm=arms.get(each.cell.arm, each.cell.arm)))
        for each in simulate()
    ]
    assert said(scores).cautions[0].endswith(ending)


def test_a_single_count_is_told_by_its_point(simulate) -> None:
    found = said(simulate(counts=(20,)))
    assert found.headlines[0].startswith("At 20 labelled patients")
