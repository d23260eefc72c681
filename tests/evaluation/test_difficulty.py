"""Difficulty tells views that teach nothing from views that can be learnt from."""

import json

import pytest
import torch

from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.noise import GaussianNoise
from medcl.augment.transforms.rotation import Rotation
from medcl.errors import InputError
from medcl.evaluation.difficulty.difficulty import measure_difficulty
from medcl.evaluation.difficulty.matching import Matching, ranks_of_partners
from medcl.evaluation.difficulty.pairs import PairMaker
from medcl.evaluation.difficulty.verdict import judged
from tests.training.small_run import build_method


def measured(store, policy, steps, rows=None):
    maker = PairMaker(store=store, policy=policy, seed=1)
    chosen = store.rows() if rows is None else rows
    return measure_difficulty(build_method(), maker, rows=chosen, steps=steps)


def test_views_that_are_the_same_are_trivial(store, policy_with):
    found = measured(store, policy_with(), 0)
    assert found.verdict == "trivial"
    assert (found.untrained.r_at_1, found.untrained.mrr) == (1.0, 1.0)
    assert found.trained is None
    assert found.num_pairs == 24


def test_views_of_noise_alone_cannot_be_learnt(store, policy_with):
    found = measured(store, policy_with(Crop(), GaussianNoise(sd_hu=(1000.0, 1000.0))), 2)
    assert found.verdict == "unlearnable"
    assert found.trained.loss_position > 0.9


def test_views_that_differ_within_reason_are_workable_and_get_easier_by_training(
    store, policy_with
):
    found = measured(store, policy_with(Crop(min_overlap=0.6), Rotation(max_degrees=10.0)), 12)
    assert found.verdict == "workable"
    assert found.trained.loss < found.untrained.loss
    assert found.chance.r_at_1 == pytest.approx(1 / 23)
    assert found.chance.r_at_1 < found.trained.r_at_1 < 1
    json.dumps(found.to_json(), allow_nan=False)


def test_the_same_seed_gives_the_same_figures(store, policy_with):
    policy = policy_with(Crop(min_overlap=0.6), Rotation(max_degrees=10.0))
    rows = store.rows()[:8]
    assert measured(store, policy, 1, rows) == measured(store, policy, 1, rows)


def test_nobody_is_matched_who_was_trained_on(store, policy_with, monkeypatch):
    seen = {"trained": set(), "matched": set()}
    pairs = PairMaker.pairs

    def spy(self, rows, step):
        kind = "trained" if step < 1000 else "matched"
        seen[kind] |= {row.patient_key for row in rows}
        return pairs(self, rows, step)

    monkeypatch.setattr(PairMaker, "pairs", spy)
    measured(store, policy_with(Crop()), 3)
    assert len(seen["matched"]) == 12
    assert seen["trained"]
    assert seen["trained"].isdisjoint(seen["matched"])


def test_too_few_patients_are_refused_with_their_number(store, policy_with):
    with pytest.raises(InputError, match="4 patients or more, got 3"):
        measured(store, policy_with(), 0, rows=store.rows()[:3])


def test_ranks_are_those_of_a_loop():
    random = torch.Generator().manual_seed(0)
    z_a, z_b = (torch.randn(5, 3, generator=random) for _ in range(2))
    excluded = torch.zeros(10, 10, dtype=torch.bool)
    excluded[0, 1] = excluded[1, 0] = True
    unit = torch.nn.functional.normalize(torch.cat([z_a, z_b]), dim=1)
    wanted = []
    for row in range(10):
        partner = (row + 5) % 10
        others = [k for k in range(10) if k not in {row, partner} and not excluded[row, k]]
        nearer = [k for k in others if unit[row] @ unit[k] >= unit[row] @ unit[partner]]
        wanted.append(1 + len(nearer))
    assert ranks_of_partners(z_a, z_b, excluded=excluded).tolist() == wanted


def matching(first, low, position=0.7):
    return Matching(
        r_at_1=first, r_at_1_interval=(low, 1.0), mrr=0.5, loss=1.0, loss_position=position
    )


@pytest.mark.parametrize(
    ("untrained", "trained", "pairs", "verdict"),
    [
        (matching(0.95, 0.9), None, 20, "trivial"),
        (matching(0.3, 0.2), matching(0.99, 0.9, 0.01), 20, "trivial"),
        (matching(0.3, 0.2), matching(0.99, 0.9, 0.3), 20, "workable"),
        (matching(0.3, 0.2), None, 20, "workable"),
        (matching(0.02, 0.0), matching(0.04, 0.0), 20, "unlearnable"),
        (matching(0.95, 0.9), matching(1.0, 1.0), 5, "unclear"),
    ],
)
def test_verdicts(untrained, trained, pairs, verdict):
    chance = matching(0.03, 0.03)
    word, sentence = judged(untrained, trained, chance=chance, num_pairs=pairs, steps=30)
    assert word == verdict
    assert sentence.endswith(".")
