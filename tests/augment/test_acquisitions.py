"""Known answers of what imitates another acquisition: counts, kernels, slices, breath, window."""

import numpy as np
import pytest
import torch

from medcl.augment.chance import CornerChance, RandomChance
from medcl.augment.contract import Flag
from medcl.augment.normalisation import FixedWindow, PercentileWindow
from medcl.augment.transforms.count_noise import CountNoise
from medcl.augment.transforms.kernel_change import KernelChange
from medcl.augment.transforms.low_resolution import LowResolution
from medcl.augment.transforms.noise import GaussianNoise
from medcl.augment.transforms.respiratory_blur import RespiratoryBlur
from medcl.augment.transforms.slice_dropout import SliceDropout
from medcl.augment.transforms.thick_slice import ThickSlice
from medcl.augment.transforms.transform import Setting
from medcl.augment.transforms.window_jitter import WindowJitter
from medcl.errors import PolicyError

ONE_MM = Setting(spacing_mm=(1.0, 1.0, 1.0), seeds=(5,))


def one(**values):
    return {name: torch.tensor([np.atleast_1d(value).tolist()]) for name, value in values.items()}


def wave(period_voxels, axis, size=48):
    place = torch.arange(size, dtype=torch.float32)
    shape = [1, 1, 1, 1, 1]
    shape[2 + axis] = size
    line = torch.cos(2 * torch.pi * place / period_voxels).reshape(shape)
    return line.expand(1, 1, size, size, size).contiguous()


@pytest.mark.parametrize("suv", [0.5, 2.0, 8.0])
def test_count_noise_has_a_variance_that_grows_with_the_mean(suv):
    views = torch.full((1, 1, 64, 64, 64), suv)
    noisy = CountNoise(liver_cov=(0.0, 0.2)).apply(views, one(liver_cov=0.15), ONE_MM)
    assert noisy.mean().item() == pytest.approx(suv, rel=0.003)
    assert noisy.std().item() == pytest.approx(0.15 * (suv * 2.0) ** 0.5, rel=0.01)
    assert noisy.min() > 0


def test_count_noise_leaves_what_has_no_uptake_alone():
    views = torch.zeros(1, 1, 8, 8, 8)
    noisy = CountNoise(liver_cov=(0.0, 0.2)).apply(views, one(liver_cov=0.15), ONE_MM)
    assert torch.equal(noisy, views)


def test_grained_noise_has_no_mean_its_strength_and_its_peak():
    setting = Setting(spacing_mm=(0.8, 0.8, 2.0), seeds=(9,))
    noise = GaussianNoise(sd_hu=(0.0, 30.0), peak_per_mm=0.3).apply(
        torch.zeros(1, 1, 96, 96, 40), one(sd_hu=20.0), setting
    )[0, 0]
    assert noise.mean(dim=(0, 1)).abs().max() < 1e-4
    assert noise.std().item() == pytest.approx(20, rel=0.02)
    power = torch.fft.fft2(noise, dim=(0, 1)).abs().square().mean(dim=2).numpy()
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(96, 0.8)] * 2))
    rings = np.digitize(frequency, np.arange(0.0, 0.6, 0.04))
    profile = [power[rings == ring].mean() for ring in range(1, 15)]
    assert 0.24 <= 0.04 * np.argmax(profile) <= 0.32
    assert profile[0] < 0.2 * max(profile)
    across = noise - noise.mean()
    assert abs((across[:, :, 1:] * across[:, :, :-1]).mean() / across.square().mean()) < 0.02


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_a_kernel_scales_fine_detail_and_keeps_the_mean(gain):
    kernel = KernelChange(high_band_gain=(0.5, 2.0))
    for axis in (0, 1):
        fine = kernel.apply(20.0 * wave(2, axis), one(high_band_gain=gain), ONE_MM)
        coarse = kernel.apply(20.0 * wave(24, axis), one(high_band_gain=gain), ONE_MM)
        assert fine[0, 0, 24, 24, 24].item() == pytest.approx(20 * gain, rel=0.02)
        assert coarse[0, 0, 24, 24, 24].item() == pytest.approx(20, rel=0.05)
    across = kernel.apply(20.0 * wave(2, 2), one(high_band_gain=gain), ONE_MM)
    assert across[0, 0, 24, 24, 24].item() == pytest.approx(20)
    flat = torch.full((1, 1, 12, 12, 12), -870.0)
    same = kernel.apply(flat, one(high_band_gain=gain), ONE_MM)
    assert (same - flat).abs().max() < 1e-3


def test_a_sharper_kernel_overshoots_by_50_hu_at_most():
    step = torch.full((1, 1, 24, 24, 4), -1000.0)
    step[:, :, 12:] = 1200.0
    sharp = KernelChange(high_band_gain=(0.5, 2.0)).apply(step, one(high_band_gain=2.0), ONE_MM)
    assert sharp.max() == 1250
    assert sharp.min() == -1050


def test_thick_slices_are_means_of_blocks_interpolated_linearly():
    views = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 1, 3, 4, 40))).float()
    # Centres of slices of 4 voxels lie at 1.5, 5.5, …: a phase of 1.5 / 4.
    thick = ThickSlice(thickness_mm=(0.0, 5.0)).apply(
        views, one(thickness_mm=4.0, phase=1.5 / 4), ONE_MM
    )
    blocks = views.reshape(3, 4, 10, 4).mean(dim=3).numpy()
    centres = 4 * np.arange(10) + 1.5
    for x, y in ((0, 0), (2, 3)):
        wanted = np.interp(np.arange(2, 38), centres, blocks[x, y])
        assert np.abs(thick[0, 0, x, y, 2:38].numpy() - wanted).max() < 1e-5


def test_thick_slices_fold_no_frequency_back_and_keep_flat_tissue_to_the_edge():
    fine = ThickSlice(thickness_mm=(0.0, 5.0), axis="x").apply(
        wave(4, 0), one(thickness_mm=4.0, phase=0.3), ONE_MM
    )
    assert fine[:, :, 6:-6].abs().max() < 1e-5
    flat = torch.full((1, 1, 4, 4, 15), 40.0)
    for phase in (0.0, 0.37, 1.0):
        thick = ThickSlice(thickness_mm=(0.0, 5.0)).apply(
            flat, one(thickness_mm=4.7, phase=phase), ONE_MM
        )
        assert (thick - flat).abs().max() < 1e-3


def test_slices_thinner_than_the_grid_change_nothing():
    views = torch.rand(1, 1, 6, 6, 6)
    same = ThickSlice(thickness_mm=(0.0, 5.0)).apply(
        views, one(thickness_mm=0.9, phase=0.4), ONE_MM
    )
    assert torch.equal(same, views)


def test_air_beyond_what_was_measured_does_not_leak_into_thick_slices():
    measured = torch.arange(20).reshape(1, 1, 1, 1, 20).expand(1, 1, 4, 4, 20) < 11
    views = torch.where(measured, 40.0, -1024.0)
    setting = Setting(spacing_mm=(1.0,) * 3, seeds=(5,), measured=measured)
    thick = ThickSlice(thickness_mm=(0.0, 5.0)).apply(
        views, one(thickness_mm=5.0, phase=0.2), setting
    )
    assert (thick - views).abs().max() < 1e-3


def test_low_resolution_works_alike_on_all_axes():
    point = torch.zeros(1, 1, 25, 25, 25)
    point[0, 0, 12, 12, 12] = 1.0
    wide = LowResolution(voxel_mm=(0.0, 3.0)).apply(
        point, one(voxel_mm=3.0, phase=(0.0, 0.0, 0.0)), ONE_MM
    )[0, 0]
    for order in ((1, 0, 2), (2, 1, 0)):
        assert torch.allclose(wide, wide.permute(order), atol=1e-6)
    # A point in the middle of a voxel of 3 mm spreads to a box of 3 and a triangle of 6 mm.
    assert wide[12, 12, 12].item() == pytest.approx((1 / 3) ** 3, abs=1e-6)
    assert wide[12, 12, 13].item() == pytest.approx((1 / 3) ** 2 * (2 / 9), abs=1e-6)


def test_larger_voxels_lie_where_each_axis_has_its_phase():
    views = torch.from_numpy(np.random.default_rng(4).normal(size=(1, 1, 24, 24, 24))).float()
    phases = (0.1, 0.5, 0.8)
    low = LowResolution(voxel_mm=(0.0, 3.0)).apply(views, one(voxel_mm=2.5, phase=phases), ONE_MM)
    wanted = views
    for axis, phase in zip("xyz", phases, strict=True):
        slices = ThickSlice(thickness_mm=(0.0, 5.0), axis=axis)
        wanted = slices.apply(wanted, one(thickness_mm=2.5, phase=phase), ONE_MM)
    assert torch.allclose(low, wanted, atol=1e-6)


def test_breathing_is_a_box_along_the_body():
    point = torch.zeros(1, 1, 5, 5, 31)
    point[0, 0, 2, 2, 15] = 12.0
    smeared = RespiratoryBlur(range_mm=(0.0, 10.0)).apply(point, one(range_mm=6.0), ONE_MM)
    line = smeared[0, 0, 2, 2]
    assert line[13:18].tolist() == pytest.approx([2.0] * 5)
    assert line[[12, 18]].tolist() == pytest.approx([1.0] * 2)
    assert smeared.sum().item() == pytest.approx(12.0)
    assert smeared[0, 0, 1].abs().max() == 0


@pytest.mark.parametrize("range_mm", [8.0, 9.0, 10.0])
def test_breathing_takes_no_more_from_the_peak_of_a_lesion_than_declared(range_mm):
    place = (torch.arange(64) - 31.5) / 2
    squared = place[:, None, None] ** 2 + place[:, None] ** 2 + place**2
    lesion = (squared <= 10.0**2).float()[None, None]
    setting = Setting(spacing_mm=(0.5, 0.5, 0.5), seeds=(1,))
    breath = RespiratoryBlur(range_mm=(0.0, range_mm))
    peak = breath.apply(lesion, one(range_mm=range_mm), setting)[0, 0][squared <= 6.0**2].mean()
    bound = breath.contract("PT")[Flag.UPTAKE_ABS].bound
    assert 1 - peak.item() <= bound + 1e-6
    assert (bound > 0) == (1 - peak.item() > 1e-5)


def test_lost_slices_are_few_apart_and_stand_for_their_neighbours():
    views = torch.from_numpy(np.random.default_rng(3).normal(size=(6, 1, 4, 4, 64))).float()
    setting = Setting(spacing_mm=(1.0,) * 3, seeds=tuple(range(100, 106)))
    dropout = SliceDropout(fraction=(0.0, 0.1))
    half = dropout.apply(views, {"fraction": torch.full((6, 1), 0.05)}, setting)
    changed = dropout.apply(views, {"fraction": torch.full((6, 1), 0.1)}, setting)
    lost = (changed != views).any(dim=(1, 2, 3))
    assert lost.sum(dim=1).tolist() == [6] * 6
    assert not (lost[:, 1:] & lost[:, :-1]).any()
    assert not lost[:, [0, -1]].any()
    assert len({tuple(row.nonzero().flatten().tolist()) for row in lost}) == 6
    assert 6 <= (half != views).any(dim=(1, 2, 3)).sum() <= 30
    between = (views[..., :-2] + views[..., 2:]) / 2
    inner = lost[:, None, None, None, 1:-1].expand_as(between)
    assert torch.allclose(changed[..., 1:-1][inner], between[inner])


def test_a_ramp_survives_the_loss_of_slices():
    ramp = torch.arange(40.0).expand(1, 1, 4, 4, 40).contiguous()
    setting = Setting(spacing_mm=(1.0,) * 3, seeds=(1,))
    changed = SliceDropout(fraction=(0.1, 0.1)).apply(ramp, one(fraction=0.1), setting)
    assert torch.allclose(changed, ramp)


def test_a_moved_window_shows_other_greys_of_the_same_hu():
    window = FixedWindow(low=-160.0, high=240.0)
    setting = Setting(spacing_mm=(1.0,) * 3, seeds=(1,), window=window)
    views = torch.linspace(-160, 240, 9).reshape(1, 1, 9, 1, 1)
    jittered = WindowJitter().apply(views, one(centre_hu=10.0, width=1.1), setting)
    wanted = FixedWindow(low=50.0 - 220.0, high=50.0 + 220.0).finish(views)
    assert torch.allclose(window.finish(jittered), wanted, atol=1e-6)


def test_only_a_fixed_window_can_be_moved():
    setting = Setting(spacing_mm=(1.0,) * 3, seeds=(1,), window=PercentileWindow())
    drawn = one(centre_hu=10.0, width=1.1)
    with pytest.raises(PolicyError, match="fixed window"):
        WindowJitter().apply(torch.zeros(1, 1, 2, 2, 2), drawn, setting)


def test_a_window_is_drawn_for_the_whole_batch_unless_asked_otherwise():
    assert WindowJitter().sharing == "batch"
    ends = {CornerChance(np.random.default_rng(s)).between(-10.0, 10.0) for s in range(9)}
    assert ends == {-10.0, 10.0}
    drawn = WindowJitter().draw(RandomChance(np.random.default_rng(0)))
    assert -10 <= drawn["centre_hu"][0] <= 10
