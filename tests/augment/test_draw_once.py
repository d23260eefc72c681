"""What spares a draw work changes nothing of what is drawn."""

import numpy as np
import pytest

from medcl.augment.chance import RandomChance
from medcl.augment.drawing.pose import Pose
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.partner import OtherSeries
from medcl.augment.policy import Policy
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.views import draw, draw_locals
from medcl.augment.warp import Warp, inverse
from medcl.geometry.affine import rotation

GRID = ViewGrid(size_voxels=(24, 20, 16), spacing_mm=(1.0, 1.2, 1.5))
BEND = Displacement(spacing_mm=10.0, max_fraction=0.3)
POLICY = Policy(
    name="t",
    modality="CT",
    grid=GRID,
    window=FixedWindow(low=-1000.0, high=1000.0),
    transforms=(Crop(min_overlap=0.3), Rotation(max_degrees=10.0), BEND),
    local=LocalViews(count=4, size_voxels=(8, 8, 8), spacing_mm=(1.0, 1.0, 1.0)),
    partner=OtherSeries(probability=0.7),
)


@pytest.fixture
def volumes(bench):
    sources = [bench.source_of((40, 44, 36), np.eye(4), word=word) for word in "abc"]
    others = [bench.source_of((40, 44, 30), np.eye(4), word=f"other-{word}") for word in "ab"]
    return sources, [(others[0],), (others[1],), ()]


def alike(one, other):
    return (
        one.sources == other.sources
        and one.parameters == other.parameters
        and all(
            np.array_equal(first.view_to_world(GRID), second.view_to_world(GRID))
            for first, second in zip(one.poses, other.poses, strict=True)
        )
    )


def test_a_view_is_the_same_whether_or_not_the_first_one_is_drawn_again(volumes):
    sources, others = volumes
    for step in range(6):
        words = {"seed": 1, "step": step, "others": others}
        first = draw(POLICY, sources, view=0, **words)
        for view in (1, 2):
            again = draw(POLICY, sources, view=view, **words)
            assert alike(draw(POLICY, sources, view=view, first=first, **words), again)
        wrong = draw(POLICY, sources, view=0, **words | {"step": step + 100})
        assert not alike(draw(POLICY, sources, view=1, first=wrong, **words), again)


def test_a_local_view_is_the_same_whether_or_not_the_global_ones_are_drawn_again(volumes):
    sources, others = volumes
    taken = set()
    for step in range(4):
        words = {"seed": 1, "step": step, "others": others}
        around = [draw(POLICY, sources, view=view, **words) for view in (0, 1)]
        for number in range(4):
            again = draw_locals(POLICY, sources, number=number, **words)
            once = draw_locals(POLICY, sources, seed=1, step=step, number=number, around=around)
            assert alike(once, again)
            taken |= {source.word for source in once.sources}
    assert "other-a" in taken


def poses():
    chance = RandomChance(np.random.default_rng(3))
    for number in range(30):
        linear = rotation(chance.many(-15.0, 15.0, 3))[:3, :3]
        warp = BEND.warp(BEND.draw(chance, GRID), GRID) if number % 3 else None
        yield Pose(chance.many(-6.0, 6.0, 3), linear, warp)


def test_a_pose_and_its_inverse_agree():
    for pose in poses():
        both = pose.world_to_view(GRID) @ pose.view_to_world(GRID)
        assert np.abs(both - np.eye(4)).max() < 1e-12


def test_many_points_of_a_warp_are_displaced_as_each_alone():
    rng = np.random.default_rng(0)
    warp = Warp(rng.uniform(-1.0, 1.0, (3, 6, 5, 7)), np.full(3, 8.0), np.full(3, -9.0))
    points = rng.uniform(-60.0, 90.0, (1500, 3))
    shift, slope = warp.with_slope(points)
    far = (points < -9.0 - 16.0).any(axis=1)
    assert far.any()
    assert (shift[far] == 0).all()
    assert (slope[far] == 0).all()
    for row in range(0, 1500, 97):
        one, its = warp.with_slope(points[row : row + 1])
        assert np.allclose(one[0], shift[row], atol=1e-12)
        assert np.allclose(its[0], slope[row], atol=1e-12)
    assert np.abs(inverse(warp, points + shift) - points).max() < 1e-5
