"""Values that are known exactly, each with its closed form."""

import math

import pytest
import torch
from torch.nn import functional as F

from medcl.objectives.dcl import DCL, dcl
from medcl.objectives.nt_xent import NTXent, nt_xent


def eye(num_pairs):
    return torch.eye(num_pairs, 2 * num_pairs, dtype=torch.float64)


@pytest.mark.parametrize(
    ("num_pairs", "temperature", "value"), [(4, 0.5, 0.594438), (8, 0.1, 6.35397e-4)]
)
def test_orthonormal_pairs_give_nt_xent_its_closed_form(num_pairs, temperature, value):
    found = nt_xent(eye(num_pairs), eye(num_pairs), temperature=temperature).item()
    closed = math.log1p((2 * num_pairs - 2) * math.exp(-1 / temperature))
    assert found == pytest.approx(closed, abs=1e-12)
    assert found == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(("num_pairs", "value"), [(4, 1.945910), (64, 4.844187)])
def test_equal_rows_give_nt_xent_chance(num_pairs, value):
    rows = torch.ones(num_pairs, 3, dtype=torch.float64)
    found = nt_xent(rows, rows, temperature=0.2).item()
    assert found == pytest.approx(value, rel=1e-6)
    assert NTXent(0.2).chance(num_pairs) == pytest.approx(found, abs=1e-12)


def test_rows_that_are_all_orthogonal_give_nt_xent_chance_too():
    rows = torch.eye(8, dtype=torch.float64)
    found = nt_xent(rows[:4], rows[4:], temperature=0.2).item()
    assert found == pytest.approx(math.log(7), abs=1e-12)


def test_opposite_positives_give_nt_xent_its_closed_form():
    assert nt_xent(eye(4), -eye(4), temperature=0.5).item() == pytest.approx(3.81406, rel=1e-5)


def test_the_simplex_is_the_floor_of_nt_xent(simplex):
    found = nt_xent(simplex(4), simplex(4), temperature=0.5).item()
    assert found == pytest.approx(0.348472, rel=1e-5)
    assert NTXent(0.5).floor(4) == pytest.approx(found, abs=1e-12)


def test_nt_xent_is_not_the_one_sided_loss():
    logits = eye(4) @ eye(4).T / 0.5
    one_sided = F.cross_entropy(logits, torch.arange(4)).item()
    assert one_sided == pytest.approx(0.340753, rel=1e-5)
    assert nt_xent(eye(4), eye(4), temperature=0.5).item() > one_sided + 0.2


def test_orthonormal_pairs_give_dcl_its_closed_form():
    assert dcl(eye(8), eye(8), temperature=0.1).item() == pytest.approx(-7.36094, rel=1e-6)


def test_equal_rows_give_dcl_chance():
    rows = torch.ones(6, 3, dtype=torch.float64)
    assert DCL(0.3).chance(6) == pytest.approx(dcl(rows, rows, temperature=0.3).item(), abs=1e-12)


def test_the_simplex_is_the_floor_of_dcl(simplex):
    found = dcl(simplex(4), simplex(4), temperature=0.5).item()
    assert DCL(0.5).floor(4) == pytest.approx(found, abs=1e-12)


def test_nt_xent_is_the_softplus_of_dcl_row_by_row(pairs):
    z_a, z_b = pairs(num_pairs=4)
    for row in range(4):
        told = torch.ones(8, 8, dtype=torch.bool)
        told[row] = False  # every other row has no negative and adds 0
        one_dcl = 8 * dcl(z_a, z_b, temperature=0.3, excluded=told)
        one_nt_xent = 8 * nt_xent(z_a, z_b, temperature=0.3, excluded=told)
        assert F.softplus(one_dcl).item() == pytest.approx(one_nt_xent.item(), abs=1e-12)


def test_no_embeddings_beat_the_floor(objective, pairs):
    z_a, _ = pairs(num_pairs=4, num_dimensions=8)
    z_a.requires_grad_()
    criterion = objective(temperature=0.5)
    optimiser = torch.optim.SGD([z_a], lr=1.0)
    for _ in range(300):
        optimiser.zero_grad()
        loss = criterion(z_a, z_a)
        loss.backward()
        optimiser.step()
        assert loss.item() >= criterion.floor(4) - 1e-12
    assert loss.item() == pytest.approx(criterion.floor(4), abs=1e-3)


def test_chance_is_where_random_embeddings_are_and_bounds_the_information():
    generator = torch.Generator().manual_seed(3)
    z_a, z_b = torch.randn(2, 64, 512, generator=generator, dtype=torch.float64)
    found = nt_xent(z_a, z_b, temperature=1.0).item()
    assert found == pytest.approx(NTXent(1.0).chance(64), abs=0.05)
