"""What holds for every encoder family."""

import copy
import json

import pytest
import torch

from medcl.encoders.families import build_encoder, describe, rebuild


def views(num_views=2, size=(32, 32, 32), channels=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_views, channels, *size, generator=generator)


def test_features_and_pyramid_are_as_declared(encoder):
    size = (64, 32, 32)
    batch = views(1, size)
    with torch.no_grad():
        features, maps = encoder(batch), encoder.pyramid(batch)
    assert features.shape == (1, encoder.num_features)
    assert tuple(m.shape[1] for m in maps) == encoder.pyramid_channels
    for one, stride in zip(maps, encoder.pyramid_strides, strict=True):
        assert tuple(one.shape[2:]) == tuple(voxels // stride for voxels in size)
    assert encoder.pyramid_channels[-1] == encoder.num_features
    assert encoder.size_multiple == encoder.pyramid_strides[-1]
    torch.testing.assert_close(features, maps[-1].mean(dim=(2, 3, 4)))


def test_a_feature_depends_on_its_own_view_alone(encoder):
    batch = views(2)
    with torch.no_grad():
        together, alone = encoder.train()(batch), encoder(batch[:1])
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


def test_batch_norm_does_couple_the_views_of_a_batch():
    encoder = build_encoder("residual", width=8, norm="batch")
    batch = views(2)
    with torch.no_grad():
        assert not torch.allclose(encoder(batch)[:1], encoder(batch[:1]), atol=1e-3)


def test_gradient_reaches_every_parameter(encoder):
    encoder(views(1)).square().sum().backward()
    assert [name for name, part in encoder.named_parameters() if part.grad is None] == []


def test_the_description_goes_through_json_and_rebuilds_the_architecture(encoder):
    told = json.loads(json.dumps(describe(encoder)))
    again = rebuild(told)
    shapes = {name: t.shape for name, t in encoder.state_dict().items()}
    assert {name: t.shape for name, t in again.state_dict().items()} == shapes
    assert describe(again) == describe(encoder)


def test_a_description_that_is_changed_by_hand_leaves_the_encoder_alone(encoder):
    describe(encoder)["name"] = "other"
    assert describe(encoder)["name"] != "other"


def test_a_copy_is_an_encoder_of_its_own(encoder):
    twin = copy.deepcopy(encoder)
    with torch.no_grad():
        for part in twin.parameters():
            part.zero_()
        assert encoder(views(1)).abs().sum() > 0


def test_channels_other_than_declared_are_refused(encoder):
    with pytest.raises(ValueError, match=r"takes views of 1 channels, got 2"):
        encoder(views(1, channels=2))


def test_a_size_the_pyramid_cannot_halve_is_refused(encoder):
    size = (32, 32, 33)
    expected = rf"in multiples of {encoder.size_multiple}, got 32 x 32 x 33"
    with pytest.raises(ValueError, match=expected):
        encoder.pyramid(views(1, size))


def test_views_too_small_are_refused(encoder):
    with pytest.raises(ValueError, match="at least"):
        encoder(views(1, (4, 4, 4)))


def test_several_channels_are_taken(family):
    encoder = build_encoder(family, in_channels=2)
    assert encoder.in_channels == 2
    with torch.no_grad():
        assert encoder(views(1, channels=2)).isfinite().all()


@pytest.mark.parametrize("name", ["residual", "resnet18", "segresnet"])
def test_features_take_sizes_that_are_no_power_of_two(name):
    with torch.no_grad():
        assert build_encoder(name, width=8)(views(1, (34, 37, 41))).isfinite().all()


@pytest.mark.parametrize("name", ["residual", "resnet18", "densenet121", "segresnet"])
@pytest.mark.parametrize("norm", ["group", "instance"])
def test_no_batch_norm_is_left_where_another_norm_was_asked_for(name, norm):
    kinds = {type(part).__name__ for part in build_encoder(name, norm=norm).modules()}
    assert not any(kind.startswith("BatchNorm") for kind in kinds)
    assert ("GroupNorm" if norm == "group" else "InstanceNorm3d") in kinds


@pytest.mark.parametrize("norm", ["group", "instance", "batch"])
def test_the_smallest_view_of_each_norm_trains(norm):
    encoder = build_encoder("residual", width=8, norm=norm)
    size = 3 * (32 if norm == "instance" else 16,)
    encoder(views(2, size)).square().sum().backward()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"width": 12}, "multiple of 8"),
        ({"width": 0}, "multiple of 8"),
        ({"stem_stride": 3}, "1 or 2"),
        ({"blocks": (1, 0, 1, 1)}, "at least 1 each"),
        ({"norm": "layer"}, r"norm must be one of|Type-check error"),
        ({"colour": 1}, "does not take these options"),
    ],
)
def test_unsuitable_options_are_refused(options, sentence):
    with pytest.raises(Exception, match=sentence):
        build_encoder("residual", **options)


def test_an_unknown_name_is_refused():
    with pytest.raises(Exception, match=r"residual, resnet18|Type-check error"):
        build_encoder("vgg")
    with pytest.raises(ValueError, match="must have a name"):
        rebuild({"width": 8})


def test_options_that_are_none_keep_the_default():
    assert describe(build_encoder("residual", width=None)) == describe(build_encoder("residual"))
