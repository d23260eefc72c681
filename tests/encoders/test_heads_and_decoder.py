"""Projector, classifier, decoder."""

import pytest
import torch
from torch import nn

from medcl.encoders.decoder import PyramidDecoder
from medcl.encoders.families import build_encoder
from medcl.encoders.heads import classifier, projector


def test_logits_have_the_resolution_of_the_views(encoder):
    network = PyramidDecoder(encoder, num_classes=3)
    with torch.no_grad():
        assert network(torch.randn(1, 1, 64, 64, 32)).shape == (1, 3, 64, 64, 32)


def test_gradient_reaches_every_parameter_of_the_decoder_and_most_of_the_encoder():
    network = PyramidDecoder(build_encoder("residual", width=8), num_classes=2)
    network(torch.randn(1, 1, 32, 32, 32)).square().sum().backward()
    assert [name for name, part in network.named_parameters() if part.grad is None] == []


def test_decoder_parameters_and_encoder_parameters_are_all_there_are():
    network = PyramidDecoder(build_encoder("residual", width=8), num_classes=2)
    own, borrowed = set(network.decoder_parameters()), set(network.encoder.parameters())
    assert own | borrowed == set(network.parameters())
    assert not own & borrowed


@pytest.mark.parametrize("stem_stride", [1, 2])
def test_samples_of_a_batch_are_segmented_apart(stem_stride):
    encoder = build_encoder("residual", width=8, stem_stride=stem_stride)
    network = PyramidDecoder(encoder, num_classes=2).train()
    views = torch.randn(2, 1, 32, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(views)[:1], network(views[:1]), rtol=1e-3, atol=1e-4)


def test_the_decoder_learns_a_sphere_and_where_it_is():
    torch.manual_seed(0)
    axis = torch.arange(16.0)
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    inside = ((x - 5) ** 2 + (y - 9) ** 2 + (z - 7) ** 2 < 16).long()[None]
    views = inside[None].float() + 0.3 * torch.randn(1, 1, 16, 16, 16)
    network = PyramidDecoder(build_encoder("residual", width=8), num_classes=2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(25):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(views), inside).backward()
        optimiser.step()
    predicted = network(views).argmax(1)
    dice = 2 * (predicted & inside).sum() / (predicted.sum() + inside.sum())
    assert dice > 0.95


def test_a_decoder_of_one_class_is_refused():
    with pytest.raises(ValueError, match="background too"):
        PyramidDecoder(build_encoder("residual", width=8), num_classes=1)


@pytest.mark.parametrize(("depth", "num_linear"), [(1, 1), (2, 2), (3, 3)])
def test_the_projector_has_the_depth_asked_for(depth, num_linear):
    head = projector(16, num_embeddings=4, width=32, depth=depth)
    layers = [part for part in head if isinstance(part, nn.Linear)]
    assert len(layers) == num_linear
    assert isinstance(head[-1], nn.Linear)
    assert head(torch.randn(3, 16)).shape == (3, 4)


def test_the_projector_does_not_couple_samples():
    head = projector(16)
    features = torch.randn(4, 16)
    torch.testing.assert_close(head(features)[:1], head(features[:1]))


def test_the_projector_without_norm_has_none():
    kinds = {type(part) for part in projector(16, norm="none")}
    assert kinds == {nn.Linear, nn.ReLU}


def test_heads_of_no_size_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        projector(16, depth=0)
    with pytest.raises(ValueError, match="at least 1"):
        projector(16, num_embeddings=0)
    with pytest.raises(ValueError, match="at least 2 classes"):
        classifier(16, num_classes=1)


def test_the_classifier_starts_undecided_and_can_learn():
    head = classifier(3, num_classes=2)
    loss = nn.functional.cross_entropy(head(torch.eye(3)), torch.tensor([0, 1, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(0.693147, rel=1e-5)
    assert head.weight.grad.abs().max() > 0
