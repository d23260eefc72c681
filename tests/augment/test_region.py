"""What views share: exact where their sides are plane, nearly so where they are bent."""

import numpy as np
import pytest
from scipy.stats import qmc

from medcl.augment.chance import RandomChance
from medcl.augment.drawing.pose import Pose, is_overlap, overlap
from medcl.augment.drawing.region import SAFETY, Region, part
from medcl.augment.grid import ViewGrid
from medcl.augment.transforms.displacement import Displacement
from medcl.geometry.affine import rotation
from tests.geometry.convex import common_by_qhull

GRID = ViewGrid(size_voxels=(32, 30, 28), spacing_mm=(2.0, 2.0, 2.0))
BEND = Displacement(spacing_mm=20.0, max_fraction=0.25)


def poses(number, degrees, *, bent=()):
    """Poses at random places; those of some numbers are displaced."""
    chance = RandomChance(np.random.default_rng(7))
    for place in range(number):
        linear = rotation(chance.many(-degrees, degrees, 3))[:3, :3]
        warp = BEND.warp(BEND.draw(chance, GRID), GRID) if place in bent else None
        yield Pose(chance.many(-8.0, 8.0, 3), linear * (0.95 + 0.02 * (place % 5)), warp)


def counted(one, other):
    """Part of a view that another shows, by many places that lie on no common planes."""
    places = qmc.Sobol(3, scramble=False).random_base2(14) * GRID.size_voxels - 0.5
    return other.shows(one.world_of(places, GRID), GRID).mean()


@pytest.mark.parametrize("degrees", [0.0, 0.3, 2.0, 15.0])
def test_the_overlap_of_turned_views_is_exact(degrees):
    found = list(poses(16, degrees))
    for first, second in zip(found[::2], found[1::2], strict=True):
        boxes = [(each.view_to_world(GRID), GRID.size_voxels) for each in (first, second)]
        larger = max(common_by_qhull(box) for box in boxes)
        shared = common_by_qhull(*boxes) / larger
        assert 0.2 < shared < 0.95
        assert overlap(first, second, GRID) == pytest.approx(shared, abs=2e-9)
        assert is_overlap(first, second, GRID, shared - 1e-8)
        assert not is_overlap(first, second, GRID, shared + 1e-8)


@pytest.mark.parametrize("degrees", [0.0, 0.3, 10.0])
@pytest.mark.parametrize("bent", [(0,), (1,), (0, 1)], ids=str)
def test_the_overlap_of_displaced_views_errs_by_less_than_half_of_what_is_asked_more(degrees, bent):
    found = list(poses(8, degrees, bent=[pair + one for pair in range(0, 8, 2) for one in bent]))
    for first, second in zip(found[::2], found[1::2], strict=True):
        shared = min(counted(first, second), counted(second, first))
        estimated = overlap(first, second, GRID)
        assert estimated == pytest.approx(shared, abs=SAFETY / 2)
        assert is_overlap(first, second, GRID, estimated - SAFETY - 1e-9)
        assert not is_overlap(first, second, GRID, estimated - SAFETY + 1e-9)


def test_a_bound_that_is_just_kept_is_not_missed_by_rounding():
    still = Pose(np.full(3, 1e3), np.eye(3))
    for part_left in (0.5, 0.75, 1.0):
        aside = Pose(still.centre_mm + np.array([64.0 * (1 - part_left), 0.0, 0.0]), np.eye(3))
        assert overlap(still, aside, GRID) == part_left
        assert is_overlap(still, aside, GRID, part_left)


def test_of_what_two_regions_have_in_common_a_third_holds_its_part():
    here, aside, upper = (
        Region(np.eye(4), np.array(low, dtype=float), np.array(high, dtype=float))
        for low, high in (
            ((0, 0, 0), (10, 10, 10)),
            ((5, 0, 0), (15, 10, 10)),
            ((0, 0, 8), (9, 10, 20)),
        )
    )
    assert part([here, aside], [upper]) == pytest.approx(0.8 * 0.2)
    assert part([here], [aside, upper]) == pytest.approx(0.4 * 0.2)
    beyond = Region(np.eye(4), np.full(3, 90.0), np.full(3, 99.0))
    assert part([here, beyond], [upper]) == 0
