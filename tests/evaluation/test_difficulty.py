"""Difficulty tells views that teach nothing from views that can be learnt from."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from medcl.augment.partner import OtherSeries
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.noise import GaussianNoise
from medcl.augment.transforms.rotation import Rotation
from medcl.errors import InputError
from medcl.evaluation.difficulty.difficulty import measure_difficulty
from medcl.evaluation.difficulty.matching import Matching, ranks_of_partners
from medcl.evaluation.difficulty.pairs import PairMaker
from medcl.evaluation.difficulty.verdict import judged
from medcl.ingest.outcome import Accepted, Technical
from medcl.store.partners import partners_of
from medcl.store.store import Store
from medcl.volume import Volume
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


@pytest.fixture
def two_each(store, tmp_path):
    """Return a store of eight patients, each with a dark and a bright series in one frame."""
    paired = Store.create(tmp_path / "s", key_fingerprint="0" * 16)
    for number in range(1, 9):
        for series, brightness in ((0, 0), (1, 300)):
            array = store.read(f"{number:032x}").array + np.int16(brightness)
            volume = Volume(array=array, affine=np.eye(4), modality="CT", unit="HU")
            paired.add(
                Accepted(
                    key=f"{10 * number + series:032x}",
                    patient_key=f"{number:016x}" * 2,
                    study_key=f"{number:032x}",
                    frame_key="f" * 32,
                    volume=volume,
                    technical=Technical(),
                    num_files=1,
                    fingerprint="f",
                )
            )
    paired.close()
    return paired


def test_pairs_are_of_two_series_where_the_policy_has_partners(two_each, policy_with):
    rows = two_each.rows()
    firsts = [row for row in rows if int(row.key, 16) % 10 == 0]
    policy = replace(policy_with(Crop(min_overlap=0.6)), partner=OtherSeries(probability=0.5))
    found = {}
    for name, views, partners in (
        ("paired", policy, partners_of(rows)),
        ("nobody beside", policy, {}),
        ("unasked", replace(policy, partner=None), partners_of(rows)),
    ):
        maker = PairMaker(store=two_each, policy=views, seed=1, partners=partners)
        made = [maker.pairs(firsts, 1_000_000 + repeat) for repeat in range(2)]
        brighter = [(second - first).flatten(1).mean(dim=1) > 0.3 for first, second, _ in made]
        seen = float(torch.cat(brighter).float().mean())
        told = measure_difficulty(build_method(), maker, rows=firsts, steps=0)
        found[name] = (seen, told.partner_share, told.partner_sentence)
    assert 0.2 < found["paired"][0] < 0.8
    assert found["paired"][1] == pytest.approx(found["paired"][0])
    assert "% of the pairs whose difficulty was measured" in found["paired"][2]
    assert found["nobody beside"][:2] == (0.0, 0.0)
    assert found["unasked"] == (0.0, None, None)


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
