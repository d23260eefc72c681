"""Which of the transforms of values and of visibility a task without a name allows, and how far."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from medcl.augment.checking import check_policy
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow, PercentileWindow
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.count_noise import CountNoise
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.cutout import Cutout
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.ghosting import Ghosting
from medcl.augment.transforms.gibbs import Gibbs
from medcl.augment.transforms.kernel_change import KernelChange
from medcl.augment.transforms.low_resolution import LowResolution
from medcl.augment.transforms.monotone_map import MonotoneMap
from medcl.augment.transforms.motion import Motion
from medcl.augment.transforms.noise import GaussianNoise, RicianNoise
from medcl.augment.transforms.partial_fov import PartialFov
from medcl.augment.transforms.respiratory_blur import RespiratoryBlur
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.slice_dropout import SliceDropout
from medcl.augment.transforms.thick_slice import ThickSlice
from medcl.augment.transforms.window_jitter import WindowJitter
from medcl.augment.views import boxes, draw, render

WINDOWS = {
    "CT": FixedWindow(low=-1000.0, high=1000.0),
    "PT": FixedWindow(low=0.0, high=20.0),
    "MR_WEIGHTED": PercentileWindow(),
    "MR_QUANTITATIVE": FixedWindow(low=0.0, high=3000.0),
    "OT": FixedWindow(low=0.0, high=1.0),
}


def policy_of(modality, *transforms):
    return Policy(
        name="ranges",
        modality=modality,
        grid=ViewGrid(size_voxels=(24, 24, 24), spacing_mm=(2.0, 2.0, 2.0)),
        window=WINDOWS[modality],
        transforms=(Crop(min_overlap=0.5), *transforms),
    )


def codes(modality, *transforms, task=TaskProfile.GENERIC):
    return [each.code for each in check_policy(policy_of(modality, *transforms), task).violations]


RECOMMENDED = {
    "CT": (
        KernelChange(high_band_gain=(0.6, 1.6), probability=0.3),
        ThickSlice(thickness_mm=(0.0, 3.0), probability=0.2),
        GaussianNoise(sd_hu=(0.0, 20.0), peak_per_mm=0.25, probability=0.5),
        WindowJitter(),
        PartialFov(length_fraction=(0.0, 0.25), lateral_mm=(0.0, 20.0), probability=0.2),
        Cutout(fraction=(0.0, 0.05), probability=0.2),
    ),
    "MR_WEIGHTED": (
        ThickSlice(thickness_mm=(0.0, 4.0), probability=0.3),
        Motion(degrees=(0.0, 2.0), mm=(0.0, 2.0), probability=0.1),
        Ghosting(intensity=(0.0, 0.2), probability=0.1),
        Gibbs(alpha=(0.0, 0.4), probability=0.1),
        RicianNoise(sd_fraction=(0.0, 0.03), probability=0.5),
        Gain(factor=(0.8, 1.2)),
        Gamma(exponent=(0.8, 1.25)),
        MonotoneMap(slope=(1.0, 1.5), probability=0.5),
        SliceDropout(fraction=(0.0, 0.1), probability=0.1),
        Cutout(fraction=(0.0, 0.08), probability=0.3),
    ),
    "PT": (
        Blur(sigma_mm=(0.0, 2.0), probability=0.3),
        CountNoise(liver_cov=(0.0, 0.12), probability=0.5),
        Gain(factor=(0.97, 1.03), sharing="batch"),
        PartialFov(length_fraction=(0.0, 0.25), lateral_mm=(0.0, 20.0), probability=0.2),
    ),
}


@pytest.mark.parametrize("modality", RECOMMENDED)
def test_the_recommended_ranges_are_safe_where_no_task_is_named(modality):
    assert codes(modality, *RECOMMENDED[modality]) == []


@pytest.mark.parametrize(
    "transform",
    [
        Ghosting(intensity=(0.0, 0.2)),
        Motion(degrees=(0.0, 2.0), mm=(0.0, 2.0)),
        Gibbs(alpha=(0.0, 0.4)),
        MonotoneMap(slope=(1.0, 1.3)),
        CountNoise(liver_cov=(0.0, 0.1)),
        RespiratoryBlur(range_mm=(0.0, 5.0)),
    ],
    ids=lambda transform: transform.kind,
)
@pytest.mark.parametrize("modality", ["CT", "MR_QUANTITATIVE", "OT"])
def test_the_physics_of_another_modality_is_refused(transform, modality):
    assert "SC090" in codes(modality, transform)


@pytest.mark.parametrize(
    ("modality", "transform"),
    [
        ("CT", KernelChange(high_band_gain=(0.4, 1.0))),
        ("CT", ThickSlice(thickness_mm=(0.0, 5.5))),
        ("CT", LowResolution(voxel_mm=(0.0, 3.0))),
        ("CT", WindowJitter(centre_hu=(-15.0, 15.0))),
        ("CT", PartialFov(length_fraction=(0.0, 0.3), lateral_mm=(0.0, 20.0))),
        ("CT", PartialFov(length_fraction=(0.0, 0.2), lateral_mm=(0.0, 30.0))),
        ("CT", Cutout(fraction=(0.0, 0.15))),
        ("PT", CountNoise(liver_cov=(0.0, 0.2))),
        ("PT", RespiratoryBlur(range_mm=(0.0, 12.0))),
        ("MR_WEIGHTED", Ghosting(intensity=(0.0, 0.4))),
        ("MR_WEIGHTED", Ghosting(intensity=(0.0, 0.3), ghosts=(2.0, 8.0))),
        ("MR_WEIGHTED", Motion(degrees=(0.0, 4.0), mm=(0.0, 3.0))),
        ("MR_WEIGHTED", Motion(degrees=(0.0, 3.0), mm=(0.0, 4.0))),
        ("MR_WEIGHTED", Gibbs(alpha=(0.0, 0.6))),
        ("MR_WEIGHTED", MonotoneMap(slope=(1.0, 2.0))),
    ],
    ids=lambda each: getattr(each, "kind", each),
)
def test_what_no_scanner_of_the_modality_does_is_refused(modality, transform):
    assert "SC013" in codes(modality, transform)


@pytest.mark.parametrize(
    ("modality", "first", "second"),
    [
        ("CT", ThickSlice(thickness_mm=(0.0, 2.0)), ThickSlice(thickness_mm=(0.0, 2.0), axis="y")),
        ("CT", Cutout(fraction=(0.0, 0.1)), Cutout(fraction=(0.0, 0.1))),
        ("PT", CountNoise(liver_cov=(0.0, 0.12)), CountNoise(liver_cov=(0.0, 0.12))),
        (
            "MR_WEIGHTED",
            Motion(degrees=(0.0, 1.0), mm=(0.0, 1.0)),
            Motion(degrees=(0.0, 1.0), mm=(0.0, 1.0), axis="x"),
        ),
    ],
    ids=lambda each: getattr(each, "kind", each),
)
def test_what_is_within_its_limit_alone_is_refused_twice(modality, first, second):
    assert "SC013" not in codes(modality, first)
    assert "SC013" in codes(modality, first, second)


def test_a_thick_slice_interpolates_once_more_than_texture_bears():
    violations = check_policy(
        policy_of("CT", Rotation(max_degrees=5.0), ThickSlice(thickness_mm=(0.0, 3.0))),
        TaskProfile.TEXTURE,
    ).violations
    assert any("one resampling" in each.allowed for each in violations)


def test_a_window_of_its_own_for_each_view_is_refused_where_density_counts():
    assert codes("CT", WindowJitter()) == []
    assert "SC010" in codes("CT", WindowJitter(sharing="independent"))
    assert "SC010" not in codes("CT", WindowJitter(sharing="independent"), task=TaskProfile.LATERAL)


@pytest.mark.parametrize(
    "transform",
    [
        ThickSlice(thickness_mm=(0.0, 3.0)),
        SliceDropout(fraction=(0.0, 0.1)),
        PartialFov(length_fraction=(0.0, 0.2), lateral_mm=(0.0, 10.0)),
        Cutout(fraction=(0.0, 0.05), off_lesion=False),
    ],
    ids=lambda transform: transform.kind,
)
def test_what_may_lose_a_lesion_is_refused_where_lesions_count(transform):
    found = check_policy(policy_of("CT", transform), TaskProfile.FOCAL).violations
    assert (transform.kind, "SC040") in [(each.transform, each.code) for each in found]
    assert "SC040" not in codes("CT", transform)


def test_a_cutout_off_lesions_adds_no_loss_of_lesions():
    policy = policy_of("CT", Cutout(fraction=(0.0, 0.05)))
    found = check_policy(policy, TaskProfile.FOCAL).violations
    assert all("cutout" not in each.transform for each in found)


def test_artefacts_are_refused_where_they_are_the_label_and_occlusions_are_not():
    task = TaskProfile.ACQUISITION
    assert "SC110" in codes("MR_WEIGHTED", Ghosting(intensity=(0.0, 0.2)), task=task)
    assert "SC110" not in codes("MR_WEIGHTED", Cutout(fraction=(0.0, 0.05)), task=task)


def test_a_curve_is_refused_where_the_contrast_is_the_label():
    task = TaskProfile.CONTRAST_CLASS
    for curve in (MonotoneMap(slope=(1.0, 1.5)), Gamma(exponent=(0.8, 1.2))):
        assert "SC110" in codes("MR_WEIGHTED", curve, task=task)


def _first(drawn):
    names = ("sources", "poses", "parameters", "seeds")
    return replace(drawn, **{name: getattr(drawn, name)[:1] for name in names})


@pytest.mark.parametrize("modality", RECOMMENDED)
@pytest.mark.parametrize("corners", [False, True])
def test_recommended_views_are_rendered_within_the_range_of_the_network(modality, corners, bench):
    policy = policy_of(modality, *RECOMMENDED[modality])
    assert Policy.from_json(policy.to_json()) == policy
    shape = (30, 30, 30)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    sources = [bench.source_of(shape, affine, word=word) for word in "abc"]
    scale = {"CT": 1000.0, "PT": 5.0}.get(modality, 1.0)
    volumes = [
        scale * np.random.default_rng(seed).random((1, *shape)).astype(np.float32)
        for seed in range(3)
    ]
    drawn = draw(policy, sources, seed=2, step=0, view=1, corners=corners)
    cut = boxes(drawn)
    voxels = [each[:, *box.slices] for each, box in zip(volumes, cut, strict=True)]
    clear = [np.zeros(box.shape, bool) for box in cut]
    views, mask = render(drawn, voxels, None, clear)
    assert torch.isfinite(views).all()
    assert views.min() >= -1
    assert views.max() <= 2
    assert (views[~mask.expand_as(views)] == -1).all()
    alone, own = render(_first(drawn), voxels[:1], None, clear[:1])
    assert torch.allclose(alone[0], views[0], atol=1e-5)
    assert torch.equal(own[0], mask[0])
