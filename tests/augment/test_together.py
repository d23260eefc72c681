"""What each transform may do alone, several may not do together, whoever wrote them."""

import numpy as np
import pytest

from medcl.augment.checking import check_policy
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow, PercentileWindow
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.source_geometry import geometry_of
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.anisotropic_scale import AnisotropicScale
from medcl.augment.transforms.bias_field import BiasField
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.gibbs import Gibbs
from medcl.augment.transforms.kernel_change import KernelChange
from medcl.augment.transforms.low_resolution import LowResolution
from medcl.augment.transforms.monai_adapter import Monai
from medcl.augment.transforms.monai_affine import MonaiAffine
from medcl.augment.transforms.monotone_map import MonotoneMap
from medcl.augment.transforms.noise import RicianNoise
from medcl.augment.transforms.respiratory_blur import RespiratoryBlur
from medcl.augment.transforms.rot90 import Rot90
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.transforms.shear import GantryTilt, Shear

LATERAL = TaskProfile.LATERAL
WINDOWS = {
    "CT": FixedWindow(low=-1000.0, high=1000.0),
    "PT": FixedWindow(low=0.0, high=20.0),
    "MR_WEIGHTED": PercentileWindow(),
}


def monai(transform, low, high, unit="fraction"):
    return Monai(transform=transform, amount=(low, high), unit=unit)


def policy_of(modality, *transforms, region="body", window=None, overlap=0.9):
    return Policy(
        name="together",
        modality=modality,
        region=region,
        grid=ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0)),
        window=window or WINDOWS[modality],
        transforms=(Crop(min_overlap=overlap), *transforms),
    )


def codes(modality, *transforms, task=TaskProfile.GENERIC, **more):
    return {
        each.code
        for each in check_policy(policy_of(modality, *transforms, **more), task).violations
    }


GAMMA = monai("adjust_contrast", 0.8, 1.25, "exponent")


@pytest.mark.parametrize(
    ("modality", "first", "second"),
    [
        ("MR_WEIGHTED", Gain(factor=(0.8, 1.2)), Gain(factor=(0.8, 1.2))),
        ("MR_WEIGHTED", Gain(factor=(0.8, 1.2)), monai("scale_intensity", -0.2, 0.2)),
        ("PT", Gain(factor=(0.94, 1.06)), Gain(factor=(0.94, 1.06))),
        ("MR_WEIGHTED", Gamma(exponent=(0.8, 1.25)), Gamma(exponent=(0.8, 1.25))),
        ("MR_WEIGHTED", Gamma(exponent=(0.8, 1.25)), GAMMA),
        ("MR_WEIGHTED", BiasField(strength=(0.0, 0.2)), monai("bias_field", 0.0, 0.2)),
        ("MR_WEIGHTED", Gibbs(alpha=(0.0, 0.3)), monai("gibbs_noise", 0.0, 0.3)),
        ("CT", KernelChange(high_band_gain=(1.0, 2.0)), monai("gaussian_sharpen", 0.0, 1.5)),
        ("MR_WEIGHTED", Shear(max_degrees=2.0), Shear(max_degrees=2.0)),
        ("MR_WEIGHTED", Scale(zoom=(0.93, 1.07)), Scale(zoom=(0.93, 1.07))),
        (
            "MR_WEIGHTED",
            AnisotropicScale(zoom=(0.95, 1.05)),
            MonaiAffine(max_degrees=1.0, zoom=(0.9, 1.0)),
        ),
    ],
    ids=lambda each: getattr(each, "kind", each),
)
def test_what_is_real_alone_is_refused_where_the_product_is_not(modality, first, second):
    # A task of side asks for no value and no size: nothing but the product can be at fault.
    for alone in (first, second):
        assert codes(modality, alone, task=LATERAL) == set()
    assert codes(modality, first, second, task=LATERAL) == {"SC013"}


def test_a_product_within_what_is_real_is_not_refused():
    gain, zoom = Gain(factor=(0.9, 1.1)), Scale(zoom=(0.96, 1.04))
    assert codes("MR_WEIGHTED", gain, gain, task=LATERAL) == set()
    assert codes("MR_WEIGHTED", zoom, zoom, task=LATERAL) == set()


def test_a_product_is_refused_with_its_ends_and_its_limits():
    policy = policy_of("MR_WEIGHTED", Gain(factor=(0.8, 1.2)), Gain(factor=(0.8, 1.2)))
    (found,) = check_policy(policy).violations
    assert (found.transform, found.parameter) == ("gain+gain-2", "factor")
    assert found.allowed == "a product of 0.75 to 1.25"
    assert "multiply by 0.64 to 1.44" in found.reason


def test_two_tilts_are_no_gantry():
    tilt = GantryTilt(max_degrees=5.0)
    assert codes("CT", tilt, task=LATERAL, region="head") == set()
    assert codes("CT", tilt, tilt, task=LATERAL, region="head") == {"SC013"}


def test_a_library_s_curve_is_refused_where_the_contrast_is_the_label():
    assert codes("MR_WEIGHTED", GAMMA) == set()
    assert codes("MR_WEIGHTED", GAMMA, task=TaskProfile.CONTRAST_CLASS) == {"SC110"}


def test_a_library_s_ringing_may_hide_a_small_lesion_as_medcl_s_own_does():
    for each in (Gibbs(alpha=(0.0, 0.3)), monai("gibbs_noise", 0.0, 0.3)):
        assert codes("MR_WEIGHTED", each) == set()
        assert codes("MR_WEIGHTED", each, task=TaskProfile.SIZE) == {"SC040"}


def test_breathing_smears_a_small_lesion_over_more_than_its_length():
    breath = RespiratoryBlur(range_mm=(0.0, 10.0))
    assert codes("PT", breath, task=LATERAL) == set()
    assert codes("PT", breath, task=TaskProfile.SIZE) == {"SC040"}


@pytest.mark.parametrize(("spacing_mm", "fraction"), [(25.0, 0.15), (40.0, 0.1), (100.0, 0.04)])
def test_a_brain_moves_by_four_millimetres_however_smoothly(spacing_mm, fraction):
    for part, is_fine in ((1.0, True), (1.01, False)):
        moved = Displacement(spacing_mm=spacing_mm, max_fraction=part * fraction)
        found = codes("MR_WEIGHTED", moved, task=LATERAL, region="head")
        assert found == (set() if is_fine else {"SC013"})


def test_larger_voxels_of_pet_stay_below_seven_millimetres():
    assert codes("PT", LowResolution(voxel_mm=(0.0, 3.5))) == set()
    assert codes("PT", LowResolution(voxel_mm=(0.0, 3.6))) == {"SC013"}


@pytest.mark.parametrize(
    "transform",
    [
        Gamma(exponent=(0.8, 1.25)),
        RicianNoise(sd_fraction=(0.0, 0.03)),
        MonotoneMap(slope=(1.0, 1.5)),
        monai("rician_noise", 0.0, 0.03),
    ],
    ids=lambda each: each.kind,
)
def test_fractions_are_of_something(transform):
    raw, one = FixedWindow(low=0.0, high=3000.0), FixedWindow(low=0.0, high=1.0)
    assert codes("MR_WEIGHTED", transform, window=raw) == {"SC070"}
    assert codes("MR_WEIGHTED", transform, window=one) == set()
    assert codes("MR_WEIGHTED", Gain(factor=(0.8, 1.2)), window=raw) == set()


@pytest.mark.parametrize("task", ["suv_absolute", "suv_ratio", "suv_total"])
@pytest.mark.parametrize("ends", [(0.0, 2.0), (0.0, 14.0), (1.0, 20.0)])
def test_a_window_that_clips_takes_uptake_away(task, ends):
    clipped, whole = FixedWindow(low=ends[0], high=ends[1]), FixedWindow(low=0.0, high=15.0)
    assert codes("PT", task=TaskProfile(task), window=clipped, overlap=0.96) == {"SC012"}
    assert codes("PT", task=TaskProfile(task), window=whole, overlap=0.96) == set()
    assert codes("PT", task=LATERAL, window=clipped) == set()


def test_a_lesion_that_changes_its_volume_is_not_kept():
    focal = TaskProfile.FOCAL
    assert codes("MR_WEIGHTED", Scale(zoom=(0.985, 1.015)), task=focal) == set()
    assert codes("MR_WEIGHTED", Scale(zoom=(0.96, 1.0)), task=focal) == {"SC040"}
    # Within a view by 5 %, but from one to the other by more than 10.
    assert codes("MR_WEIGHTED", Scale(zoom=(0.982, 1.018)), task=focal) == {"SC040"}
    assert codes("MR_WEIGHTED", Scale(zoom=(0.96, 1.0)), task=LATERAL) == set()


def test_thick_slices_are_not_turned_far():
    def found(thick_mm, *transforms):
        affine = np.diag([1.0, 1.0, thick_mm, 1.0])
        facts = DataFacts(volumes=1, geometry=geometry_of([(affine, (64, 64, 20))]))
        task = TaskProfile.DENSITY
        policy = policy_of("MR_QUANTITATIVE", *transforms, window=FixedWindow(low=0.0, high=3e3))
        return {each.code for each in check_policy(policy, task, facts=facts).violations}

    turned, upright = Rot90(axis="x", probability=0.5), Rotation(max_degrees=15.0)
    assert "SC021" in found(3.0, turned)
    assert "SC021" not in found(1.4, turned) | found(3.0, upright)
