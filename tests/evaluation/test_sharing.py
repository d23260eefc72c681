"""What two rendered views share, asked of their maps, beside what their poses say."""

from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.correspondence import correspondences
from medcl.augment.defaults import ct_strict
from medcl.augment.drawing.elsewhere import shared
from medcl.augment.drawing.pose import overlap
from medcl.augment.grid import ViewGrid
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.views import Source, draw
from medcl.evaluation.measures.sharing import shared_fraction
from medcl.evaluation.measures.view_map import rendered_maps
from medcl.geometry.affine import transform_points
from tests.evaluation.phantoms import OBLIQUE

GRID = ViewGrid(size_voxels=(26, 24, 22), spacing_mm=(2.0, 2.0, 2.0))
SOURCE = Source(word="a", shape=(60, 60, 50), affine=OBLIQUE)
TURNED = (Crop(min_overlap=0.4), Rotation(max_degrees=8.0))
BENT = (*TURNED, Displacement(max_fraction=0.2, spacing_mm=16.0))


def drawn_pair(step, *transforms, corners=False):
    policy = replace(ct_strict(grid=GRID), transforms=transforms)
    words = {"seed": 2, "step": step, "corners": corners}
    return [draw(policy, [SOURCE], view=view, **words) for view in (0, 1)]


def maps_of(pair, affine=OBLIQUE):
    return [rendered_maps(each.lattices, [affine])[0] for each in pair]


def test_rendered_maps_of_turned_views_share_what_their_poses_share():
    found = []
    for step in range(12):
        pair = drawn_pair(step, *TURNED)
        one, other = (each.poses[0] for each in pair)
        found.append(shared_fraction(*maps_of(pair)))
        assert found[-1] == pytest.approx(overlap(one, other, GRID), abs=6e-4)
    assert min(found) < 0.6
    assert max(found) < 1


def test_displaced_views_share_the_voxels_that_correspond():
    as_bent, as_straight, bent = [], [], set()
    for step in range(4):
        pair = drawn_pair(step, *BENT, corners=True)
        there, back = correspondences(*pair)[0], correspondences(*pair[::-1])[0]
        counted = min(float(there.valid.mean()), float(back.valid.mean()))
        maps = maps_of(pair)
        bent |= {not each.is_straight for each in maps}
        as_bent.append(abs(shared_fraction(*maps) - counted))
        straight = [replace(each, deviation_voxels=0.0) for each in maps]
        as_straight.append(abs(shared_fraction(*straight) - counted))
    assert True in bent
    assert max(as_bent) < 0.01 < max(as_straight)


def test_places_of_a_displaced_view_are_found_again():
    first, second = maps_of(drawn_pair(1, *BENT))
    voxels = np.random.default_rng(0).uniform(0, 21, (200, 3))
    for each in (first, second):
        assert each.voxels_of(each.world_of(voxels)) == pytest.approx(voxels, abs=5e-3)
    at_voxel = first.world_of(np.array([[3.0, 4.0, 5.0]]))
    wanted = transform_points(first.source_affine, first.places[None, :, 3, 4, 5])
    assert at_voxel == pytest.approx(wanted, abs=1e-3)


def test_what_lies_outside_of_either_volume_is_not_asked_for():
    pair = drawn_pair(3, *TURNED)
    cut = Source(word="b", shape=(60, 60, 26), affine=OBLIQUE)
    first, second = maps_of(pair)
    of_cut = replace(second, source_shape=cut.shape)
    poses = [each.poses[0] for each in pair]
    wanted = shared(poses[0], SOURCE, poses[1], cut, GRID)
    assert 0.05 < wanted < overlap(*poses, GRID) - 0.05
    assert shared_fraction(first, of_cut, measured=True) == pytest.approx(wanted, abs=6e-4)
    bent = [replace(each, deviation_voxels=1.0) for each in (first, of_cut)]
    assert shared_fraction(*bent, measured=True) == pytest.approx(wanted, abs=0.02)
