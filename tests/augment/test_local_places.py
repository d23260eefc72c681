"""Local views lie in their global view and in the body, as far as there is any."""

from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.drawing.placing import Place, body_fraction
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.views import draw, draw_locals
from medcl.geometry.affine import transform_points
from medcl.geometry.boxes import Box

GRID = ViewGrid(size_voxels=(32, 30, 28), spacing_mm=(2.0, 2.0, 2.0))
LOCAL = LocalViews(count=4, size_voxels=(10, 10, 10), spacing_mm=(2.0, 2.0, 2.0))
TURN = Rotation(max_degrees=12.0)
BEND = Displacement(spacing_mm=20.0, max_fraction=0.2)


def policy_of(least, *transforms):
    return Policy(
        name="t",
        modality="CT",
        grid=GRID,
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=(Crop(min_overlap=0.3, min_body_fraction=least), *transforms),
        local=LOCAL,
    )


def locals_of(policy, source, *, steps, corners=False):
    """Poses of local views, and of the global one that each lies in."""
    for step in range(steps):
        words = {"seed": 5, "step": step, "corners": corners}
        for number in range(LOCAL.count):
            outer = draw(policy, [source], view=number % 2, **words).poses[0]
            yield draw_locals(policy, [source], number=number, **words).poses[0], outer


def held_by(pose, source, least):
    return body_fraction(pose, Place(source, LOCAL.grid, Crop(min_body_fraction=least)))


def corners_of(pose):
    ends = [(-0.5, size - 0.5) for size in LOCAL.size_voxels]
    points = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    return pose.world_of(points, LOCAL.grid)


@pytest.fixture
def thin(bench):
    """A body that no global view can be filled with: local ones can lie beside it."""
    affine = bench.orientations["LPS"]
    return bench.source_of((120, 110, 50), affine, body=Box((30, 20, 20), (100, 90, 34)))


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("transforms", [(), (TURN,), (TURN, BEND)], ids=len)
def test_local_views_hold_as_much_of_the_body_as_asked_and_stay_inside(thin, transforms, corners):
    held = {}
    for least in (0.0, 0.6):
        poses = list(locals_of(policy_of(least, *transforms), thin, steps=8, corners=corners))
        held[least] = min(held_by(pose, thin, least) for pose, _ in poses)
        assert all(outer.shows(corners_of(pose), GRID).all() for pose, outer in poses)
    assert held[0.0] < 0.4
    assert held[0.6] >= 0.6


def test_what_holds_enough_of_the_body_lies_where_it_would_without_the_rule(bench):
    source = bench.source_of(
        (60, 60, 60), np.diag([2.0, 2.0, 2.0, 1.0]), body=Box((0,) * 3, (60,) * 3)
    )
    ruled = [pose.centre_mm for pose, _ in locals_of(policy_of(0.5, TURN), source, steps=4)]
    free = [pose.centre_mm for pose, _ in locals_of(policy_of(0.0, TURN), source, steps=4)]
    assert np.array_equal(ruled, free)


def test_a_body_smaller_than_asked_is_taken_around_its_middle(bench):
    box = Box((28, 26, 30), (32, 30, 34))
    source = bench.source_of((60, 60, 60), np.diag([2.0, 2.0, 2.0, 1.0]), body=box)
    middle = transform_points(source.affine, np.array([[29.5, 27.5, 31.5]]))[0]
    for pose, _ in locals_of(policy_of(0.9), source, steps=4):
        assert np.abs(pose.centre_mm - middle).max() <= 3.0


def test_the_place_of_a_local_view_is_the_same_in_any_company(thin):
    policy = policy_of(0.6, TURN)
    another = replace(thin, word="another")
    for number in range(4):
        words = {"seed": 5, "step": 0, "number": number}
        (alone,) = draw_locals(policy, [thin], **words).poses
        _, together = draw_locals(policy, [another, thin], **words).poses
        assert np.array_equal(alone.centre_mm, together.centre_mm)


def test_a_policy_without_a_crop_places_local_views_anywhere(thin):
    policy = replace(policy_of(0.0), transforms=(TURN,))
    poses = list(locals_of(policy, thin, steps=2))
    assert all(outer.shows(corners_of(pose), GRID).all() for pose, outer in poses)
