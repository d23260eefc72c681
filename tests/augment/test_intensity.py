"""Known answers of every transform of values."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.ndimage import gaussian_filter

from medcl.augment.chance import CornerChance, RandomChance
from medcl.augment.normalisation import FixedWindow
from medcl.augment.random_field import _quantiles, normal, uniform
from medcl.augment.transforms.bias_field import BiasField
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.count_noise import CountNoise
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.ghosting import Ghosting
from medcl.augment.transforms.gibbs import Gibbs
from medcl.augment.transforms.kernel_change import KernelChange
from medcl.augment.transforms.low_resolution import LowResolution
from medcl.augment.transforms.monotone_map import MonotoneMap
from medcl.augment.transforms.motion import Motion
from medcl.augment.transforms.noise import GaussianNoise, RicianNoise
from medcl.augment.transforms.refusable import HuOffset
from medcl.augment.transforms.respiratory_blur import RespiratoryBlur
from medcl.augment.transforms.slice_dropout import SliceDropout
from medcl.augment.transforms.thick_slice import ThickSlice
from medcl.augment.transforms.transform import Setting
from medcl.augment.transforms.window_jitter import WindowJitter

SETTING = Setting(
    spacing_mm=(1.0, 2.0, 0.5), seeds=(11, 12), window=FixedWindow(low=-1000.0, high=1000.0)
)
ALL = [
    GaussianNoise(sd_hu=(5.0, 20.0)),
    RicianNoise(sd_fraction=(0.01, 0.05)),
    Blur(sigma_mm=(0.3, 0.6)),
    Gain(factor=(0.8, 1.2)),
    Gamma(exponent=(0.8, 1.25)),
    BiasField(strength=(0.1, 0.2)),
    HuOffset(offset_hu=(10.0, 50.0)),
    GaussianNoise(sd_hu=(5.0, 20.0), peak_per_mm=0.3),
    CountNoise(liver_cov=(0.05, 0.15)),
    KernelChange(high_band_gain=(0.5, 0.8)),
    ThickSlice(thickness_mm=(1.0, 5.0)),
    ThickSlice(thickness_mm=(3.0, 5.0), axis="y"),
    LowResolution(voxel_mm=(1.5, 2.5)),
    SliceDropout(fraction=(0.1, 0.1)),
    RespiratoryBlur(range_mm=(3.0, 10.0)),
    MonotoneMap(slope=(1.3, 1.5)),
    Ghosting(intensity=(0.1, 0.3)),
    Ghosting(intensity=(0.1, 0.3), axis="z"),
    Motion(degrees=(1.0, 3.0), mm=(1.0, 3.0)),
    Gibbs(alpha=(0.3, 0.5)),
    WindowJitter(centre_hu=(5.0, 10.0)),
]


def batched(*rows):
    return {name: torch.tensor([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("transform", ALL, ids=lambda transform: transform.kind)
def test_identity_parameters_change_no_bit_even_beside_a_changed_view(transform):
    views = torch.rand(2, 1, 13, 12, 21)
    drawn = transform.draw(RandomChance(np.random.default_rng(0)))
    changed = transform.apply(views.clone(), batched(transform.identity(), drawn), SETTING)
    assert torch.equal(changed[0], views[0])
    assert not torch.allclose(changed[1], views[1], atol=1e-4)
    assert changed.shape == views.shape
    assert changed.dtype == views.dtype


@pytest.mark.parametrize("transform", ALL, ids=lambda transform: transform.kind)
def test_a_view_is_the_same_alone_and_in_any_batch(transform):
    views = 3.0 * torch.rand(3, 1, 13, 12, 21)
    chances = [RandomChance(np.random.default_rng(seed)) for seed in range(3)]
    rows = [transform.draw(chance) for chance in chances]
    measured = torch.ones_like(views, dtype=torch.bool)
    measured[2, :, :5] = False
    setting = replace(SETTING, seeds=(21, 22, 23), measured=measured)
    together = transform.apply(views.clone(), batched(*rows), setting)
    again = transform.apply(views.clone(), batched(*rows), setting)
    assert torch.equal(together, again)
    for number, row in enumerate(rows):
        part = slice(number, number + 1)
        own = replace(setting, seeds=setting.seeds[part], measured=measured[part])
        alone = transform.apply(views[part].clone(), batched(row), own)
        # Fourier transforms may order their sums by the size of the batch; the rest may not.
        assert torch.allclose(alone, together[part], atol=1e-5, rtol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("transform", ALL, ids=lambda transform: transform.kind)
def test_cpu_and_gpu_change_values_alike(transform):
    views = torch.rand(2, 1, 24, 20, 30)
    rows = [transform.draw(RandomChance(np.random.default_rng(seed))) for seed in range(2)]
    here = transform.apply(views.clone(), batched(*rows), SETTING)
    there = {name: rows.cuda() for name, rows in batched(*rows).items()}
    on_gpu = transform.apply(views.cuda(), there, SETTING).cpu()
    assert torch.allclose(here, on_gpu, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize("transform", ALL, ids=lambda transform: transform.kind)
def test_draws_stay_in_their_range(transform):
    for seed in range(50):
        for chance in (RandomChance, CornerChance):
            drawn = transform.draw(chance(np.random.default_rng(seed)))
            assert drawn.keys() == transform.identity().keys()
            for name, values in drawn.items():
                assert len(values) == len(transform.identity()[name])
                assert np.isfinite(values).all()
                low, high = getattr(transform, name, (-np.inf, np.inf))
                sizes = np.asarray(values)
                if len(values) % 3 == 0:
                    sizes = np.linalg.norm(sizes.reshape(-1, 3), axis=1)
                assert (sizes >= low - 1e-9).all()
                assert (sizes <= high + 1e-9).all()


@pytest.mark.parametrize(
    ("snr", "mean"),
    [(0, 1.2533), (1, 1.5486), (2, 2.2724), (3, 3.1726), (5, 5.1011), (10, 10.0501)],
)
def test_rician_noise_has_the_mean_of_the_rice_distribution(snr, mean):
    views = torch.full((1, 1, 64, 64, 64), float(snr))
    setting = Setting(spacing_mm=(1.0,) * 3, seeds=(5,))
    noisy = RicianNoise(sd_fraction=(0.0, 1.0)).apply(
        views, {"sd_fraction": torch.ones(1, 1)}, setting
    )
    assert noisy.mean().item() == pytest.approx(mean, abs=0.006)
    if snr == 0:
        assert noisy.std().item() == pytest.approx(0.6551, abs=0.004)


def test_ct_noise_keeps_the_mean_and_has_its_standard_deviation_in_hu():
    views = torch.full((2, 1, 64, 64, 32), 40.0)
    noisy = GaussianNoise(sd_hu=(0.0, 30.0)).apply(
        views, {"sd_hu": torch.tensor([[0.0], [20.0]])}, SETTING
    )
    assert torch.equal(noisy[0], views[0])
    assert noisy[1].mean().item() == pytest.approx(40, abs=0.2)
    assert noisy[1].std().item() == pytest.approx(20, abs=0.2)


def test_the_random_field_is_normal_and_white_and_its_streams_are_independent():
    field = normal((1, 2), (64, 64, 64), stream=0, device=torch.device("cpu")).numpy()
    other = normal((1, 2), (64, 64, 64), stream=1, device=torch.device("cpu")).numpy()
    assert stats.kstest(field[0].ravel()[::3], "norm").pvalue > 1e-3
    assert abs(stats.kurtosis(field[0].ravel())) < 0.05
    for shift in (1, 64, 4096, 64**3 // 2):
        moved = np.roll(field[0].ravel(), shift)
        assert abs(np.corrcoef(field[0].ravel(), moved)[0, 1]) < 0.01
    assert abs(np.corrcoef(field[0].ravel(), field[1].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(field[0].ravel(), other[0].ravel())[0, 1]) < 0.01


def test_bits_become_the_normal_quantile_of_their_probability_on_both_sides():
    rng = np.random.default_rng(0)
    deep = [bit << shift for shift in range(31) for bit in (1, 2, 3) if bit << shift < 1 << 31]
    sizes = np.array([0, (1 << 31) - 1, *deep, *rng.integers(0, 1 << 31, 5000)])
    tail = stats.norm.ppf((sizes + 0.5) / (1 << 32))
    above = _quantiles(torch.from_numpy(sizes.astype(np.int32))).double().numpy()
    below = _quantiles(torch.from_numpy((-sizes[1:]).astype(np.int32))).double().numpy()
    assert tail.min() < -6.3
    assert np.abs(above + tail).max() < 6e-5
    assert np.array_equal(below, -above[1:])


@pytest.mark.parametrize("shape", [(4096,), (64, 64), (4096, 1)])
def test_neighbouring_seeds_give_unrelated_fields(shape):
    seeds = tuple(range(1000, 1040)) + tuple((1 << 40) + step for step in range(40))
    field = normal(seeds, shape, stream=0, device=torch.device("cpu")).numpy().reshape(80, -1)
    correlation = np.corrcoef(field) - np.eye(len(seeds))
    assert np.abs(correlation).max() < 0.09
    # Nor are they one another's numbers in another order.
    largest = np.sort(field, axis=1)[:, -5:]
    assert len(np.unique(largest)) == largest.size


def test_neighbouring_seeds_give_unrelated_uniform_numbers():
    rows = uniform(tuple(range(1000, 1040)), 64, stream=0, device=torch.device("cpu")).numpy()
    # Of 2560 numbers of 24 bits a few pairs may be equal.
    assert rows.size - len(np.unique(rows)) < 4


def test_no_row_of_a_random_field_is_another_one():
    field = normal(tuple(range(8)), (96, 96, 4), stream=0, device=torch.device("cpu"))
    rows = np.sort(field.reshape(-1, 4).numpy(), axis=1)
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_pairs_of_neighbours_in_a_random_field_are_spread_evenly():
    field = normal(tuple(range(8)), (48, 48, 48), stream=0, device=torch.device("cpu")).double()
    cell = (torch.special.ndtr(field) * 64).long().clamp_max(63)
    for axis in (1, 2, 3):
        near = cell.narrow(axis, 0, 47), cell.narrow(axis, 1, 47)
        counts = torch.bincount((near[0] * 64 + near[1]).flatten(), minlength=4096)
        assert stats.chisquare(counts.numpy()).pvalue > 1e-4


def test_blur_is_the_gaussian_of_scipy_in_mm():
    point = torch.zeros(1, 1, 31, 31, 31)
    point[0, 0, 15, 15, 15] = 1000.0
    blurred = Blur(sigma_mm=(0.0, 2.0)).apply(point, {"sigma_mm": torch.tensor([[1.5]])}, SETTING)
    wanted = gaussian_filter(point[0, 0].numpy(), [1.5, 0.75, 3.0], truncate=3.0, mode="nearest")
    assert np.abs(blurred[0, 0].numpy() - wanted).max() < 0.05 * wanted.max()
    assert blurred.sum().item() == pytest.approx(1000, rel=1e-4)


def test_a_wide_blur_in_the_batch_changes_no_narrow_one():
    views = torch.rand(2, 1, 12, 12, 12)
    setting = Setting(spacing_mm=(1.0,) * 3, seeds=(1, 2))
    blur = Blur(sigma_mm=(0.0, 3.0))
    both = blur.apply(views, {"sigma_mm": torch.tensor([[0.6], [3.0]])}, setting)
    alone = blur.apply(views[:1], {"sigma_mm": torch.tensor([[0.6]])}, setting)
    assert torch.equal(both[:1], alone)


def test_gamma_keeps_the_order_and_both_ends_of_the_range():
    ramp = torch.linspace(0, 1, 60).reshape(1, 1, 60, 1, 1)
    bent = Gamma(exponent=(0.5, 2.0)).apply(ramp, {"exponent": torch.tensor([[1.3]])}, SETTING)
    assert (bent.diff(dim=2) > 0).all()
    assert bent[0, 0, [0, 59], 0, 0].tolist() == [0.0, 1.0]
    assert bent[0, 0, 30, 0, 0].item() == pytest.approx((30 / 59) ** 1.3)


def test_a_bias_field_stays_within_its_strength_in_every_corner():
    field = BiasField(strength=(0.15, 0.15))
    ones = torch.ones(1, 1, 16, 16, 16)
    widest = 0.0
    for seed in range(200):
        chance = (CornerChance if seed % 2 else RandomChance)(np.random.default_rng(seed))
        made = field.apply(ones, batched(field.draw(chance)), SETTING)
        assert made.min() >= 1 / 1.1501
        assert made.max() <= 1.1501
        widest = max(widest, made.max().item())
    assert widest > 1.13
