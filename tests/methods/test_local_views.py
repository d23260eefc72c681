"""A step with local views: each is a positive of both global views of its volume."""

import pytest
import torch

from medcl.objectives.nt_xent import nt_xent

SECOND_OF_FIRST = torch.tensor([0, 1, 2, 0])


def local_views(count=2, num_pairs=4, num_voxels=16):
    generator = torch.Generator().manual_seed(1)
    shape = (count, num_pairs, 1, num_voxels, num_voxels, num_voxels)
    return list(torch.randn(shape, generator=generator))


def embedded(method, views):
    return method.projector(method.encoder(views))


def test_the_loss_is_the_mean_over_the_global_pair_and_every_local_global_pair(method, batch):
    views_a, views_b, ids = batch(num_voxels=20)
    local = local_views()
    whole = [embedded(method, views) for views in (views_a, views_b)]
    pairs = [whole, *([embedded(method, part), z] for part in local for z in whole)]
    wanted = torch.stack([nt_xent(*pair, temperature=0.2) for pair in pairs]).mean()
    found = method(views_a, views_b, ids, *local)
    torch.testing.assert_close(found.loss, wanted)
    assert len(pairs) == 5


def test_without_local_views_nothing_changes(method, batch):
    arguments = batch(num_voxels=20)
    assert "local_alignment" not in method(*arguments).metrics


def test_a_local_view_of_the_same_patient_is_no_negative(method, batch):
    """Only the second volume of a patient moves: rows of that patient must not feel each other."""
    views_a, views_b, _ = batch(num_voxels=20)
    local = local_views(count=1)
    whole = [embedded(method, views) for views in (views_a, views_b)]
    part = embedded(method, local[0])
    excluded = torch.zeros(8, 8, dtype=torch.bool)
    for row, other in ((0, 3), (3, 0)):
        for first in (0, 4):
            for second in (0, 4):
                excluded[row + first, other + second] = True
    wanted = [nt_xent(*whole, temperature=0.2, excluded=excluded)]
    wanted += [nt_xent(part, z, temperature=0.2, excluded=excluded) for z in whole]
    found = method(views_a, views_b, SECOND_OF_FIRST, *local)
    torch.testing.assert_close(found.loss, torch.stack(wanted).mean())
    apart = method(views_a, views_b, torch.arange(4), *local)
    assert found.loss < apart.loss - 1e-3


def test_gradient_reaches_the_encoder_through_each_local_view(method, batch):
    views_a, views_b, ids = batch(num_voxels=20)
    local = [views.requires_grad_() for views in local_views(count=3)]
    method(views_a, views_b, ids, *local).loss.backward()
    for views in local:
        assert views.grad.abs().sum() > 0


def test_local_views_of_other_volumes_are_refused(method, batch):
    views_a, views_b, ids = batch(num_voxels=20)
    with pytest.raises(Exception, match=r"must agree|Type-check error"):
        method(views_a, views_b, ids, local_views()[0][:3])
