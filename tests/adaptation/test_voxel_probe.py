import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medcl.adaptation import voxel_probe
from medcl.adaptation.segment import canvas_of
from medcl.adaptation.voxel_baseline import VoxelPyramid
from medcl.adaptation.voxel_probe import probe_segmentation
from medcl.encoders.linear_decoder import LinearDecoder, features_at
from medcl.errors import RequestError
from medcl.evaluation.segmentation import dice_per_class

CPU = torch.device("cpu")


def dice(found, truth):
    return dice_per_class(found, truth, num_classes=2).tolist()


def probed(maps, task, policy, *, seed=0):
    return probe_segmentation(maps, task, policy=policy, seed=seed, device=CPU, measure=dice)


def test_bright_balls_are_found_by_the_voxels_alone(maps, policy):
    found = probed(VoxelPyramid(1), maps, policy)
    assert [case.key for case in found.cases] == [row.key for row in maps.test]
    assert np.mean([case.dice[0] for case in found.cases]) > 0.6


def test_an_encoder_is_asked_and_left_as_it_was(maps, policy, encoder):
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder.train()
    found = probed(encoder, maps, policy)
    assert encoder.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert np.mean([case.dice[0] for case in found.cases]) > 0.6
    assert len(found.network.weights) == len(encoder.pyramid_channels)


def test_the_same_seed_gives_the_same_probe_and_another_one_draws_other_voxels(
    maps, policy, monkeypatch
):
    monkeypatch.setattr(voxel_probe, "VOXELS_PER_CLASS", 80)
    first, again, other = (probed(VoxelPyramid(1), maps, policy, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.network.bias, again.network.bias)
    assert not torch.equal(first.network.bias, other.network.bias)


def test_features_at_voxels_are_what_the_decoder_multiplies(encoder):
    torch.manual_seed(1)
    encoder.eval()
    views = torch.randn(2, 1, 16, 32, 48)
    width = sum(encoder.pyramid_channels)
    weight, bias = np.random.default_rng(0).normal(size=(3, width)), np.array([0.5, -1.0, 2.0])
    places = torch.tensor([[0.0, 0.0, 0.0], [15.0, 31.0, 47.0], [7.0, 3.0, 20.0], [8.0, 0.0, 11.0]])
    with torch.no_grad():
        logits = LinearDecoder(encoder, weight, bias)(views)
        found = features_at(encoder.pyramid(views), 1, places, views.shape[2:])
    x, y, z = places.long().T
    wanted = found.double().numpy() @ weight.T + bias
    assert np.abs(logits[1, :, x, y, z].T.numpy() - wanted).max() < 1e-4


def test_each_voxel_is_seen_from_the_window_that_it_is_most_central_in():
    places = np.array([[0, 0, 0], [9, 3, 3], [11, 3, 3], [19, 3, 3], [39, 7, 3]])
    windows = {
        start: members.tolist()
        for start, members in voxel_probe._windows(places, (40, 8, 8), (16, 8, 8))
    }
    assert windows == {(0, 0, 0): [0, 1, 2], (8, 0, 0): [3], (24, 0, 0): [4]}


def test_what_is_drawn_stands_for_every_measured_voxel_and_no_other(maps, policy):
    row = next(row for row in maps.train if not np.array_equal(row.affine, np.eye(4)))
    canvas = canvas_of(store=maps.store, row=row, policy=policy, device=CPU)
    assert not canvas.mask.all()
    given = {"policy": policy, "seed": 0, "device": CPU}
    some = voxel_probe._sample(VoxelPyramid(1), maps, row, share=30, **given)
    every = voxel_probe._sample(VoxelPyramid(1), maps, row, share=10**6, **given)
    assert np.bincount(some.targets).tolist() == [30, 30]
    assert len(every.targets) == canvas.mask.sum()
    assert (every.weights == 1).all()
    for value in (0, 1):
        of_class = some.weights[some.targets == value].sum()
        assert of_class == pytest.approx((every.targets == value).sum())


def test_classes_are_as_likely_as_they_occur_whatever_was_drawn(monkeypatch):
    monkeypatch.setattr(voxel_probe, "_LEANINGS", np.array([0.0]))
    sample = voxel_probe._Sample(
        features=np.random.default_rng(0).normal(size=(400, 5)),
        targets=np.repeat([0, 1], 200),
        weights=np.repeat([90.0, 10.0], 200),
    )
    network = voxel_probe._fitted(VoxelPyramid(1), [sample], num_classes=3)
    with torch.no_grad():
        likely = F.softmax(network(torch.zeros(1, 1, 8, 8, 8)), dim=1).mean(dim=(0, 2, 3, 4))
    assert likely.tolist() == pytest.approx([0.9, 0.1, 0.0], abs=0.02)


def test_the_background_is_held_back_where_that_finds_more_than_it_invents():
    logits = np.array([[0.0, -0.6]] * 3 + [[0.0, -9.0]] * 5)
    targets, weights = np.array([1, 1, 0, 0, 0, 0, 0, 0]), np.ones(8)
    assert voxel_probe._leaning(logits, targets, weights) == 0.75
    assert voxel_probe._leaning(logits + np.array([0.0, 2.0]), targets, weights) == 0.0


def test_maps_of_one_class_and_classes_nobody_knows_are_refused(maps, policy, monkeypatch):
    nothing = np.zeros(maps.train[0].shape, np.uint8)
    monkeypatch.setattr(type(maps.store), "read_label_map", lambda *_: nothing)
    with pytest.raises(RequestError, match="at least two classes"):
        probed(VoxelPyramid(1), maps, policy)
    monkeypatch.setattr(type(maps.store), "read_label_map", lambda *_: nothing + 2)
    with pytest.raises(RequestError, match="holds class 2"):
        probed(VoxelPyramid(1), maps, policy)


def test_weights_that_fit_no_map_are_refused(encoder):
    with pytest.raises(ValueError, match="a column for each"):
        LinearDecoder(encoder, np.zeros((2, 3)), np.zeros(2))
