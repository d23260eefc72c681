"""Every transform and every task has words."""

from typing import get_args

import pytest

from medcl.augment.contract import Claim, Flag
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.catalogue import Transform
from medcl.augment.transforms.monai_adapter import Monai
from medcl.augment.transforms.rotation import Rotation
from medcl.report.audit.reader_study import failure_rate_below, pairs_needed, wilson_interval
from medcl.report.policy_words import FLAGS, TASKS, spoken, task_words
from medcl.report.transform_words import transform_words
from tests.report.audit_content import STRICT


def test_no_task_and_no_quantity_is_without_words():
    assert set(TASKS) == set(TaskProfile)
    assert set(FLAGS) == set(Flag)


@pytest.mark.parametrize("kind", get_args(Transform), ids=lambda kind: kind.kind)
def test_every_transform_names_its_cause(kind):
    cause = (
        kind.cause
        if kind is not Monai
        else Monai.cause.fget(Monai(transform="gibbs_noise", amount=(0.0, 0.1), unit="fraction"))
    )
    assert len(cause.split()) >= 3
    assert not cause.endswith(".")


def test_every_task_stands_in_exactly_one_place():
    words = task_words(STRICT)
    excluded = [task for task, _reason in words.excluded]
    assert sorted([*words.valid, *excluded, *words.foreign]) == sorted(TASKS.values())


def test_a_range_has_its_unit():
    ranges = {words.name: words.ranges for words in transform_words(STRICT)}
    assert ranges["blur"] == "standard deviation 0 to 0.6 mm"
    assert ranges["gaussian noise"] == "standard deviation 0 to 20 HU"
    assert ranges["scale"] == "zoom 0.986 to 1.014 times"
    assert spoken("suv_gain") == "SUV gain"


def test_a_claim_without_evidence_is_unknown_and_not_kept(monkeypatch):
    true = Rotation.contract

    def unproven(self, modality):
        return dict(true(self, modality)) | {Flag.LATERALITY: Claim(0.0, has_evidence=False)}

    monkeypatch.setattr(Rotation, "contract", unproven)
    claims = {words.name: words.claims for words in transform_words(STRICT)}
    assert claims["rotation"]["left and right"] == "unknown"
    assert claims["scale"]["left and right"] == "kept"


def test_enough_pairs_show_a_rate_and_fewer_do_not():
    for rate in (0.01, 0.02, 0.05):
        pairs = pairs_needed(rate)
        assert (1 - rate) ** pairs < 0.05 < (1 - rate) ** (pairs - max(2, pairs // 50))
    assert failure_rate_below(3000) == pytest.approx(0.001)
    assert failure_rate_below(0) == 1.0
    with pytest.raises(ValueError, match="rate must lie"):
        pairs_needed(0.0)


def test_an_interval_holds_its_rate_and_narrows_with_pairs():
    low, high = wilson_interval(0, 150)
    assert low == pytest.approx(0.0, abs=1e-12)
    assert high == pytest.approx(0.025, abs=5e-4)
    wide, narrow = wilson_interval(3, 30), wilson_interval(30, 300)
    assert wide[0] < narrow[0] < 0.1 < narrow[1] < wide[1]
