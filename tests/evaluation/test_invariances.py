"""Probes find what an encoder tells, and only that, on patients they have not seen."""

import json
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from medcl.augment.safety.tasks import TaskProfile
from medcl.encoders.interface import Encoder
from medcl.errors import InputError
from medcl.evaluation.probes import invariances
from medcl.evaluation.probes.invariances import probe_invariances
from medcl.evaluation.probes.linear_probe import probe_amount, probe_group
from medcl.evaluation.probes.mirror import Mirror
from medcl.evaluation.probes.shown import groups_of
from medcl.evaluation.probes.told import Probe, needed, warnings_of


class Said(Encoder):
    """Says a few things of a view by rule."""

    def __init__(self, rule):
        nn.Module.__init__(self)
        self.rule = rule

    def forward(self, views):
        return self.rule(views)


def telling(views):
    """Mean value, centre of mass along x, share of bright voxels, and their spread."""
    x = torch.linspace(-1, 1, views.shape[2]).reshape(1, 1, -1, 1, 1)
    bright = (views > 0.5).float()
    side = (bright * x).mean(dim=(1, 2, 3, 4)) / bright.mean(dim=(1, 2, 3, 4)).clamp_min(1e-6)
    spread = (bright * x**2).mean(dim=(1, 2, 3, 4))
    low = views.flatten(1).quantile(0.5, dim=1)
    return torch.stack([views.mean(dim=(1, 2, 3, 4)), low, side, spread], dim=1)


def mirror_blind(views):
    return torch.cat([telling(views)[:, :2], telling(views)[:, 2:].abs()], dim=1)


def offset_blind(views):
    said = telling(views - views.flatten(1).median(dim=1).values.reshape(-1, 1, 1, 1, 1))[:, 2:]
    return torch.cat([said, said], dim=1)


@pytest.fixture(scope="module")
def probed(store, policy_with):
    @cache
    def probe(rule, task=TaskProfile.GENERIC, most=20):
        rows = store.rows()[:most]
        found = probe_invariances(Said(rule), policy_with(), store=store, rows=rows, task=task)
        return found, {each.name: each for each in found.probes}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(invariances, "_fresh", lambda _encoder: Said(telling))
        yield probe


def test_an_encoder_that_tells_density_and_side_is_heard(probed):
    found, probes = probed(telling)
    assert probes["hu_offset"].value > 0.9
    assert probes["hu_offset"].verdict == "told"
    assert probes["side"].value > 0.9
    assert probes["side"].value == probes["side"].untrained
    assert found.mirror.difference_interval[0] > 0
    assert "side is seen" in found.mirror.sentence
    assert not any("density" in warning for warning in found.warnings)
    json.dumps(found.to_json(), allow_nan=False)


def test_an_encoder_that_ignores_side_is_warned_of_where_side_matters(probed):
    found, probes = probed(mirror_blind, TaskProfile.LATERAL)
    assert probes["side"].verdict == "lost"
    assert probes["side"].untrained > 0.9
    assert found.mirror.cos_mirrored == pytest.approx(1.0)
    assert "side is not seen" in found.mirror.sentence
    assert any("needs side" in warning for warning in found.warnings)
    assert not any("needs density" in warning for warning in found.warnings)


def test_an_encoder_that_ignores_density_is_warned_of_where_density_matters(probed, policy_with):
    found, probes = probed(offset_blind, TaskProfile.DENSITY)
    assert probes["hu_offset"].verdict == "lost"
    (warning,) = found.warnings
    assert "no longer tells" in warning
    assert "hu_offset" not in needed(TaskProfile.TEXTURE, policy_with())


def test_the_scanner_is_asked_for_where_there_are_two(probed):
    found, probes = probed(telling)
    assert probes["manufacturer"].verdict != "told"
    assert not probes["manufacturer"].is_needed
    assert any("field strength" in sentence for sentence in found.not_probed)


def test_too_few_patients_are_refused_with_their_number(probed):
    with pytest.raises(InputError, match="5 patients or more, got 2"):
        probed(telling, most=2)


def test_a_probe_is_not_fooled_by_what_only_identifies_a_patient():
    """Features that are a patient's own number tell nothing of patients that were not seen."""
    rng = np.random.default_rng(0)
    owners = np.repeat(np.arange(30), 4)
    amounts = rng.normal(size=30)[owners]
    features = np.eye(30)[owners]
    assert probe_amount(features, amounts, owners, 0).value <= 0.05
    sides = rng.integers(0, 2, 30)[owners]
    assert probe_group(features, sides, owners, 0).value < 0.7


def test_a_group_that_cannot_be_told_is_not_told_upside_down():
    """Folds of uneven groups would push the figure far below one half."""
    rng = np.random.default_rng(1)
    groups = np.arange(18) % 2
    found = [probe_group(rng.normal(size=(18, 6)), groups, np.arange(18), 0) for _ in range(8)]
    assert np.mean([each.value for each in found]) == pytest.approx(0.5, abs=0.15)


def test_an_interval_holds_its_value_and_is_wider_for_fewer_patients():
    rng = np.random.default_rng(0)

    def found(patients):
        amounts = rng.normal(size=4 * patients)
        rows = amounts[:, None] + rng.normal(size=(4 * patients, 1))
        return probe_amount(rows, amounts, np.arange(4 * patients) // 4, 0)

    few, many = found(10), found(160)
    for probed in (few, many):
        assert probed.interval[0] < probed.value < probed.interval[1]
    assert few.interval[1] - few.interval[0] > many.interval[1] - many.interval[0]


def test_rare_and_unknown_scanners_are_left_out(store):
    groups = {name: found for name, _title, found in groups_of(store.rows())}
    assert sorted(set(groups["manufacturer"].tolist())) == [0, 1]
    assert groups["kernel"] is None
    few = [row for row in store.rows() if row.technical.manufacturer == "ge"]
    other = [row for row in store.rows() if row.technical.manufacturer != "ge"][:2]
    found = {name: each for name, _title, each in groups_of([*few, *other])}
    assert found["manufacturer"] is None


@pytest.mark.parametrize(
    ("untrained", "said"), [(0.7, "no longer tells"), (-0.1, "as fresh weights do not either")]
)
def test_what_fresh_weights_do_not_tell_either_was_not_unlearnt(untrained, said):
    mirror = Mirror(
        cos_mirrored=0.1,
        cos_rotated=0.6,
        difference=0.5,
        difference_interval=(0.4, 0.6),
        sentence="",
    )
    lost = Probe(
        name="hu_offset",
        title="density",
        measure="R²",
        value=-0.2,
        interval=(-0.6, 0.1),
        untrained=untrained,
        untrained_interval=(untrained - 0.3, untrained + 0.2),
        is_needed=True,
        verdict="lost",
    )
    (warning,) = warnings_of([lost], mirror, TaskProfile.DENSITY)
    assert said in warning
