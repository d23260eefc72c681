"""MONAI's transforms do what MONAI does, in physical units, and only under a contract."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from monai import transforms

from medcl.augment import views
from medcl.augment.checking import check_policy
from medcl.augment.defaults import ct_strict, mr_weighted
from medcl.augment.grid import ViewGrid
from medcl.augment.policy import Policy
from medcl.augment.random_field import seed_words
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.monai_adapter import Monai
from medcl.augment.transforms.transform import Setting
from medcl.augment.views import Source
from medcl.config.loading import check
from medcl.config.policy import PolicyConfig
from medcl.config.yaml_text import parse
from medcl.errors import ConfigError
from medcl.runtime.seeds import derive_seed

SETTING = Setting(spacing_mm=(1.0, 2.0, 2.5), seeds=(11, 12), stream=3)
GRID = ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0))


def pictures(low=0.0, high=1.0):
    random = torch.Generator().manual_seed(0)
    return low + (high - low) * torch.rand((2, 1, 18, 16, 14), generator=random)


def applied(adapter, amount, pictured):
    amounts = torch.tensor([[amount]] * len(pictured))
    return adapter.apply(pictured, {"amount": amounts}, SETTING)


def seed_of(row):
    words = seed_words(SETTING.seeds)[row].tolist()
    return derive_seed(*words, SETTING.stream, "monai") % 2**32


DIRECT = [
    ("adjust_contrast", "exponent", 0.8, lambda _row: transforms.AdjustContrast(gamma=0.8)),
    ("gibbs_noise", "fraction", 0.3, lambda _row: transforms.GibbsNoise(alpha=0.3)),
    (
        "scale_intensity",
        "fraction",
        0.2,
        lambda _row: transforms.ScaleIntensity(minv=None, maxv=None, factor=0.2),
    ),
    ("shift_intensity", "HU", -7.0, lambda _row: transforms.ShiftIntensity(offset=-7.0)),
    (
        "gaussian_noise",
        "HU",
        20.0,
        lambda row: transforms.RandGaussianNoise(
            prob=1.0, std=20.0, sample_std=False
        ).set_random_state(seed=seed_of(row)),
    ),
    (
        "rician_noise",
        "fraction",
        0.05,
        lambda row: transforms.RandRicianNoise(
            prob=1.0, std=0.05, sample_std=False
        ).set_random_state(seed=seed_of(row)),
    ),
]


@pytest.mark.parametrize(("name", "unit", "amount", "direct"), DIRECT)
def test_a_transform_is_monais_own_with_the_same_parameters(name, unit, amount, direct):
    pictured = pictures()
    changed = applied(Monai(transform=name, amount=(amount, amount), unit=unit), amount, pictured)
    for row in range(2):
        wanted = torch.as_tensor(np.asarray(direct(row)(pictured[row])))
        # Amounts come as float32, MONAI computes with its own float64.
        assert torch.allclose(changed[row], wanted, rtol=1e-6, atol=1e-6)
    assert type(changed) is torch.Tensor


def test_smoothing_in_mm_is_monais_in_voxels_away_from_the_edge():
    pictured = pictures(-100, 200)
    adapter = Monai(transform="gaussian_smooth", amount=(1.2, 1.2), unit="mm")
    direct = transforms.GaussianSmooth(sigma=[1.2, 0.6, 0.48])(pictured[0])
    middle = (slice(None), slice(6, -6), slice(4, -4), slice(4, -4))
    changed = applied(adapter, 1.2, pictured)[0]
    assert torch.allclose(changed[middle], torch.as_tensor(np.asarray(direct))[middle], atol=1e-3)


@pytest.mark.parametrize("name", ["gaussian_smooth", "gaussian_sharpen"])
def test_a_filter_does_not_bring_zeros_in_from_beyond_the_edge(name):
    unit = "mm" if name == "gaussian_smooth" else "fraction"
    flat = torch.full((1, 1, 12, 12, 12), -800.0)
    changed = applied(Monai(transform=name, amount=(1.0, 1.0), unit=unit), 1.0, flat)
    assert torch.allclose(changed, flat, atol=0.01)
    # MONAI alone lifts the edge of a lung towards water.
    alone = torch.as_tensor(np.asarray(transforms.GaussianSmooth(sigma=1.0)(flat[0])))
    assert alone.max() > -600


@pytest.mark.parametrize("name", ["gaussian_smooth", "gaussian_sharpen"])
def test_what_was_not_measured_does_not_leak_into_tissue(name):
    unit = "mm" if name == "gaussian_smooth" else "fraction"
    tissue = torch.full((1, 1, 12, 12, 12), 50.0)
    measured = torch.ones((1, 1, 12, 12, 12), dtype=torch.bool)
    measured[..., :5] = False
    tissue[~measured] = -1024.0
    setting = Setting(spacing_mm=(1.0, 1.0, 1.0), seeds=(1,), measured=measured)
    adapter = Monai(transform=name, amount=(1.0, 1.0), unit=unit)
    changed = adapter.apply(tissue, {"amount": torch.tensor([[1.0]])}, setting)
    assert torch.allclose(changed[measured], torch.tensor(50.0), atol=0.1)


def test_noise_of_both_kinds_adds_up():
    ct = ct_strict(grid=GRID)
    section = {"kind": "monai", "transform": "gaussian_noise", "amount": [0.0, 29.0], "unit": "HU"}
    content = ct.to_json()
    content["transforms"] = [*content["transforms"], section]
    found = check_policy(Policy.from_json(content)).violations
    assert [violation.code for violation in found] == ["SC013"]
    assert "gaussian_noise+monai" in found[0].sentence


def test_sharpening_adds_fine_detail():
    pictured = pictures()
    sharp = applied(
        Monai(transform="gaussian_sharpen", amount=(1.5, 1.5), unit="fraction"), 1.5, pictured
    )
    assert sharp.std() > 1.2 * pictured.std()
    assert sharp.mean() == pytest.approx(float(pictured.mean()), abs=0.01)


def test_sharpening_adds_no_rim_beside_bone_on_ct():
    pictured = torch.zeros((1, 1, 18, 16, 14))
    pictured[:, :, 9:] = 1000.0
    sharpen = Monai(transform="gaussian_sharpen", amount=(1.5, 1.5), unit="fraction")
    amounts = {"amount": torch.tensor([[1.5]])}
    change = {
        modality: sharpen.apply(pictured, amounts, replace(SETTING, modality=modality)) - pictured
        for modality in ("CT", "MR_WEIGHTED")
    }
    assert change["CT"].abs().max() == 50.0
    assert change["MR_WEIGHTED"].abs().max() > 60.0


def test_a_bias_field_brightens_and_darkens_within_its_bound():
    flat = torch.ones((2, 1, 16, 16, 16))
    adapter = Monai(transform="bias_field", amount=(0.3, 0.3), unit="fraction")
    fields = torch.cat(
        [
            adapter.apply(
                flat,
                {"amount": torch.tensor([[0.3], [0.3]])},
                Setting(spacing_mm=(1.0, 1.0, 1.0), seeds=(seed, seed + 1)),
            )
            for seed in range(0, 40, 2)
        ]
    )
    assert fields.max() <= 1.3 + 1e-6
    assert fields.min() >= 1 / 1.3 - 1e-6
    assert (fields.mean(dim=(1, 2, 3, 4)) > 1).any()
    assert (fields.mean(dim=(1, 2, 3, 4)) < 1).any()


def test_a_view_does_not_depend_on_its_batch_and_the_global_generator_stays():
    pictured = pictures()
    adapter = Monai(transform="gaussian_noise", amount=(0.0, 20.0), unit="HU")
    torch.manual_seed(7)
    together = applied(adapter, 10.0, pictured)
    after = torch.rand(1)
    alone = adapter.apply(
        pictured[1:],
        {"amount": torch.tensor([[10.0]])},
        Setting(spacing_mm=SETTING.spacing_mm, seeds=(12,), stream=3),
    )
    assert torch.equal(together[1:], alone)
    assert not torch.equal(together[0] - pictured[0], together[1] - pictured[1])
    torch.manual_seed(7)
    assert torch.equal(torch.rand(1), after)


@pytest.mark.parametrize(("name", "unit"), [(name, unit) for name, unit, _, _ in DIRECT])
def test_the_amount_that_changes_nothing_changes_no_bit(name, unit):
    pictured = pictures()
    amount = 1.0 if unit == "exponent" else 0.0
    adapter = Monai(transform=name, amount=(amount, amount), unit=unit)
    assert adapter.identity() == {"amount": (amount,)}
    assert torch.equal(applied(adapter, amount, pictured), pictured)


def with_monai(policy, **section):
    content = policy.to_json()
    content["transforms"] = [{"kind": "monai", **section}]
    return Policy.from_json(content)


@pytest.mark.parametrize(
    "name", ["k_space_spike", "rand_affine", "RandCoarseDropout", "monai.transforms.RandFlip"]
)
def test_a_transform_without_a_contract_is_refused(name):
    with pytest.raises(ConfigError, match="SC100"):
        with_monai(ct_strict(grid=GRID), transform=name, amount=[0.0, 0.1], unit="fraction")


def test_a_range_in_another_unit_is_refused():
    section = {"transform": "gaussian_smooth", "amount": [0.0, 0.5], "unit": "fraction"}
    with pytest.raises(ConfigError, match=r"must be in mm, got fraction \(SC070\)"):
        with_monai(ct_strict(grid=GRID), **section)


def test_settings_name_transforms_from_the_list_only():
    text = """
name: p
modality: CT
grid: {size_voxels: [8, 8, 8], spacing_mm: [1.0, 1.0, 1.0]}
window: {kind: fixed_window, low: -200.0, high: 400.0}
transforms:
  - {kind: monai, transform: NAME, amount: [0.0, 0.5], unit: mm}
"""
    made = check(parse(text.replace("NAME", "gaussian_smooth"), label="p"), PolicyConfig, label="p")
    assert made.transforms[0].transform == "gaussian_smooth"
    with pytest.raises(ConfigError, match="has no contract"):
        check(parse(text.replace("NAME", "os.system"), label="p"), PolicyConfig, label="p")


def codes(policy, task=TaskProfile.GENERIC):
    return {violation.code for violation in check_policy(policy, task).violations}


def test_the_physics_of_another_modality_and_what_no_scanner_does_are_refused():
    ct, mr = ct_strict(grid=GRID), mr_weighted(grid=GRID)
    gibbs = {"transform": "gibbs_noise", "unit": "fraction"}
    assert "SC090" in codes(with_monai(ct, **gibbs, amount=[0.0, 0.3]))
    assert codes(with_monai(mr, **gibbs, amount=[0.0, 0.3])) == set()
    assert "SC013" in codes(with_monai(mr, **gibbs, amount=[0.0, 0.9]))


def test_the_contract_is_that_of_medcls_own_transform():
    ct = ct_strict(grid=GRID)
    shifted = with_monai(ct, transform="shift_intensity", amount=[-50.0, 50.0], unit="HU")
    assert codes(shifted) == {"SC010"}
    noisy = with_monai(ct, transform="gaussian_noise", amount=[0.0, 20.0], unit="HU")
    assert codes(noisy) == set()
    assert "SC011" in codes(noisy, TaskProfile.TEXTURE)
    gain = with_monai(
        mr_weighted(grid=GRID), transform="scale_intensity", amount=[-0.2, 0.2], unit="fraction"
    )
    assert codes(gain) == set()
    assert gain.transforms[0].limits("MR_WEIGHTED")["amount"] == (-0.25, 0.25)


def test_a_policy_with_it_gives_the_same_views_again_and_keeps_the_mask():
    policy = with_monai(
        ct_strict(grid=GRID), transform="gaussian_noise", amount=[20.0, 20.0], unit="HU"
    )
    source = Source(word="a", shape=(20, 20, 20), affine=np.diag([2.0, 2.0, 2.0, 1.0]))
    flat = np.full((1, 20, 20, 20), 40.0, np.float32)
    shown = []
    for seed in (1, 1, 2):
        drawn = views.draw(policy, [source], seed=seed, step=0, view=0)
        (box,) = views.boxes(drawn)
        view, mask = views.render(drawn, [flat[:, *box.slices]])
        assert mask.all()
        shown.append((view[0, 0] + 1) * 1000 - 1000)
    assert torch.equal(shown[0], shown[1])
    assert not torch.equal(shown[0], shown[2])
    assert shown[0].mean() == pytest.approx(40, abs=1)
    assert shown[0].std() == pytest.approx(20, rel=0.05)
