"""Local views are held against the task as positives of global ones: size, place, lesions."""

from dataclasses import replace

import pytest

from medcl.augment.checking import check_policy
from medcl.augment.defaults import ct_strict, mr_weighted, pt
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.safety.spatial_bounds import SpatialStep, compose, seen_in
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.worst_case import Extremes

GRID = ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0))


def local(spacing=(2.0, 2.0, 2.0), size=(16, 16, 16)):
    return LocalViews(count=2, size_voxels=size, spacing_mm=spacing)


def ct(*transforms, small=None):
    window = FixedWindow(low=-1024.0, high=1500.0)
    return Policy(
        name="t", modality="CT", grid=GRID, window=window, transforms=transforms, local=small
    )


def found(policy, task=TaskProfile.GENERIC):
    return {each.code: each for each in check_policy(policy, task).violations}


@pytest.mark.parametrize(
    "policy", [make(grid=GRID) for make in (ct_strict, mr_weighted, pt)], ids=lambda it: it.name
)
def test_local_views_of_the_same_spacing_keep_what_a_task_that_nobody_named_needs(policy):
    assert found(replace(policy, local=local())) == {}


def test_what_has_more_voxels_in_one_view_looks_larger_and_that_is_a_magnification():
    (one,) = found(ct(small=local((1.5, 1.5, 1.5)))).values()
    assert (one.code, one.transform, one.parameter) == ("SC020", "local", "spacing_mm")
    assert one.found == "1.5 x 1.5 x 1.5"
    assert "departs by up to 0.333 of the length between a local view and a global one" in (
        one.sentence
    )
    assert found(ct(small=local((1.5, 1.5, 1.5))), TaskProfile.LATERAL) == {}


def test_spacings_are_composed_with_the_scale_that_views_are_drawn_with():
    scale, nearly = Scale(zoom=(0.99, 1.01)), local((1.98, 1.98, 1.98))
    assert found(ct(scale)) == {}
    assert found(ct(small=nearly)) == {}
    both = found(ct(scale, small=nearly))["SC020"]
    # 1.01 / 0.99 between two draws, times 2 / 1.98 between two grids.
    assert "0.0305" in both.sentence
    assert found(ct(replace(scale, probability=0.0), small=nearly)) == {}


def test_voxels_of_another_shape_turn_directions_too():
    bent = (2.0, 2.0, 0.7)
    assert set(found(ct(Rotation(max_degrees=12.0), small=local(bent)), TaskProfile.LATERAL)) == {
        "SC022"
    }
    assert found(ct(Rotation(max_degrees=12.0), small=local()), TaskProfile.LATERAL) == {}
    turned = compose([SpatialStep(Extremes(degrees=5.0))])
    assert seen_in(turned, (1.0, 1.0, 3.0)).degrees_between == pytest.approx(10.0 + 30.0)


def test_two_grids_of_one_displacement_differ_even_where_the_batch_shares_it():
    field = Displacement(max_fraction=0.15, spacing_mm=20.0, sharing="batch")
    assert "SC020" in found(ct(field, small=local(size=(24, 24, 24))))


def test_uptake_is_summed_over_voxels_of_two_sizes():
    whole = (32, 32, 32)
    policy = replace(pt(grid=GRID), transforms=(), local=local((1.98, 1.98, 1.98), whole))
    assert "SC020" not in found(policy, TaskProfile.SIZE)
    assert found(policy, TaskProfile.SUV_TOTAL) == {}  # 3 % of the volume
    policy = replace(policy, local=local((1.96, 1.96, 1.96), whole))
    assert set(found(policy, TaskProfile.SUV_TOTAL)) == {"SC052"}  # 6 %


def test_a_part_does_not_hold_the_uptake_of_the_whole():
    policy = replace(pt(grid=GRID), transforms=(), local=local())
    assert found(policy, TaskProfile.SUV_RATIO) == {}
    one = found(policy, TaskProfile.SUV_TOTAL)["SC052"]
    assert (one.transform, one.parameter, one.found) == ("local", "size_voxels", "16 x 16 x 16")
    assert "departs by up to 0.875 of the total" in one.sentence


def test_noise_is_drawn_together_differently_on_two_grids():
    assert found(ct(), TaskProfile.TEXTURE) == {}
    assert set(found(ct(small=local((1.99, 2.0, 2.0))), TaskProfile.TEXTURE)) == {"SC011"}


def test_a_part_that_shows_no_lesion_is_no_partner_of_a_whole_that_does():
    for task in (TaskProfile.FOCAL, TaskProfile.SIZE):
        assert found(ct(Crop(lesions="both")), task) == {}
        one = found(ct(Crop(lesions="both"), small=local()), task)["SC040"]
        assert (one.transform, one.parameter, one.found) == ("local", "size_voxels", "16 x 16 x 16")
    # 31 x 31 x 31 voxels of 32 x 32 x 32 are 91 % of both global views if these never move.
    assert found(ct(small=local(size=(31, 31, 31))), TaskProfile.FOCAL) == {}
    # Of the other global view, which shares 90 % with the first, it shows 81 % at worst, then 79 %.
    assert found(ct(Crop(min_overlap=0.9), small=local(size=(31, 31, 31))), TaskProfile.FOCAL) == {}
    assert "SC040" in found(
        ct(Crop(min_overlap=0.88), small=local(size=(31, 31, 31))), TaskProfile.FOCAL
    )
