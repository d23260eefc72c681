"""Correspondence and local views: the same anatomy in two views, to a thousandth of a voxel."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from medcl.augment.correspondence import correspondence, correspondences
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.partner import OtherSeries
from medcl.augment.policy import Policy
from medcl.augment.transforms.anisotropic_scale import AnisotropicScale
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.shear import Shear
from medcl.augment.views import draw, draw_locals
from medcl.geometry.affine import transform_points

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


@pytest.fixture
def two_series(bench):
    """Two volumes of one place, which share neither spacing nor origin nor order of axes."""
    centre = np.array([3.0, -11.0, 20.0])
    made = []
    for word, name, shape in (("a", "PSR", (72, 64, 20)), ("b", "oblique", (100, 84, 56))):
        affine = bench.orientations[name].copy()
        affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
        made.append(bench.source_of(shape, affine, word=word, frame="one"))
    return made


def pair_of(policy, first, second, step=0):
    return (
        draw(policy, [first], seed=4, step=step, view=0),
        draw(policy, [first], seed=4, step=step, view=1, others=[[second]]),
    )


def test_a_point_in_mm_lands_on_the_voxel_expected_in_a_view_of_another_series(two_series, bench):
    """Each volume holds its own world coordinates, so that a voxel tells the mm it shows."""
    grid = ViewGrid(size_voxels=(16, 14, 12), spacing_mm=(1.5, 2.0, 2.5))
    policy = replace(
        policy_of(Crop(min_overlap=0.5), *ALL[1:4], local=None, grid=grid),
        partner=OtherSeries(probability=1.0),
    )
    volumes = {
        source.word: np.moveaxis(bench.world_of(source.shape, source.affine), -1, 0)
        for source in two_series
    }
    for step in range(3):
        views = pair_of(policy, *two_series, step=step)
        assert [each.sources[0].word for each in views] == ["a", "b"]
        (here, known), (there, also) = (
            bench.rendered(each, [volumes[each.sources[0].word].astype(np.float32)])
            for each in views
        )
        (found,) = correspondences(*views)
        places = np.moveaxis(found.voxels, -1, 0)
        assert bool(known.all())
        assert bool(also.all())
        wanted = here[0].double().numpy() * 1000
        index = np.stack(np.meshgrid(*map(np.arange, grid.size_voxels), indexing="ij"), axis=-1)
        world = views[0].poses[0].world_of(index.reshape(-1, 3).astype(float), grid)
        away = np.all([_from_edges(each, world) for each in two_series], axis=0)
        for axis in range(3):
            grey = there[0, axis].double().numpy() * 1000
            seen = ndimage.map_coordinates(grey, places, order=1, mode="nearest")
            inner = found.valid & away.reshape(grid.size_voxels) & (places >= 0).all(axis=0)
            inner &= (places <= np.array(grid.size_voxels).reshape(3, 1, 1, 1) - 1).all(axis=0)
            assert inner.sum() > 300
            assert np.abs(seen - wanted[axis])[inner].max() < 1e-3 * min(grid.spacing_mm)


def _from_edges(source, world):
    """Return which points have a voxel's neighbours around them: beyond, the edge goes on."""
    voxels = transform_points(np.linalg.inv(source.affine), world)
    room = 3.0 / np.linalg.norm(source.affine[:3, :3], axis=0)
    return ((voxels >= room) & (voxels <= np.array(source.shape) - 1 - room)).all(axis=1)


def test_upright_views_of_two_series_correspond_by_their_centres_alone(two_series):
    grid = ViewGrid(size_voxels=(16, 14, 12), spacing_mm=(1.5, 2.0, 2.5))
    policy = policy_of(Crop(min_overlap=0.5), local=None, grid=grid)
    views = pair_of(replace(policy, partner=OtherSeries(probability=1.0)), *two_series)
    (found,) = correspondences(*views)
    half = (np.array(grid.size_voxels) - 1) / 2
    mm = views[0].poses[0].centre_mm + np.array(grid.spacing_mm) * (np.array([9, 3, 5]) - half)
    by_hand = (mm - views[1].poses[0].centre_mm) / np.array(grid.spacing_mm) + half
    assert found.voxels[9, 3, 5] == pytest.approx(by_hand, abs=1e-3)


def test_two_volumes_without_a_common_frame_do_not_correspond(two_series):
    policy = policy_of(*ALL[:2])
    for frames in ((None, None), ("one", None), ("one", "two")):
        series = [
            replace(each, frame=frame) for each, frame in zip(two_series, frames, strict=True)
        ]
        first = draw(policy, series[:1], seed=0, step=0, view=0)
        second = draw(policy, series[1:], seed=0, step=0, view=1)
        with pytest.raises(ValueError, match="at place 0 are of two volumes without a common"):
            correspondences(first, second)
    both = draw(policy, two_series, seed=0, step=0, view=1)
    with pytest.raises(ValueError, match="as many views, got 1 and 2"):
        correspondences(draw(policy, two_series[:1], seed=0, step=0, view=0), both)


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
