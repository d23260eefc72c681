"""Two views of one volume must show the same place, with a crop and without one."""

import pytest

from medcl.augment.checking import check_policy
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.translation import Translation

GRID = ViewGrid(size_voxels=(50, 50, 50), spacing_mm=(2.0, 2.0, 2.0))


def found(*transforms, task=TaskProfile.GENERIC, modality="CT"):
    policy = Policy(
        name="places",
        modality=modality,
        grid=GRID,
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=transforms,
    )
    return {each.code: each for each in check_policy(policy, task).violations}


def test_views_that_need_not_share_a_place_are_refused_whatever_the_task():
    for task in TaskProfile.GENERIC, TaskProfile.LATERAL, TaskProfile.CONTRAST_CLASS:
        assert found(Crop(min_overlap=0.5), task=task) == {}
        one = found(Crop(min_overlap=0.4), task=task)["SC013"]
        assert (one.transform, one.parameter, one.found) == ("crop", "min_overlap", "0.4")


# Of 100 mm, two views that each move by m share (1 - 2 m / 100)³.
@pytest.mark.parametrize(("most_mm", "codes"), [(10.3, set()), (10.4, {"SC013"})])
def test_without_a_crop_a_move_takes_views_apart(most_mm, codes):
    assert set(found(Translation(max_mm=most_mm))) == codes
    assert found(Translation(max_mm=most_mm, sharing="batch")) == {}
    assert found(Crop(min_overlap=0.5), Translation(max_mm=most_mm)) == {}
    half = Translation(max_mm=most_mm / 2)
    assert set(found(half, half)) == codes


@pytest.mark.parametrize("task", [TaskProfile.FOCAL, TaskProfile.SIZE])
def test_without_a_crop_a_move_may_leave_a_lesion_out(task):
    assert found(Translation(max_mm=3.5), task=task) == {}
    one = found(Translation(max_mm=3.7), task=task)["SC040"]
    assert (one.transform, one.parameter, one.found) == ("translation", "max_mm", "3.7")
    assert one.allowed == "views that share 0.8 of their volume"
    assert found(Crop(min_overlap=0.8), Translation(max_mm=3.7), task=task) == {}


def test_a_shape_may_move_in_what_is_empty_but_not_out_of_a_view_that_sizes_it():
    move = Translation(max_mm=20.0)
    assert found(move, modality="OT") == {}
    assert set(found(move, modality="OT", task=TaskProfile.SIZE)) == {"SC040"}


def test_what_never_happens_takes_nothing_apart():
    assert found(Translation(max_mm=90.0, probability=0.0), task=TaskProfile.FOCAL) == {}
