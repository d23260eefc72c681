"""Every shipped policy is legal where no task is named, hard, and says why each line is there."""

from pathlib import Path

import pytest

from medcl.augment.checking import check_policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.catalogue import OcclusionTransform, ValueTransform
from medcl.augment.transforms.rotation import Rotation
from medcl.build.policies import policy_of
from medcl.config.loading import load
from medcl.config.policy import PolicyConfig

FILES = sorted((Path(__file__).parents[2] / "configs/policies").glob("*.yaml"))
DEFAULTS = {
    "ct_body",
    "ct_chest",
    "ct_head",
    "mr_head",
    "mr_body",
    "mr_quantitative",
    "pet_body",
}


def policy(path):
    return policy_of(load(path, PolicyConfig))


def test_there_is_a_policy_for_each_modality_and_region():
    assert {path.stem for path in FILES} >= DEFAULTS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_policy_passes_where_no_task_is_named(path):
    verdict = check_policy(policy(path))
    assert [violation.sentence for violation in verdict.violations] == []
    assert verdict.outcome == "PASS"
    assert policy(path).name == path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_policy_passes_for_the_side_of_a_disease(path):
    assert check_policy(policy(path), TaskProfile.LATERAL).violations == ()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_line_of_a_shipped_policy_says_its_cause(path):
    lines = [line for line in path.read_text().splitlines() if "{kind:" in line and "- " in line]
    assert len(lines) == len(policy(path).transforms)
    for line in lines:
        _, _, cause = line.partition("  # ")
        assert len(cause.split()) >= 2, line


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_a_default_policy_is_hard_within_the_law(name):
    (found,) = [policy(path) for path in FILES if path.stem == name]
    (turn,) = [each for each in found.transforms if isinstance(each, Rotation)]
    acquired = [each for each in found.transforms if isinstance(each, ValueTransform)]
    hidden = [each for each in found.transforms if isinstance(each, OcclusionTransform)]
    assert turn.max_degrees >= 10
    assert len(acquired) >= 2
    assert hidden
    assert found.local is not None
    assert found.local.count >= 2
    assert found.named["crop"].min_body_fraction >= 0.5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_policy_can_be_used_where_nobody_marks_lesions(path):
    assert not policy(path).keeps_off_lesions
