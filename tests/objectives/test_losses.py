"""What holds for every loss of pairs: its paper's sum, its symmetries, its gradient, its limits."""

import math

import pytest
import torch
from torch.autograd import gradcheck


def random_mask(num_pairs, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(2 * num_pairs, 2 * num_pairs, generator=generator) < 0.4
    return mask | mask.T


@pytest.mark.parametrize("num_pairs", [2, 3, 8])
@pytest.mark.parametrize("temperature", [0.05, 0.2, 2.0])
@pytest.mark.parametrize("masked", [False, True])
def test_equals_the_sum_of_the_paper_written_as_loops(
    loss, loop, pairs, num_pairs, temperature, masked
):
    z_a, z_b = pairs(num_pairs)
    excluded = random_mask(num_pairs) if masked else None
    found = loss(z_a, z_b, temperature=temperature, excluded=excluded).item()
    assert found == pytest.approx(
        loop(z_a, z_b, temperature=temperature, excluded=excluded), rel=1e-10, abs=1e-12
    )


def test_does_not_change_with_rotation_scale_order_or_view_swap(loss, pairs):
    z_a, z_b = pairs()
    value = loss(z_a, z_b, temperature=0.2).item()
    rotation = torch.linalg.qr(pairs(7, 7, seed=1)[0])[0]
    scales = torch.arange(1.0, 6.0, dtype=torch.float64)[:, None]
    order = torch.tensor([3, 0, 4, 1, 2])
    for other_a, other_b in [
        (z_a @ rotation, z_b @ rotation),
        (z_a * scales, z_b / scales),
        (z_a[order], z_b[order]),
        (z_b, z_a),
    ]:
        assert loss(other_a, other_b, temperature=0.2).item() == pytest.approx(value, abs=1e-12)


def test_shuffling_one_view_alone_does_change_it(loss, pairs):
    z_a, z_b = pairs()
    shuffled = loss(z_a, z_b.roll(1, 0), temperature=0.2)
    assert abs(shuffled - loss(z_a, z_b, temperature=0.2)) > 1e-3


@pytest.mark.parametrize("masked", [False, True])
def test_gradient_is_the_derivative(loss, pairs, masked):
    z_a, z_b = (z.requires_grad_() for z in pairs(num_pairs=3, num_dimensions=4))
    excluded = random_mask(3) if masked else None
    assert gradcheck(
        lambda a, b: loss(a, b, temperature=0.3, excluded=excluded), (z_a, z_b), atol=1e-7
    )


def test_gradient_reaches_both_views_stands_across_the_rows_and_falls_with_their_length(
    loss, pairs
):
    z_a, z_b = (z.requires_grad_() for z in pairs())
    loss(z_a, z_b, temperature=0.2).backward()
    for z in (z_a, z_b):
        assert z.grad.norm(dim=1).min() > 1e-4
        assert (z * z.grad).sum(dim=1).abs().max() < 1e-8
    long_a = (3 * z_a.detach()).requires_grad_()
    loss(long_a, 3 * z_b.detach(), temperature=0.2).backward()
    torch.testing.assert_close(long_a.grad, z_a.grad / 3)


@pytest.mark.parametrize("temperature", [0.005, 0.01])
def test_is_finite_at_temperatures_where_the_exponential_overflows(loss, temperature):
    z = torch.randn(8, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    value = loss(z, z, temperature=temperature)
    value.backward()
    assert math.isfinite(value.item())
    assert z.grad.isfinite().all()


def test_zero_rows_give_finite_loss_and_gradient(loss):
    z = torch.zeros(4, 8, requires_grad=True)
    value = loss(z, z, temperature=0.1)
    value.backward()
    assert math.isfinite(value.item())
    assert z.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_runs_in_float32_inside_autocast(loss, pairs, dtype):
    z_a, z_b = (z.float() for z in pairs())
    outside = loss(z_a, z_b, temperature=0.05)
    with torch.autocast("cpu", dtype=dtype):
        inside = loss(z_a, z_b, temperature=0.05)
    assert inside.dtype == torch.float32
    assert inside.item() == outside.item()
    low = loss(z_a.to(dtype), z_b.to(dtype), temperature=0.5)
    assert low.dtype == torch.float32
    assert low.item() == pytest.approx(loss(z_a, z_b, temperature=0.5).item(), rel=1e-2)


def test_an_excluded_row_pulls_and_pushes_nothing(loss, pairs):
    z_a, z_b = (z.requires_grad_() for z in pairs())
    rows = torch.arange(10)
    alone = (rows[:, None] % 5 == 2) ^ (rows[None, :] % 5 == 2)  # pair 2 apart from all the others
    loss(z_a, z_b, temperature=0.2, excluded=alone).backward()
    assert z_a.grad[2].abs().max() == 0
    assert z_b.grad[2].abs().max() == 0
    assert z_a.grad[0].abs().max() > 0


def test_a_batch_without_any_negative_gives_zero_loss_and_zero_gradient(loss, pairs):
    z_a, z_b = (z.requires_grad_() for z in pairs())
    value = loss(z_a, z_b, temperature=0.2, excluded=torch.ones(10, 10, dtype=torch.bool))
    value.backward()
    assert value.item() == 0
    assert z_a.grad.abs().max() == 0


def test_the_mask_given_is_left_as_it_was(loss, pairs):
    for mask in (random_mask(5), torch.ones(10, 10, dtype=torch.bool)):
        before = mask.clone()
        loss(*pairs(), temperature=0.2, excluded=mask)
        assert torch.equal(mask, before)


def test_the_object_gives_the_function(loss, objective, pairs):
    z_a, z_b = pairs()
    mask = random_mask(5)
    expected = loss(z_a, z_b, temperature=0.3, excluded=mask).item()
    assert objective(temperature=0.3)(z_a, z_b, excluded=mask).item() == expected


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_that_is_not_positive_is_refused(loss, objective, pairs, temperature):
    with pytest.raises(ValueError, match="temperature must be positive"):
        loss(*pairs(), temperature=temperature)
    with pytest.raises(ValueError, match="temperature must be positive"):
        objective(temperature=temperature)


def test_a_lone_pair_is_refused(loss, pairs):
    with pytest.raises(ValueError, match="at least 2 pairs"):
        loss(*pairs(num_pairs=1), temperature=0.2)


def test_a_mask_of_another_size_is_refused(loss, pairs):
    with pytest.raises(ValueError, match=r"excluded must be \(10, 10\)"):
        loss(*pairs(), temperature=0.2, excluded=torch.zeros(5, 5, dtype=torch.bool))


def test_views_of_different_shape_are_refused(loss, pairs):
    z_a, z_b = pairs()
    with pytest.raises(Exception, match=r"one shape|Type-check error"):
        loss(z_a, z_b[:4], temperature=0.2)
