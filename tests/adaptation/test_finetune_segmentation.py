from dataclasses import replace

import numpy as np
import pytest
import torch

from medcl.adaptation.finetune_segmentation import finetune_segmentation
from medcl.adaptation.recipe import FinetuneRecipe
from medcl.augment.grid import ViewGrid
from medcl.errors import RequestError

CPU = torch.device("cpu")
RECIPE = FinetuneRecipe(
    steps=60, batch_size=4, learning_rate=1e-2, encoder_rate=1.0, frozen_share=0.0, seed=1
)


def dice(found, truth):
    return [2 * ((found == 1) & (truth == 1)).sum() / ((found == 1).sum() + (truth == 1).sum())]


@pytest.fixture
def finetune(encoder, maps, policy):
    """Return a function that fine-tunes with small defaults."""

    def go(encoder=encoder, task=maps, recipe=RECIPE, policy=policy, **options):
        return finetune_segmentation(
            encoder, task, policy=policy, recipe=recipe, device=CPU, measure=dice, **options
        )

    return go


def state(module):
    return torch.cat([tensor.flatten().clone() for tensor in module.state_dict().values()])


def test_a_bright_ball_is_found_in_new_patients(finetune, maps):
    result = finetune()
    assert np.mean(result.losses[-5:]) < np.mean(result.losses[:5])
    assert [case.key for case in result.cases] == [row.key for row in maps.test]
    assert np.mean([case.dice[0] for case in result.cases]) > 0.8


def test_a_frozen_encoder_keeps_every_bit(finetune, encoder):
    result = finetune(recipe=replace(RECIPE, steps=3, encoder_rate=0.0))
    assert torch.equal(state(result.network.encoder), state(encoder))


def test_the_encoder_passed_in_is_left_as_it_was(finetune, encoder):
    before = state(encoder)
    result = finetune(recipe=replace(RECIPE, steps=2))
    assert torch.equal(state(encoder), before)
    assert not torch.equal(state(result.network.encoder), before)


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not(finetune):
    recipe = replace(RECIPE, steps=2)
    torch.manual_seed(1)
    first = finetune(recipe=recipe)
    torch.manual_seed(2)
    second, other = finetune(recipe=recipe), finetune(recipe=replace(recipe, seed=2))
    assert torch.equal(state(first.network), state(second.network))
    assert first.cases == second.cases
    assert first.losses != other.losses


def test_a_class_the_task_does_not_know_is_refused(finetune, maps):
    with pytest.raises(RequestError, match=r"from 0 to 0; a map .* holds class 1"):
        finetune(task=replace(maps, num_classes=1))


def test_views_the_encoder_cannot_take_apart_are_refused(finetune, policy):
    grid = ViewGrid(size_voxels=(16, 20, 16), spacing_mm=(1.0, 1.0, 1.0))
    with pytest.raises(RequestError, match=r"multiples of 16 voxels.*\(16, 20, 16\)"):
        finetune(policy=replace(policy, grid=grid))
