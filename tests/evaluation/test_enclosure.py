"""A contract's bounds enclose what its transform does, for every transform there is."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from medcl.augment.defaults import ct_strict
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow, PercentileWindow
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.native_noise import HEAD_SD_HU
from medcl.augment.transforms.anisotropic_scale import AnisotropicScale
from medcl.augment.transforms.bias_field import BiasField
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.catalogue import Transform
from medcl.augment.transforms.count_noise import CountNoise
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.cutout import Cutout
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.ghosting import Ghosting
from medcl.augment.transforms.gibbs import Gibbs
from medcl.augment.transforms.kernel_change import KernelChange
from medcl.augment.transforms.low_resolution import LowResolution
from medcl.augment.transforms.monai_adapter import Monai
from medcl.augment.transforms.monai_affine import MonaiAffine
from medcl.augment.transforms.monotone_map import MonotoneMap
from medcl.augment.transforms.motion import Motion
from medcl.augment.transforms.noise import GaussianNoise, RicianNoise
from medcl.augment.transforms.partial_fov import PartialFov
from medcl.augment.transforms.refusable import Flip, HuOffset, ResizedCrop
from medcl.augment.transforms.respiratory_blur import RespiratoryBlur
from medcl.augment.transforms.rot90 import Rot90
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.transforms.shear import GantryTilt, Shear
from medcl.augment.transforms.slice_dropout import SliceDropout
from medcl.augment.transforms.thick_slice import ThickSlice
from medcl.augment.transforms.translation import Translation
from medcl.augment.transforms.window_jitter import WindowJitter
from medcl.augment.views import draw_locals
from medcl.evaluation.audit import alone
from medcl.evaluation.audit.enclosure import enclosures
from medcl.evaluation.measures.anatomy import anatomy_of
from tests.evaluation.phantoms import phantom

SPACING = 1.6
WINDOWS = {
    "CT": FixedWindow(low=-1000.0, high=1000.0),
    "MR_WEIGHTED": PercentileWindow(),
    "MR_QUANTITATIVE": FixedWindow(low=0.0, high=3000.0),
    "PT": FixedWindow(low=0.0, high=20.0),
    "OT": FixedWindow(low=0.0, high=1.0),
}
EXAMPLES = {
    "crop": (Crop(min_overlap=0.5), "CT"),
    "rotation": (Rotation(max_degrees=10.0), "CT"),
    "scale": (Scale(zoom=(0.97, 1.03)), "PT"),
    "translation": (Translation(max_mm=6.0), "CT"),
    "flip": (Flip(axis="x", probability=1.0), "CT"),
    "resized_crop": (ResizedCrop(fraction=(0.8, 1.0)), "CT"),
    "gaussian_noise": (GaussianNoise(sd_hu=(0.0, 20.0)), "CT"),
    "rician_noise": (RicianNoise(sd_fraction=(0.0, 0.05)), "MR_WEIGHTED"),
    "blur": (Blur(sigma_mm=(0.0, 2.0)), "PT"),
    "gain": (Gain(factor=(0.9, 1.1)), "PT"),
    "gamma": (Gamma(exponent=(0.8, 1.25)), "MR_WEIGHTED"),
    "bias_field": (BiasField(strength=(0.0, 0.2)), "MR_WEIGHTED"),
    "hu_offset": (HuOffset(offset_hu=(-20.0, 20.0)), "CT"),
    "anisotropic_scale": (AnisotropicScale(zoom=(0.95, 1.05)), "PT"),
    "shear": (Shear(max_degrees=3.0), "CT"),
    "gantry_tilt": (GantryTilt(max_degrees=15.0), "CT"),
    "rot90": (Rot90(axis="z", probability=1.0), "CT"),
    "displacement": (Displacement(max_fraction=0.2, spacing_mm=20.0), "CT"),
    "count_noise": (CountNoise(liver_cov=(0.0, 0.12)), "PT"),
    "kernel_change": (KernelChange(high_band_gain=(0.6, 1.6)), "CT"),
    "thick_slice": (ThickSlice(thickness_mm=(2.0, 5.0)), "CT"),
    "low_resolution": (LowResolution(voxel_mm=(2.0, 4.0)), "MR_WEIGHTED"),
    "slice_dropout": (SliceDropout(fraction=(0.0, 0.1)), "MR_WEIGHTED"),
    "respiratory_blur": (RespiratoryBlur(range_mm=(0.0, 10.0)), "PT"),
    "monotone_map": (MonotoneMap(slope=(1.0, 1.5)), "MR_WEIGHTED"),
    "ghosting": (Ghosting(intensity=(0.0, 0.2)), "MR_WEIGHTED"),
    "motion": (Motion(degrees=(0.0, 3.0), mm=(0.0, 3.0)), "MR_WEIGHTED"),
    "gibbs": (Gibbs(alpha=(0.0, 0.4)), "MR_WEIGHTED"),
    "window_jitter": (WindowJitter(), "CT"),
    "partial_fov": (PartialFov(length_fraction=(0.0, 0.25), lateral_mm=(0.0, 10.0)), "CT"),
    "cutout": (Cutout(fraction=(0.0, 0.05)), "CT"),
    "monai_affine": (MonaiAffine(max_degrees=8.0, zoom=(0.98, 1.02)), "CT"),
    "monai": (Monai(transform="gaussian_noise", amount=(0.0, 15.0), unit="HU"), "CT"),
}


FURTHER = {
    "gain on HU": (Gain(factor=(0.99, 1.01)), "CT"),
    "gain of a batch": (Gain(factor=(0.95, 1.05), sharing="batch"), "PT"),
    "gain of weighted MR": (Gain(factor=(0.8, 1.2)), "MR_WEIGHTED"),
    "window of each view": (WindowJitter(sharing="independent"), "CT"),
    "uncovered lesions": (Cutout(fraction=(0.0, 0.1), off_lesion=False), "CT"),
    "turned MR": (Rotation(max_degrees=12.0), "MR_WEIGHTED"),
    "turned PET": (Rotation(max_degrees=8.0), "PT"),
    "blurred CT": (Blur(sigma_mm=(0.0, 0.6)), "CT"),
}


LOCAL = LocalViews(count=2, size_voxels=(14, 14, 14), spacing_mm=(SPACING,) * 3)


def measured(
    transform, modality, *, draws=4, corners=6, noise=None, window=None, local=None, **words
):
    """In the lattice of the view, so that nothing but the transform interpolates.

    Contracts that speak of noise have a scan in mind with 10 HU, or a tenth of the liver's uptake.
    """
    affine = np.diag([SPACING, SPACING, SPACING, 1.0])
    noise = noise or {"CT": 10.0, "PT": 0.2 if isinstance(transform, CountNoise) else None}.get(
        modality
    )
    case = phantom("a", 1, modality=modality, affine=affine, noise=noise, lesion_at=(0, 0, 0))
    policy = replace(
        ct_strict(grid=ViewGrid(size_voxels=(26, 26, 26), spacing_mm=(SPACING,) * 3)),
        modality=modality,
        window=window or WINDOWS[modality],
        transforms=(transform,),
        local=local,
        region=words.pop("region", "body"),
    )
    anatomy = anatomy_of(case, modality, policy.grid.spacing_mm, policy.window)
    return enclosures(policy, [case], [anatomy], draws=draws, corners=corners, **words)


def test_every_transform_of_the_catalogue_is_measured():
    assert set(EXAMPLES) == {kind.kind for kind in get_args(Transform)}


@pytest.mark.parametrize("example", [*EXAMPLES, *FURTHER])
def test_declared_bounds_enclose_what_a_transform_does(example):
    found = measured(*(EXAMPLES | FURTHER)[example], local=LOCAL)
    for is_local in (False, True):
        assert sum(each.is_local == is_local for each in found) >= 4
    assert [each for each in found if not each.is_enclosed] == []


@pytest.mark.parametrize(
    ("harm", "flag"),
    [
        (HuOffset(offset_hu=(30.0, 30.0)), "hu_calibration"),
        (Rotation(max_degrees=25.0), "orientation"),
        (Scale(zoom=(1.1, 1.1)), "physical_scale"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_what_local_views_alone_do_beyond_a_bound_is_found(harm, flag, monkeypatch):
    def draw(policy, sources, **words):
        harms = (harm,) if policy.transforms else ()  # the view without any transform is the truth
        harmed = replace(policy, transforms=(*policy.transforms, *harms))
        return draw_locals(harmed, sources, **words)

    monkeypatch.setattr(alone, "draw_locals", draw)
    found = measured(Translation(max_mm=2.0), "CT", local=LOCAL)
    (broken,) = [each for each in found if each.flag == flag and not each.is_enclosed]
    assert broken.is_local
    assert "was measured on local views" in broken.sentence
    assert all(each.is_enclosed for each in found if not each.is_local)


def test_local_views_of_another_spacing_are_held_against_anatomy_of_that_spacing():
    case = phantom("a", 1, affine=np.diag([SPACING, SPACING, SPACING, 1.0]))
    policy = ct_strict(grid=ViewGrid(size_voxels=(26, 26, 26), spacing_mm=(SPACING,) * 3))
    anatomies = [anatomy_of(case, "CT", policy.grid.spacing_mm, policy.window)]
    same = alone.scene_of(replace(policy, local=LOCAL), [case], anatomies, 0)
    assert same.local_anatomies is anatomies
    coarse = replace(LOCAL, size_voxels=(10, 10, 10), spacing_mm=(2 * SPACING,) * 3)
    (wide,) = alone.scene_of(replace(policy, local=coarse), [case], anatomies, 0).local_anatomies
    assert (wide.deep > 0).sum() < (anatomies[0].deep > 0).sum()


def test_what_a_batch_shares_is_compared_between_a_local_view_and_its_global_one():
    found = measured(WindowJitter(), "CT", local=LOCAL)
    mine = [each for each in found if each.transform == "window_jitter"]
    (kept,) = [each for each in mine if each.flag == "hu_calibration" and each.is_local]
    assert (kept.bound, kept.is_enclosed) == (0.0, True)
    assert kept.measured < 1e-3


def broken(found):
    return {(each.flag, each.is_enclosed) for each in found if each.measured > 0.01}


def test_a_gain_into_the_end_of_the_window_takes_signal_from_the_noise_as_declared():
    cut = FixedWindow(low=0.0, high=9.5)  # the hottest ball has 9
    found = measured(Gain(factor=(0.9, 1.1)), "PT", window=cut)
    assert ("hu_texture", True) in broken(found)
    # Ratios to uptake that the window cuts are not kept: on such volumes the bound is broken.
    assert [each.flag for each in found if not each.is_enclosed] == ["uptake_ratio"]


def test_noise_is_held_against_the_scan_that_its_contract_speaks_of():
    noise = GaussianNoise(sd_hu=(15.0, 15.0))
    found = measured(noise, "CT", noise=4.0)
    assert [each for each in found if not each.is_enclosed] == []
    (drowned,) = [each for each in found if each.flag == "lowcontrast_cnr"]
    # 15 HU beside 10 HU, though beside 4 HU they take three quarters.
    assert drowned.measured == pytest.approx(1 - 1 / (1 + 1.5**2) ** 0.5, abs=0.06)


@pytest.mark.parametrize(
    ("words", "least"),
    [
        ({}, 10.0),
        ({"region": "head"}, HEAD_SD_HU),
        ({"region": "head", "facts": DataFacts(volumes=9, noise_sd=4.0)}, 4.0),
    ],
    ids=["body", "head", "head with 4 HU"],
)
def test_the_bound_on_noise_is_that_of_scans_as_clean_as_the_policy_is_used_on(words, least):
    found = measured(GaussianNoise(sd_hu=(6.0, 6.0)), "CT", noise=4.0, **words)
    (drowned,) = [each for each in found if each.flag == "lowcontrast_cnr"]
    assert drowned.bound == pytest.approx(1 - 1 / (1 + (6 / least) ** 2) ** 0.5)
    assert drowned.is_enclosed
    # Beside the 4 HU that there are, or as much as is presumed.
    there = max(least, 4.0)
    assert drowned.measured == pytest.approx(1 - 1 / (1 + (6 / there) ** 2) ** 0.5, abs=0.08)


def test_more_noise_than_declared_breaks_the_bound_on_a_clean_scan_too(monkeypatch):
    weaker = GaussianNoise(sd_hu=(0.0, 5.0)).contract("CT")
    monkeypatch.setattr(GaussianNoise, "contract", lambda _self, _modality: weaker)
    found = measured(GaussianNoise(sd_hu=(15.0, 15.0)), "CT", noise=4.0)
    assert ("lowcontrast_cnr", False) in broken(found)
