"""Correspondence and local views: the same anatomy in two views, to a thousandth of a voxel."""

import numpy as np
import pytest
from scipy import ndimage

from medcl.augment.correspondence import correspondence, correspondences
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.anisotropic_scale import AnisotropicScale
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.shear import Shear
from medcl.augment.views import draw, draw_locals

GRID = ViewGrid(size_voxels=(24, 20, 16), spacing_mm=(2.0, 2.0, 2.5))
LOCAL = LocalViews(count=4, size_voxels=(12, 8, 8), spacing_mm=(1.0, 1.5, 1.2))
ALL = (
    Crop(min_overlap=0.5),
    Rotation(max_degrees=12.0),
    AnisotropicScale(zoom=(0.95, 1.05)),
    Shear(max_degrees=3.0),
    Displacement(spacing_mm=15.0, max_fraction=0.25),
)


def policy_of(*transforms, local=LOCAL, grid=GRID):
    window = FixedWindow(low=-1000.0, high=1000.0)
    return Policy(
        name="t", modality="CT", grid=grid, window=window, transforms=transforms, local=local
    )


@pytest.fixture
def sources(bench):
    return [
        bench.source_of((70, 64, 44), bench.orientations[name], word=name)
        for name in ("oblique", "LPS")
    ]


def views_of(policy, sources, step):
    first, second = (draw(policy, sources, seed=4, step=step, view=view) for view in (0, 1))
    small = draw_locals(policy, sources, seed=4, step=step, number=1)
    return first, second, small


def test_both_ways_of_any_two_views_lead_back_to_where_they_began(sources):
    views = views_of(policy_of(*ALL), sources, 0)
    for one, other in ((0, 1), (0, 2), (2, 1)):
        there = correspondences(views[one], views[other])
        for row, found in enumerate(there):
            first, second = views[one].poses[row], views[other].poses[row]
            world = second.world_of(found.voxels.reshape(-1, 3), views[other].grid)
            back = first.voxels_of(world, views[one].grid).reshape(found.voxels.shape)
            shape = views[one].grid.size_voxels
            index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
            assert np.abs(back - index)[found.valid].max() < 1e-3
            assert found.valid.any()


def test_corresponding_voxels_of_rendered_views_show_the_same_anatomy(sources, bench):
    """A linear ramp is rendered exactly, so that its value tells the anatomy of a voxel."""
    slope = np.array([1.0, -2.0, 3.0])
    volumes = []
    for source in sources:
        ramp = bench.world_of(source.shape, source.affine) @ slope
        volumes.append((ramp - ramp.mean())[None].astype(np.float32))
    first, second, small = views_of(policy_of(*ALL), sources, 3)
    for one, other in ((first, second), (small, second)):
        found = correspondences(one, other)
        here, known = bench.rendered(one, volumes)
        there, also = bench.rendered(other, volumes)
        for row in range(2):
            grey = there[row, 0].double().numpy() * 1000
            places = np.moveaxis(found[row].voxels, -1, 0)
            seen = ndimage.map_coordinates(grey, places, order=3, mode="nearest")
            inner = ndimage.binary_erosion(also[row, 0].numpy(), iterations=3)
            whole = ndimage.map_coordinates(inner.astype(float), places, order=1) > 0.999
            good = found[row].valid & known[row, 0].numpy() & whole
            difference = np.abs(seen - here[row, 0].double().numpy() * 1000)[good]
            assert good.sum() > 500
            assert difference.max() < 0.05


def test_a_shift_by_whole_voxels_is_that_shift_and_what_leaves_is_not_valid(bench):
    grid = ViewGrid(size_voxels=(10, 10, 10), spacing_mm=(1.0, 1.0, 1.0))
    source = bench.source_of((40, 40, 40), np.eye(4))
    policy = policy_of(Crop(min_overlap=0.3), local=None, grid=grid)
    first, second = (draw(policy, [source], seed=0, step=1, view=view) for view in (0, 1))
    shift = first.poses[0].centre_mm - second.poses[0].centre_mm
    (found,) = correspondences(first, second)
    assert np.abs(shift).max() > 0.5
    assert found.voxels[3, 4, 5] == pytest.approx(np.array([3, 4, 5]) + shift, abs=1e-9)
    assert found.valid.mean() == pytest.approx(np.prod(1 - np.abs(shift) / 10), abs=1e-9)


def test_a_stride_gives_the_middles_of_blocks(sources):
    first, second, _ = views_of(policy_of(*ALL[:2]), sources, 0)
    fine, coarse = (
        correspondence(first.poses[0], GRID, second.poses[0], GRID, stride=stride)
        for stride in (1, 4)
    )
    assert coarse.voxels.shape == (6, 5, 4, 3)
    block = fine.voxels[4:8, 8:12, 0:4].reshape(-1, 3).mean(axis=0)
    assert coarse.voxels[1, 2, 0] == pytest.approx(block, abs=1e-9)
    with pytest.raises(ValueError, match="stride must divide"):
        correspondence(first.poses[0], GRID, second.poses[0], GRID, stride=3)


def test_views_of_different_volumes_do_not_correspond(sources):
    first = draw(policy_of(*ALL[:2]), sources[:1], seed=0, step=0, view=0)
    second = draw(policy_of(*ALL[:2]), sources[1:], seed=0, step=0, view=1)
    with pytest.raises(ValueError, match="same volumes"):
        correspondences(first, second)


@pytest.mark.parametrize("corners", [False, True])
def test_local_views_lie_inside_of_their_global_view(sources, corners):
    policy = policy_of(*ALL)
    ends = [(-0.5, size - 0.5) for size in LOCAL.size_voxels]
    edges = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    for step in range(6):
        for number in (0, 1, 2):
            outer = draw(policy, sources, seed=1, step=step, view=number % 2, corners=corners)
            small = draw_locals(policy, sources, seed=1, step=step, number=number, corners=corners)
            for row in (0, 1):
                world = small.poses[row].world_of(edges, LOCAL.grid)
                assert outer.poses[row].shows(world, GRID).all()


def test_local_views_differ_from_each_other_and_depend_on_their_address_alone(sources):
    policy = policy_of(*ALL)

    def centres(rows=sources, **words):
        words = {"seed": 1, "step": 2, "number": 0} | words
        return [pose.centre_mm for pose in draw_locals(policy, rows, **words).poses]

    assert np.array_equal(centres(), centres())
    assert np.array_equal(centres(sources[1:])[0], centres()[1])
    for other in (centres(number=2), centres(step=3), centres(seed=2), centres(number=1)):
        assert not np.allclose(centres(), other)


def test_local_views_have_their_own_grid_and_noise(sources):
    small = draw_locals(policy_of(*ALL), sources, seed=1, step=2, number=0)
    again = draw_locals(policy_of(*ALL), sources, seed=1, step=2, number=2)
    assert small.grid == LOCAL.grid
    assert set(small.seeds).isdisjoint(again.seeds)
    assert set(small.seeds).isdisjoint(draw(policy_of(*ALL), sources, seed=1, step=2, view=0).seeds)


def test_local_views_that_do_not_fit_are_refused():
    wide = LocalViews(count=1, size_voxels=(42, 8, 8), spacing_mm=(1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="must fit into a global one"):
        policy_of(*ALL, local=wide)
    with pytest.raises(ValueError, match="must have local views"):
        draw_locals(policy_of(*ALL, local=None), [], seed=0, step=0, number=0)
