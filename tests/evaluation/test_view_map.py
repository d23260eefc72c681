"""Where a view lies is asked of the renderer, not of the drawn parameters."""

from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.defaults import ct_strict
from medcl.augment.grid import ViewGrid
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.refusable import Flip
from medcl.augment.transforms.scale import Scale
from medcl.augment.views import Source, draw
from medcl.evaluation.measures.geometry import turn_and_zoom
from medcl.evaluation.measures.view_map import rendered_maps
from tests.evaluation.phantoms import GRID, phantom


def mapped(policy, source, **kwargs):
    lattices = draw(policy, [source], **{"seed": 0, "step": 0, "view": 0} | kwargs).lattices
    (found,) = rendered_maps(lattices, [source.affine])
    return found


def only(*transforms, grid=GRID):
    return replace(ct_strict(grid=grid), transforms=transforms)


def test_a_rendered_map_tells_the_scale():
    found = mapped(only(Scale(zoom=(1.1, 1.1))), phantom("a", 1).source)
    angle, zooms = turn_and_zoom(found.view_to_world[:3, :3] / 2.0)
    assert angle == pytest.approx(0, abs=0.05)
    assert zooms == pytest.approx((1.1, 1.1), abs=0.002)
    assert found.is_straight
    assert found.volume_ratios(GRID.spacing_mm) == pytest.approx(1.1**-3, rel=0.01)


def test_a_thin_slab_of_fine_slices_is_not_called_scaled():
    affine = np.diag([0.7, 0.7, 1.25, 1.0])
    slab = Source(word="slab", shape=(60, 60, 12), affine=affine)
    grid = ViewGrid(size_voxels=(40, 40, 6), spacing_mm=(0.7, 0.7, 2.5))
    found = mapped(only(Crop(min_overlap=0.5), grid=grid), slab)
    _, zooms = turn_and_zoom(found.view_to_world[:3, :3] / np.array(grid.spacing_mm))
    assert zooms == pytest.approx((1.0, 1.0), abs=1e-4)


def test_a_mirrored_view_has_a_mirrored_map():
    found = mapped(only(Flip(axis="y", probability=1.0)), phantom("a", 1).source)
    assert np.linalg.det(found.view_to_world[:3, :3]) < 0
    assert found.volume_ratios(GRID.spacing_mm).max() < 0


def test_a_displacement_is_seen_in_the_map_and_does_not_fold():
    grid = replace(GRID, size_voxels=(24, 24, 24))
    bent = only(Displacement(max_fraction=0.3, spacing_mm=16.0), grid=grid)
    found = mapped(bent, phantom("a", 1).source, corners=True, step=2)
    assert not found.is_straight
    ratios = found.volume_ratios(grid.spacing_mm)
    assert ratios.shape == (10, 23, 23, 23)
    assert 0.3 < ratios.min() < 0.8
    assert ratios.max() > 1.25


def test_what_lies_outside_of_the_volume_is_known():
    wide = replace(GRID, size_voxels=(60, 20, 20))
    source = phantom("a", 1, affine=np.diag([1.6, 1.6, 1.6, 1.0])).source
    found = mapped(only(grid=wide), source)
    seen = found.inside[:, 10, 10]
    assert seen.sum() == pytest.approx(44 * 1.6 / 2, abs=1)
    assert not seen[0]
    assert not seen[-1]


def test_the_nearest_voxel_is_looked_up_where_the_view_lies():
    case = phantom("a", 1, affine=np.diag([2.0, 2.0, 2.0, 1.0]))
    found = mapped(only(Crop(min_overlap=0.5)), case.source)
    x, y, z = np.rint(found.places[:, 3, 4, 5]).astype(int)
    assert found.of_nearest(case.array[0])[3, 4, 5] == case.array[0, x, y, z]
    assert found.of_blended(case.array[0])[3, 4, 5] == pytest.approx(
        case.array[0, x, y, z], rel=1e-3
    )
