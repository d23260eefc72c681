"""What transforms of values declare must enclose what phantoms show, in corners of ranges too."""

import functools

import numpy as np
import pytest
import torch

from medcl.augment.chance import CornerChance, RandomChance
from medcl.augment.contract import Flag
from medcl.augment.normalisation import FixedWindow
from medcl.augment.transforms.bias_field import BiasField
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.catalogue import OcclusionTransform
from medcl.augment.transforms.count_noise import CountNoise
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
from medcl.augment.transforms.refusable import HuOffset
from medcl.augment.transforms.respiratory_blur import RespiratoryBlur
from medcl.augment.transforms.slice_dropout import SliceDropout
from medcl.augment.transforms.thick_slice import ThickSlice
from medcl.augment.transforms.transform import Setting
from medcl.augment.transforms.window_jitter import WindowJitter
from tests.augment import phantoms

# Each at the widest range that real acquisitions of the modality have.
CASES = [
    ("CT", GaussianNoise(sd_hu=(0.0, 30.0))),
    ("CT", GaussianNoise(sd_hu=(0.0, 30.0), peak_per_mm=0.2)),
    ("CT", Blur(sigma_mm=(0.0, 0.7))),
    ("CT", KernelChange(high_band_gain=(0.5, 2.0))),
    ("CT", ThickSlice(thickness_mm=(0.0, 5.0))),
    ("CT", LowResolution(voxel_mm=(0.0, 2.5))),
    ("CT", SliceDropout(fraction=(0.0, 0.1))),
    ("CT", Gain(factor=(0.99, 1.01))),
    ("CT", WindowJitter(sharing="independent")),
    ("CT", HuOffset(offset_hu=(-5.0, 5.0))),
    ("CT", PartialFov(length_fraction=(0.0, 0.25), lateral_mm=(0.0, 20.0))),
    ("CT", Cutout(fraction=(0.0, 0.1))),
    ("MR_WEIGHTED", RicianNoise(sd_fraction=(0.0, 0.09))),
    ("MR_WEIGHTED", Blur(sigma_mm=(0.0, 0.7))),
    ("MR_WEIGHTED", ThickSlice(thickness_mm=(0.0, 6.0))),
    ("MR_WEIGHTED", LowResolution(voxel_mm=(0.0, 2.5))),
    ("MR_WEIGHTED", SliceDropout(fraction=(0.0, 0.1))),
    ("MR_WEIGHTED", Gain(factor=(0.75, 1.25))),
    ("MR_WEIGHTED", Gamma(exponent=(0.75, 1.35))),
    ("MR_WEIGHTED", MonotoneMap(slope=(1.0, 1.5))),
    ("MR_WEIGHTED", BiasField(strength=(0.0, 0.3))),
    ("MR_WEIGHTED", Ghosting(intensity=(0.0, 0.3))),
    ("MR_WEIGHTED", Motion(degrees=(0.0, 3.0), mm=(0.0, 3.0))),
    ("MR_WEIGHTED", Gibbs(alpha=(0.0, 0.5))),
    ("MR_WEIGHTED", Cutout(fraction=(0.0, 0.1))),
    ("MR_QUANTITATIVE", ThickSlice(thickness_mm=(0.0, 6.0))),
    ("MR_QUANTITATIVE", Cutout(fraction=(0.0, 0.1))),
    ("PT", CountNoise(liver_cov=(0.0, 0.15))),
    ("PT", Blur(sigma_mm=(0.0, 2.0))),
    ("PT", ThickSlice(thickness_mm=(0.0, 4.5))),
    ("PT", LowResolution(voxel_mm=(0.0, 3.5))),
    ("PT", RespiratoryBlur(range_mm=(0.0, 10.0))),
    ("PT", Gain(factor=(0.9, 1.1))),
    ("PT", PartialFov(length_fraction=(0.0, 0.25), lateral_mm=(0.0, 20.0))),
]
NAMES = [f"{modality}-{transform.kind}" for modality, transform in CASES]
NUM_DRAWS = 8
SLACK_HU = 0.01


def rows_of(transform):
    chances = [CornerChance if number % 2 else RandomChance for number in range(NUM_DRAWS)]
    rows = [
        transform.draw(chance(np.random.default_rng(number)))
        for number, chance in enumerate(chances)
    ]
    return {name: torch.tensor([row[name] for row in rows]) for name in rows[0]}


@functools.cache
def applied(number, phantom):
    """One phantom before, its versions after, and what of them is still seen."""
    modality, transform = CASES[number]
    before = getattr(phantoms, phantom)(modality)
    views = phantoms.as_views(*[before] * NUM_DRAWS)
    mask = torch.ones_like(views, dtype=torch.bool)
    lesion = torch.from_numpy(phantoms.sphere(modality) > phantoms.MATERIALS[modality][3])
    setting = Setting(
        spacing_mm=(phantoms.SPACING_MM,) * 3,
        seeds=tuple(range(50, 50 + NUM_DRAWS)),
        modality=modality,
        window=FixedWindow(low=-1000.0, high=1000.0),
        measured=mask,
        lesions=lesion.expand_as(mask),
    )
    if isinstance(transform, OcclusionTransform):
        seen = transform.seen(mask, rows_of(transform), setting)
        return before, views[:, 0].numpy(), seen[:, 0].numpy()
    changed = transform.apply(views, rows_of(transform), setting)
    return before, changed[:, 0].numpy(), mask[:, 0].numpy()


def promised(number, flag):
    modality, transform = CASES[number]
    return transform.contract(modality)[flag].bound


def numbers(flag, *modalities, of_values=False):
    """The cases that promise something about a flag that their modality has."""
    return [
        pytest.param(number, id=NAMES[number])
        for number, (modality, transform) in enumerate(CASES)
        if promised(number, flag) is not None
        and (not modalities or modality in modalities)
        and not (of_values and isinstance(transform, OcclusionTransform))
    ]


@pytest.mark.parametrize("number", range(len(CASES)), ids=NAMES)
def test_every_range_is_one_that_the_modality_has(number):
    modality, transform = CASES[number]
    for name, (low, high) in transform.limits(modality).items():
        assert low < high
        assert low <= getattr(transform, name)[0]
        assert getattr(transform, name)[1] <= high


@pytest.mark.parametrize("number", numbers(Flag.HU_CALIBRATION, "CT", "MR_QUANTITATIVE"))
def test_calibrated_materials_stay_within_the_bound(number):
    before, after, seen = applied(number, "cylinder")
    measured = max(
        phantoms.drift(before, np.where(mask, view, before))
        for view, mask in zip(after, seen, strict=True)
    )
    assert measured <= promised(number, Flag.HU_CALIBRATION) + SLACK_HU


def test_bounds_are_not_far_above_what_is_measured():
    for number, (_, transform) in enumerate(CASES):
        if transform.kind in {"window_jitter", "hu_offset"}:
            before, after, _ = applied(number, "cylinder")
            measured = max(phantoms.drift(before, view) for view in after)
            assert measured > 0.9 * promised(number, Flag.HU_CALIBRATION)


@pytest.mark.parametrize("number", numbers(Flag.UPTAKE_ABS, "PT"))
def test_uptake_stays_within_the_bound(number):
    before, after, _ = applied(number, "cylinder")
    bound = promised(number, Flag.UPTAKE_ABS)
    assert max(phantoms.uptake_change(before, view) for view in after) <= bound + 1e-4
    if CASES[number][1].kind == "respiratory_blur":
        before, after, _ = applied(number, "sphere")
        lost = max(phantoms.peak_change(before, view) for view in after)
        assert lost <= bound


@pytest.mark.parametrize("number", numbers(Flag.UPTAKE_RATIO, "PT"))
def test_ratios_of_uptake_stay_within_the_bound(number):
    before, after, _ = applied(number, "cylinder")
    inside = list(phantoms.insides().values())
    wanted = before[inside[-1]].mean() / before[inside[0]].mean()
    noise = 5 * 0.3 / np.sqrt(inside[0].sum()) if CASES[number][1].kind == "count_noise" else 0.0
    for view in after:
        ratio = view[inside[-1]].mean() / view[inside[0]].mean()
        assert abs(ratio / wanted - 1) <= promised(number, Flag.UPTAKE_RATIO) + 1e-4 + noise


@pytest.mark.parametrize("number", numbers(Flag.UPTAKE_TOTAL, "PT"))
def test_the_sum_of_uptake_stays_within_the_bound(number):
    before, after, _ = applied(number, "sphere")
    for view in after:
        off = abs(view.sum(dtype=float) / before.sum(dtype=float) - 1)
        assert off <= promised(number, Flag.UPTAKE_TOTAL) + 2e-3


@pytest.mark.parametrize("number", numbers(Flag.LESION_MASS))
def test_a_lesion_of_20_mm_is_retained(number):
    before, after, seen = applied(number, "sphere")
    measured = max(
        phantoms.lost_lesion(before, view, mask) for view, mask in zip(after, seen, strict=True)
    )
    assert measured <= promised(number, Flag.LESION_MASS) + 0.05


@pytest.mark.parametrize("number", numbers(Flag.CONTRAST_POLARITY))
def test_materials_and_ramps_keep_their_order(number):
    assert promised(number, Flag.CONTRAST_POLARITY) == 0
    before, after, _ = applied(number, "cylinder")
    assert all(phantoms.keeps_order(before, view) for view in after)
    before, after, _ = applied(number, "ramp")
    assert min(phantoms.rank_correlation(before, view) for view in after) >= 0.99


@pytest.mark.parametrize("number", numbers(Flag.LATERALITY))
def test_sides_and_places_stay(number):
    before, after, _ = applied(number, "asymmetric")
    assert all(phantoms.is_itself_not_its_mirror(before, view) for view in after)
    if promised(number, Flag.PHYSICAL_SCALE) == 0:
        assert max(phantoms.moved_mm(before, view) for view in after) <= 1.0


@pytest.mark.parametrize("number", numbers(Flag.LOWCONTRAST_CNR, of_values=True))
def test_low_contrast_loses_no_more_than_declared(number):
    modality, transform = CASES[number]
    base, native = {"CT": (40.0, 10.0), "PT": (2.0, 0.2)}.get(modality, (0.7, 0.02))
    noise = np.random.default_rng(1).normal(0, native, phantoms.SHAPE).astype(np.float32)
    flat, step = base + noise, base + native + noise
    setting = Setting(
        spacing_mm=(phantoms.SPACING_MM,) * 3,
        seeds=tuple(range(NUM_DRAWS)),
        modality=modality,
        window=FixedWindow(low=-1000.0, high=1000.0),
    )
    rows = rows_of(transform)
    low, high = (
        transform.apply(phantoms.as_views(*[view] * NUM_DRAWS), rows, setting)[:, 0].numpy()
        for view in (flat, step)
    )
    for before, after in zip(low, high, strict=True):
        # Second differences along z see the noise of every one of these, and no slow field.
        cnr = (after - before).mean() / (np.diff(before, 2, axis=2).std() / 6**0.5)
        assert 1 - cnr <= promised(number, Flag.LOWCONTRAST_CNR) + 0.02


@pytest.mark.parametrize("number", numbers(Flag.FINITE_RANGE))
def test_values_stay_finite_and_where_the_modality_has_them(number):
    modality, _ = CASES[number]
    for phantom in ("cylinder", "sphere", "ramp"):
        _, after, _ = applied(number, phantom)
        assert np.isfinite(after).all()
        if modality in {"PT", "MR_WEIGHTED"}:
            assert after.min() >= 0


def of_kinds(*kinds):
    return [
        pytest.param(number, id=NAMES[number])
        for number, (_, transform) in enumerate(CASES)
        if transform.kind in kinds
    ]


def changed_phantom(number, views):
    modality, transform = CASES[number]
    setting = Setting(
        spacing_mm=(phantoms.SPACING_MM,) * 3, seeds=tuple(range(NUM_DRAWS)), modality=modality
    )
    return transform.apply(views, rows_of(transform), setting)


FILTERS = ("blur", "thick_slice", "low_resolution", "respiratory_blur")
LINEAR = (*FILTERS, "kernel_change", "slice_dropout", "ghosting", "motion", "gibbs")


@pytest.mark.parametrize("number", of_kinds(*LINEAR))
def test_a_constant_view_stays_constant(number):
    value = phantoms.MATERIALS[CASES[number][0]][3]
    flat = torch.full((NUM_DRAWS, 1, *phantoms.SHAPE), value)
    assert (changed_phantom(number, flat) - flat).abs().max() < 1e-5 * max(value, 1.0)


@pytest.mark.parametrize("number", of_kinds("gaussian_noise", "rician_noise", "count_noise"))
def test_a_constant_view_keeps_its_mean_under_noise(number):
    value = phantoms.MATERIALS[CASES[number][0]][3]
    noisy = changed_phantom(number, torch.full((NUM_DRAWS, 1, *phantoms.SHAPE), value))
    assert (noisy.mean(dim=(1, 2, 3, 4)) / value - 1).abs().max() < 0.02
    assert noisy.std(dim=(1, 2, 3, 4)).max() > 0.05 * value


@pytest.mark.parametrize("number", of_kinds(*FILTERS))
def test_a_point_spreads_without_a_negative_lobe_and_keeps_its_sum(number):
    point = torch.zeros(NUM_DRAWS, 1, *phantoms.SHAPE)
    point[:, :, 24, 24, 20] = 1.0
    spread = changed_phantom(number, point)
    assert spread.min() >= 0
    assert spread.max() <= 1.0 + 1e-6
    if CASES[number][1].kind in {"blur", "respiratory_blur"}:
        assert torch.allclose(spread.sum(dim=(1, 2, 3, 4)), torch.ones(NUM_DRAWS), atol=1e-4)
