"""Policies: what is refused, with which sentence, and what a hash stands for."""

import json
from dataclasses import replace

import pytest

from medcl.augment.checking import check_policy, require_safe
from medcl.augment.contract import Flag, bounded, claim_of, keeping
from medcl.augment.defaults import ct_strict, mr_weighted, ot_shape, pt
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow, PercentileWindow
from medcl.augment.policy import Policy
from medcl.augment.policy_text import all_floats
from medcl.augment.safety.tasks import TaskProfile, required_flags
from medcl.augment.transforms.anisotropic_scale import AnisotropicScale
from medcl.augment.transforms.bias_field import BiasField
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.noise import GaussianNoise, RicianNoise
from medcl.augment.transforms.refusable import Flip, HuOffset, ResizedCrop
from medcl.augment.transforms.rot90 import Rot90
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.transforms.shear import GantryTilt, Shear
from medcl.augment.transforms.transform import require_common
from medcl.errors import ConfigError, PolicyError

GRID = ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0))
DEFAULTS = [ct_strict(grid=GRID), mr_weighted(grid=GRID), pt(grid=GRID), ot_shape(grid=GRID)]


def ct(*transforms, window=None):
    window = window or FixedWindow(low=-1024.0, high=1500.0)
    return Policy(name="t", modality="CT", grid=GRID, window=window, transforms=transforms)


def codes(policy, task=TaskProfile.GENERIC):
    return {violation.code for violation in check_policy(policy, task).violations}


@pytest.mark.parametrize("policy", DEFAULTS, ids=lambda policy: policy.name)
def test_default_policies_are_safe_for_a_task_nobody_has_named(policy):
    require_safe(policy)
    require_safe(policy, TaskProfile.LATERAL)


@pytest.mark.parametrize(
    ("transform", "code"),
    [
        (Flip(axis="x"), "SC001"),
        (Flip(axis="y"), "SC001"),
        (Flip(axis="z"), "SC001"),
        (HuOffset(offset_hu=(-50.0, 50.0)), "SC010"),
        (HuOffset(offset_hu=(-5.0, 5.0)), "SC010"),
        (Gain(factor=(0.9, 1.1)), "SC010"),
        (Gamma(exponent=(0.7, 1.5)), "SC010"),
        (BiasField(strength=(0.0, 0.1)), "SC090"),
        (RicianNoise(sd_fraction=(0.0, 0.03)), "SC090"),
        (GaussianNoise(sd_hu=(0.0, 60.0)), "SC013"),
        (Blur(sigma_mm=(0.0, 2.0)), "SC013"),
        (Scale(zoom=(0.7, 1.3)), "SC020"),
        (Scale(zoom=(0.98, 1.02)), "SC020"),
        (ResizedCrop(fraction=(0.5, 1.0)), "SC021"),
        (Rotation(max_degrees=30.0), "SC022"),
        (Rot90(axis="z"), "SC022"),
        (AnisotropicScale(zoom=(0.97, 1.03)), "SC020"),
        (AnisotropicScale(zoom=(0.9, 1.0), sharing="batch"), "SC013"),
        (Shear(max_degrees=3.0), "SC020"),
        (Shear(max_degrees=5.0), "SC013"),
        (GantryTilt(max_degrees=10.0), "SC090"),
        (Displacement(spacing_mm=40.0, max_fraction=0.1), "SC020"),
        (Displacement(spacing_mm=40.0, max_fraction=0.35), "SC013"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_a_ct_policy_is_refused_for_what_breaks_it(transform, code):
    assert code in codes(ct(transform))
    with pytest.raises(PolicyError, match=code):
        require_safe(ct(transform))


def test_the_refusal_names_transform_parameter_found_allowed_and_code():
    with pytest.raises(PolicyError) as refusal:
        require_safe(ct(Crop(), Scale(zoom=(0.7, 1.3))))
    message = str(refusal.value)
    for part in ("generic", "scale.zoom", "0.7 to 1.3", "0.03", "SC020"):
        assert part in message
    assert refusal.value.exit_status == 3


def test_the_difference_between_two_views_is_checked_not_only_each_view():
    assert codes(ct(Scale(zoom=(0.975, 1.025)))) == {"SC020"}
    assert codes(ct(Scale(zoom=(0.975, 1.025), sharing="batch"))) == set()
    assert codes(ct(HuOffset(offset_hu=(-4.0, 4.0)))) == {"SC010"}
    assert codes(ct(HuOffset(offset_hu=(-4.0, 4.0), sharing="batch"))) == set()


def test_transforms_of_one_kind_compose():
    assert codes(ct(Rotation(max_degrees=10.0))) == set()
    assert codes(ct(*[Rotation(max_degrees=10.0)] * 3)) == {"SC022"}
    assert codes(ct(Scale(zoom=(0.99, 1.01)))) == set()
    assert codes(ct(*[Scale(zoom=(0.99, 1.01))] * 2)) == {"SC020"}
    assert codes(ct(GaussianNoise(sd_hu=(0.0, 20.0)))) == set()
    assert codes(ct(*[GaussianNoise(sd_hu=(0.0, 20.0))] * 2)) == set()
    assert codes(ct(*[GaussianNoise(sd_hu=(0.0, 20.0))] * 3)) == {"SC013"}


def test_mirrors_that_always_come_together_keep_the_side_but_not_the_orientation():
    both = [Flip(axis="x", probability=1.0), Flip(axis="y", probability=1.0)]
    assert codes(ct(*both)) == {"SC022"}
    assert codes(ct(*both), TaskProfile.CONTRAST_CLASS) == set()
    perhaps = [Flip(axis="x", probability=0.5), Flip(axis="y", probability=1.0)]
    assert "SC001" in codes(ct(*perhaps))


def test_gains_and_offsets_propagate_to_every_tissue():
    gain = Gain(factor=(0.996, 1.004))
    assert codes(ct(gain)) == set()
    assert codes(ct(gain, gain)) == set()
    assert codes(ct(*[gain] * 3)) == {"SC010", "SC013"}
    once = HuOffset(offset_hu=(0.0, 4.0))
    assert codes(ct(once)) == set()
    assert codes(ct(HuOffset(offset_hu=(-4.0, 0.0)), once)) == {"SC010"}


def test_variances_of_noise_add_in_contrast_to_noise():
    noise = GaussianNoise(sd_hu=(0.0, 5.0))
    fresh = ct(Crop(min_overlap=0.9), noise, noise)
    assert "SC041" not in codes(fresh, TaskProfile.FOCAL)
    assert "SC041" in codes(ct(Crop(min_overlap=0.9), *[noise] * 3), TaskProfile.FOCAL)


def test_volumes_multiply_in_what_is_summed_over_them():
    window = FixedWindow(low=0.0, high=20.0)

    def judged(*transforms):
        policy = Policy(name="t", modality="PT", grid=GRID, window=window, transforms=transforms)
        return codes(policy, TaskProfile.SUV_TOTAL)

    small = Scale(zoom=(0.995, 1.002), sharing="batch")
    assert judged(small) == set()
    assert judged(*[small] * 4) == {"SC052"}
    assert judged(Displacement(spacing_mm=50.0, max_fraction=0.05)) == {"SC052"}
    assert judged(small, Crop(min_overlap=0.97)) == set()
    # What the two views share in neither of them, beside the 1.5 % of the scale.
    assert judged(small, Crop(min_overlap=0.96)) == {"SC052"}
    assert judged(Crop(lesions="both")) == {"SC052"}
    assert judged(Crop(min_overlap=0.0)) == {"SC052", "SC013"}


def test_a_gantry_may_be_tilted_on_ct_of_the_head_where_the_grid_does_not_matter():
    tilted = replace(ct(Crop(), GantryTilt(max_degrees=14.0)), region="head")
    assert codes(tilted, TaskProfile.LATERAL) == set()
    assert "SC021" in codes(tilted)
    assert "SC090" in codes(replace(tilted, region="body"), TaskProfile.LATERAL)


def test_a_displacement_is_legal_for_side_and_contrast_and_not_for_shape_or_size():
    bent = ct(Crop(), Displacement(spacing_mm=40.0, max_fraction=0.1))
    for task in (TaskProfile.LATERAL, TaskProfile.CONTRAST_CLASS):
        assert codes(bent, task) == set()
    assert "SC110" in codes(bent, TaskProfile.SHAPE)
    assert "SC020" in codes(bent, TaskProfile.SIZE)
    assert "SC030" not in codes(bent, TaskProfile.SIZE)


def test_shape_refuses_what_bends_it_however_little():
    for transform in (Shear(max_degrees=0.1), AnisotropicScale(zoom=(0.999, 1.0))):
        assert codes(ct(Crop(), transform), TaskProfile.SHAPE) == {"SC110"}


def test_two_interpolations_are_one_too_many_for_texture():
    class Resampling(GaussianNoise):
        def resamples(self):
            return True

    thick = Resampling(sd_hu=(0.0, 1.0))
    reasons = [
        violation.reason
        for violation in check_policy(
            ct(Crop(), Rotation(max_degrees=5.0), thick), TaskProfile.TEXTURE
        ).violations
    ]
    assert any("interpolated once" in reason for reason in reasons)
    alone = check_policy(ct(Crop(), thick), TaskProfile.TEXTURE).violations
    assert not any("interpolated once" in violation.reason for violation in alone)


@pytest.mark.parametrize(
    ("task", "modality", "flags"),
    [
        ("lateral", "CT", "laterality orientation"),
        ("density", "CT", "hu_calibration hu_texture lowcontrast_cnr"),
        ("size", "CT", "physical_scale spacing_truth topology lesion_mass"),
        ("focal", "MR_WEIGHTED", "lesion_mass lowcontrast_cnr"),
        ("texture", "CT", "hu_texture"),
        ("suv_absolute", "PT", "uptake_abs"),
        ("suv_ratio", "PT", "uptake_ratio"),
        ("suv_total", "PT", "uptake_total"),
        ("contrast_class", "MR_WEIGHTED", "contrast_polarity"),
        ("quantitative_mr", "MR_QUANTITATIVE", "hu_calibration"),
        ("shape", "CT", "topology physical_scale spacing_truth"),
        ("acquisition", "CT", "hu_texture"),
        (
            "generic",
            "CT",
            "laterality orientation physical_scale spacing_truth contrast_polarity hu_calibration",
        ),
        (
            "generic",
            "PT",
            "laterality orientation physical_scale spacing_truth contrast_polarity uptake_abs"
            " uptake_ratio",
        ),
        (
            "generic",
            "MR_WEIGHTED",
            "laterality orientation physical_scale spacing_truth contrast_polarity",
        ),
    ],
)
def test_each_task_profile_needs_what_the_specification_says(task, modality, flags):
    always = {"fov_truth", "finite_range"}
    found = {flag.value for flag in required_flags(TaskProfile(task), modality)}
    assert found == set(flags.split()) | always


def test_there_are_thirteen_task_profiles():
    assert len(TaskProfile) == 13


def test_sharing_within_a_pair_is_refused_with_its_reason():
    with pytest.raises(ValueError, match="which views belong together"):
        require_common(0.5, "pair")


@pytest.mark.parametrize("task", [TaskProfile.DENSITY, TaskProfile.TEXTURE])
def test_density_and_texture_refuse_any_interpolation_that_generic_allows(task):
    turned = ct(Crop(), Rotation(max_degrees=5.0))
    assert codes(turned) == set()
    assert codes(turned, task) == {"SC011"}
    assert codes(ct(Crop()), task) == set()


def test_a_window_that_clips_takes_density_away():
    narrow = ct(Crop(), window=FixedWindow(low=-175.0, high=250.0))
    assert codes(narrow, TaskProfile.DENSITY) == {"SC012"}
    assert codes(ct(Crop(), window=PercentileWindow())) == {"SC012"}


def test_lesions_need_views_that_share_them():
    assert codes(ct(Crop(min_overlap=0.5)), TaskProfile.FOCAL) == {"SC040"}
    assert codes(ct(Crop(min_overlap=0.8)), TaskProfile.FOCAL) == set()


def test_weighted_and_quantitative_mr_are_different_modalities():
    weighted = mr_weighted(grid=GRID)
    quantitative = replace(
        weighted, modality="MR_QUANTITATIVE", window=FixedWindow(low=0.0, high=3000.0)
    )
    assert codes(weighted) == set()
    assert {"SC010", "SC090"} <= codes(quantitative)


def test_an_independent_gain_on_pet_must_be_shared():
    shared = pt(grid=GRID)
    gain = replace(shared.named["gain"], sharing="independent")
    alone = replace(shared, transforms=(*shared.transforms[:-1], gain))
    assert codes(alone) == {"SC050"}


def test_a_task_that_needs_what_a_modality_lacks_is_refused():
    assert "SC100" in codes(mr_weighted(grid=GRID), TaskProfile.DENSITY)


def test_contrast_class_refuses_gamma_and_acquisition_refuses_artefacts():
    assert codes(mr_weighted(grid=GRID), TaskProfile.CONTRAST_CLASS) == {"SC110"}
    assert "SC110" in codes(ct(GaussianNoise(sd_hu=(0.0, 10.0))), TaskProfile.ACQUISITION)


def test_a_transform_that_never_happens_breaks_nothing():
    assert codes(ct(Flip(axis="x", probability=0.0))) == set()


def test_what_is_not_declared_is_broken():
    assert claim_of({}, Flag.LATERALITY).bound is None
    kept = keeping(Flag.ORIENTATION, hu_calibration=bounded(3.0, "HU"))
    assert {flag for flag in Flag if kept[flag].bound is not None} == {
        Flag.ORIENTATION,
        Flag.HU_CALIBRATION,
    }


@pytest.mark.parametrize("wrong", ["orientation", "hounsfield"])
def test_a_flag_is_claimed_once_and_there_is_such_a_flag(wrong):
    with pytest.raises(ValueError, match=rf"each flag once at most, got orientation, {wrong}\."):
        keeping(Flag.ORIENTATION, **{wrong: bounded(3.0, "deg")})


@pytest.mark.parametrize("policy", DEFAULTS, ids=lambda policy: policy.name)
def test_a_policy_survives_json_with_its_hash(policy):
    text = json.dumps(policy.to_json())
    again = Policy.from_json(json.loads(text))
    assert again == policy
    assert again.hash == policy.hash


def test_the_hash_depends_on_every_number_but_not_on_how_it_is_written():
    policy = ct(Crop(), Rotation(max_degrees=10.0))
    content = policy.to_json()
    content["transforms"][1]["max_degrees"] = 10
    assert Policy.from_json(content).hash == policy.hash
    content["transforms"][1]["max_degrees"] = 10.5
    assert Policy.from_json(content).hash != policy.hash
    assert json.dumps(all_floats({"a": [10, "x"]})) == json.dumps({"a": [10.0, "x"]})


@pytest.mark.parametrize(
    "change",
    [
        {"transforms": [{"kind": "mixup"}]},
        {"transforms": [{"kind": "rotation", "max_degrees": 5, "sharing": "pair"}]},
        {"transforms": [{"kind": "rotation", "degrees": 5}]},
        {"transforms": [{"max_degrees": 5}]},
        {"modality": "MR"},
        {"extra": 1},
    ],
    ids=str,
)
def test_what_is_no_policy_is_refused_with_a_sentence(change):
    with pytest.raises((ConfigError, Exception)) as refusal:
        Policy.from_json(ct(Crop()).to_json() | change)
    assert isinstance(refusal.value, ConfigError) or "TypeCheck" in type(refusal.value).__name__
