from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from medcl.adaptation.cases import ClassificationTask
from medcl.adaptation.finetune_classification import finetune_classification
from medcl.adaptation.recipe import FinetuneRecipe
from medcl.encoders.residual import residual
from medcl.errors import LeakageError, MedclError, RequestError

CPU = torch.device("cpu")
RECIPE = FinetuneRecipe(
    steps=30, batch_size=8, learning_rate=3e-3, encoder_rate=1.0, frozen_share=0.0, seed=1
)


@pytest.fixture
def finetune(encoder, classes, policy):
    """Return a function that fine-tunes with small defaults."""

    def go(encoder=encoder, task=classes, recipe=RECIPE, policy=policy, **options):
        return finetune_classification(
            encoder, task, policy=policy, recipe=recipe, device=CPU, **options
        )

    return go


def state(module):
    return torch.cat([tensor.flatten().clone() for tensor in module.state_dict().values()])


def auc(cases):
    return roc_auc_score([case.target for case in cases], [case.scores[1] for case in cases])


def test_fine_tuning_lowers_the_loss_and_tells_new_patients_apart(finetune, classes):
    seen = []
    recipe = replace(RECIPE, steps=100)
    result = finetune(recipe=recipe, report=lambda *progress: seen.append(progress))
    assert np.mean(result.losses[-5:]) < np.mean(result.losses[:5]) - 0.1
    assert auc(result.cases) > 0.9
    assert [case.key for case in result.cases] == [case.row.key for case in classes.test]
    assert all(sum(case.scores) == pytest.approx(1) for case in result.cases)
    assert seen[-1] == (100, 100, result.losses[-1])


def test_the_encoder_passed_in_is_left_as_it_was(finetune, encoder):
    before = state(encoder)
    result = finetune(recipe=replace(RECIPE, steps=2))
    assert torch.equal(state(encoder), before)
    assert not torch.equal(state(result.encoder), before)


@pytest.mark.parametrize("norm", ["group", "batch"])
def test_a_frozen_encoder_keeps_every_bit(finetune, norm):
    encoder = residual(width=8, norm=norm)
    result = finetune(encoder, recipe=replace(RECIPE, steps=4, encoder_rate=0.0, weight_decay=0.1))
    assert torch.equal(state(result.encoder), state(encoder))
    assert result.head.weight.abs().max() > 0
    assert all(parameter.requires_grad for parameter in result.encoder.parameters())


def test_the_encoder_waits_until_the_head_has_learnt(finetune, encoder):
    """Head first: after the frozen share nothing but the head has moved."""
    halves = [finetune(recipe=replace(RECIPE, steps=4, frozen_share=share)) for share in (1.0, 0.5)]
    assert torch.equal(state(halves[0].encoder), state(encoder))
    assert not torch.equal(state(halves[1].encoder), state(encoder))


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not(finetune):
    recipe = replace(RECIPE, steps=3)
    torch.manual_seed(1)
    first = finetune(recipe=recipe)
    torch.manual_seed(2)
    second, other = finetune(recipe=recipe), finetune(recipe=replace(recipe, seed=2))
    assert torch.equal(state(first.encoder), state(second.encoder))
    assert first.cases == second.cases
    assert first.losses != other.losses


def test_a_head_that_starts_from_the_probe_knows_something_at_once(finetune):
    recipe = replace(RECIPE, steps=1, learning_rate=1e-9)
    assert finetune(recipe=recipe).cases[0].scores == pytest.approx((0.5, 0.5), abs=1e-3)
    assert auc(finetune(recipe=replace(recipe, head_start="probe")).cases) > 0.7


def test_plain_views_are_trained_on_where_the_policy_has_no_transforms(finetune, policy):
    result = finetune(policy=replace(policy, transforms=()), recipe=replace(RECIPE, steps=2))
    assert len(result.losses) == 2


def test_more_places_than_volumes_show_different_views(finetune, classes):
    few = replace(classes, train=classes.train[:2])
    result = finetune(task=few, recipe=replace(RECIPE, steps=2))
    assert len(result.losses) == 2


def test_randomness_outside_is_left_alone(finetune):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    finetune(recipe=replace(RECIPE, steps=1))
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_is_no_number_stops(finetune, encoder):
    with torch.no_grad():
        next(encoder.parameters()).fill_(float("nan"))
    with pytest.raises(MedclError, match="loss of step 1 must be a number"):
        finetune()


def test_patients_on_both_sides_are_refused(classes):
    with pytest.raises(LeakageError, match="2 are"):
        ClassificationTask(
            store=classes.store,
            num_classes=2,
            train=classes.train,
            test=[*classes.test, *classes.train[:2]],
        )


def test_a_class_out_of_range_and_an_empty_subset_are_refused(classes):
    with pytest.raises(RequestError, match="from 0 to 1"):
        replace(classes, train=[replace(classes.train[0], target=2)])
    with pytest.raises(RequestError, match="at least one volume"):
        replace(classes, train=[])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"frozen_share": 1.5}, r"frozen_share must be in \[0, 1\], got 1.5"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\), got 1.0"),
    ],
)
def test_recipes_out_of_range_are_refused(changes, sentence):
    with pytest.raises(RequestError, match=sentence):
        FinetuneRecipe(**changes)
