"""One contrastive step."""

import math

import pytest
import torch

from medcl.encoders.families import build_encoder
from medcl.encoders.heads import projector
from medcl.methods.contrastive import ContrastiveMethod
from medcl.methods.gather import gather_rows
from medcl.methods.signals import step_signals
from medcl.objectives.dcl import DCL
from medcl.objectives.nt_xent import NTXent, nt_xent

NAMES = {"alignment", "uniformity", "positive_top1", "embedding_std", "loss_position"}


def test_a_step_gives_the_loss_of_its_parts(method, batch):
    views_a, views_b, ids = batch()
    output = method(views_a, views_b, ids)
    z_a = method.projector(method.encoder(views_a))
    z_b = method.projector(method.encoder(views_b))
    expected = nt_xent(z_a, z_b, temperature=0.2)
    torch.testing.assert_close(output.loss, expected)


def test_metrics_are_detached_scalars_with_known_names(method, batch):
    output = method(*batch())
    assert set(output.metrics) == NAMES
    for value in output.metrics.values():
        assert value.shape == ()
        assert not value.requires_grad
        assert value.isfinite()


def test_gradient_reaches_every_parameter(method, batch):
    method(*batch()).loss.backward()
    assert [name for name, part in method.named_parameters() if part.grad is None] == []


def test_a_second_series_of_a_patient_is_no_negative(method, batch):
    views_a, views_b, ids = batch()
    apart = method(views_a, views_b, ids).loss
    together = method(views_a, views_b, torch.tensor([0, 1, 2, 0])).loss
    assert together < apart - 1e-3


def test_loss_position_is_one_when_collapsed_and_zero_at_the_floor(method):
    for objective in (NTXent(temperature=0.2), DCL(temperature=0.2)):
        method.objective = objective
        for num_pairs in (2, 8):
            chance, floor = objective.chance(num_pairs), objective.floor(num_pairs)
            assert method._position(torch.tensor(chance), num_pairs).item() == pytest.approx(1)
            assert method._position(torch.tensor(floor), num_pairs).item() == pytest.approx(
                0, abs=1e-6
            )


@pytest.mark.parametrize("objective", [NTXent(temperature=0.2), DCL(temperature=0.2)])
def test_training_on_a_few_pairs_goes_from_chance_towards_the_floor(batch, objective):
    torch.manual_seed(1)
    encoder = build_encoder("residual", width=8)
    head = projector(encoder.num_features, num_embeddings=16)
    method = ContrastiveMethod(encoder, head, objective)
    views_a, _, ids = batch()
    views_b = views_a + 0.1 * torch.randn_like(views_a)
    optimiser = torch.optim.AdamW(method.parameters(), lr=3e-3)
    outputs = []
    for _ in range(40):
        optimiser.zero_grad()
        outputs.append(method(views_a, views_b, ids))
        outputs[-1].loss.backward()
        optimiser.step()
    assert outputs[0].metrics["loss_position"] > 0.5
    assert outputs[-1].metrics["loss_position"] < 0.2
    assert outputs[-1].metrics["positive_top1"] == 1


def test_views_or_ids_that_do_not_agree_are_refused(method, batch):
    views_a, views_b, ids = batch()
    for arguments in [(views_a, views_b[:3], ids), (views_a, views_b, ids[:3])]:
        with pytest.raises(Exception, match=r"must agree|Type-check error"):
            method(*arguments)


def test_one_process_gathers_its_own_rows():
    rows = torch.randn(3, 2, requires_grad=True)
    assert gather_rows(rows) is rows


def no_exclusion(num_pairs):
    return torch.zeros(2 * num_pairs, 2 * num_pairs, dtype=torch.bool)


def signals(z_a, z_b, excluded=None):
    mask = no_exclusion(len(z_a)) if excluded is None else excluded
    return {name: value.item() for name, value in step_signals(z_a, z_b, excluded=mask).items()}


def test_signals_of_collapsed_embeddings():
    found = signals(torch.ones(6, 4), torch.ones(6, 4))
    assert found["alignment"] == pytest.approx(0, abs=1e-6)
    assert found["uniformity"] == pytest.approx(0, abs=1e-6)
    assert found["embedding_std"] == pytest.approx(0, abs=1e-6)
    assert found["positive_top1"] == 0


def test_signals_of_orthonormal_and_antipodal_pairs():
    assert signals(torch.eye(4), torch.eye(4))["uniformity"] == pytest.approx(-4)
    poles = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert signals(poles, poles)["uniformity"] == pytest.approx(-8)
    assert signals(poles, poles)["positive_top1"] == 1


def test_signals_of_random_embeddings_are_those_of_the_sphere():
    z_a, z_b = torch.randn(2, 256, 128, generator=torch.Generator().manual_seed(0))
    found = signals(z_a, z_b)
    assert found["alignment"] == pytest.approx(2, abs=0.05)
    assert found["uniformity"] == pytest.approx(-3.875 - 0.0625, abs=0.02)
    assert found["embedding_std"] == pytest.approx(1, abs=0.02)
    assert found["positive_top1"] < 0.05


def test_uniformity_equals_its_definition_written_as_loops():
    z_a, z_b = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    excluded = no_exclusion(3)
    excluded[0, 1] = excluded[1, 0] = True
    unit = torch.nn.functional.normalize(torch.cat([z_a, z_b]), dim=1)
    terms = [
        math.exp(-2 * (unit[i] - unit[k]).square().sum().item())
        for i in range(6)
        for k in range(6)
        if i % 3 != k % 3 and not excluded[i, k]
    ]
    expected = math.log(sum(terms) / len(terms))
    assert signals(z_a, z_b, excluded)["uniformity"] == pytest.approx(expected, abs=1e-5)


def test_an_excluded_row_cannot_beat_the_positive():
    z_a = torch.tensor([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
    z_b = torch.tensor([[1.0, 0.1], [1.0, 0.1], [0.0, 1.0]])
    assert signals(z_a, z_b)["positive_top1"] < 1
    twins = no_exclusion(3)
    for i in (0, 3):
        for k in (1, 4):
            twins[i, k] = twins[k, i] = True
    assert signals(z_a, z_b, twins)["positive_top1"] == 1
