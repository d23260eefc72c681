"""Where anatomy lands: every claim by a round trip through known points."""

import numpy as np
import pytest
import torch

from medcl.augment.drawing.pose import Pose, is_overlap, overlap
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.refusable import Flip
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.transforms.translation import Translation
from medcl.augment.views import boxes, draw, plain, render, render_labels, view_affines
from medcl.geometry.affine import axis_codes, transform_points
from tests.geometry.convex import common_by_qhull

WIDE = FixedWindow(low=-1000.0, high=1000.0)
SPATIAL = (
    Crop(min_overlap=0.5),
    Rotation(max_degrees=10.0),
    Scale(zoom=(0.95, 1.05)),
    Translation(max_mm=3.0),
)


def policy_of(grid, *transforms, modality="CT", window=WIDE):
    return Policy(name="t", modality=modality, grid=grid, window=window, transforms=transforms)


def values(views):
    """Physical values behind views of the wide window."""
    return (views.double().numpy() + 1) * 1000 - 1000


def test_a_view_of_a_linear_ramp_is_the_ramp_at_the_points_it_claims(affine, bench):
    grid = ViewGrid(size_voxels=(12, 10, 8), spacing_mm=(0.7, 0.8, 0.9))
    shape = (40, 44, 36)
    slope = np.array([3.0, -5.0, 7.0])
    volume = (bench.world_of(shape, affine) @ slope)[None].astype(np.float32)
    centre = transform_points(affine, np.array([[s / 2 for s in shape]]))[0] @ slope
    source = bench.source_of(shape, affine)
    drawn = draw(policy_of(grid, *SPATIAL), [source], seed=3, step=1, view=1)
    views, mask = bench.rendered(drawn, [volume - np.float32(centre)])
    points = bench.world_of(grid.size_voxels, view_affines(drawn)[0])
    voxel = transform_points(np.linalg.inv(affine), points.reshape(-1, 3))
    deep = ((voxel >= 0) & (voxel <= np.array(shape) - 1)).all(axis=1).reshape(grid.size_voxels)
    deep &= mask[0, 0].numpy()
    error = np.abs(values(views)[0, 0] - (points @ slope - centre))[deep]
    assert deep.mean() > 0.5
    assert error.max() < 0.02


def test_an_unturned_view_has_ras_axes_whatever_the_source_has(affine, grid, bench):
    drawn = plain(policy_of(grid), [bench.source_of((30, 31, 32), affine)])
    assert axis_codes(view_affines(drawn)[0]) == "RAS"


def test_a_known_point_lies_in_every_view_where_its_affine_says(affine, bench):
    shape, grid = (50, 48, 46), ViewGrid(size_voxels=(40, 40, 40), spacing_mm=(0.8,) * 3)
    volume = np.full((1, *shape), -1000, np.float32)
    volume[0, 24:27, 22:25, 23:26] = 900
    point = transform_points(affine, np.array([[25.0, 23.0, 24.0]]))
    source = bench.source_of(shape, affine)
    for view in range(3):
        drawn = draw(policy_of(grid, *SPATIAL), [source], seed=1, step=view, view=view)
        views, _ = bench.rendered(drawn, [volume])
        weight = values(views)[0, 0] + 1000
        if weight.sum() < 1000:
            continue
        index = np.stack(np.meshgrid(*map(np.arange, weight.shape), indexing="ij"))
        found = (index * weight).reshape(3, -1).sum(axis=1) / weight.sum()
        wanted = transform_points(np.linalg.inv(view_affines(drawn)[0]), point)[0]
        edge = np.minimum(wanted, np.array(grid.size_voxels) - 1 - wanted).min()
        if edge > 5:
            assert np.abs(found - wanted).max() < 0.15


def test_identity_on_the_grid_of_the_source_changes_no_bit(bench):
    rng = np.random.default_rng(0)
    for code, affine in {
        "RAS": np.diag([1.0, 1, 1, 1]),
        "LPS": np.diag([-1.0, -1, 1, 1]),
        "PSR": bench.orientations["PSR"] / np.array([1.0 / 1, 1, 1, 1]),
    }.items():
        affine = affine.copy()
        affine[:3, :3] = np.rint(affine[:3, :3] / np.abs(affine[:3, :3]).max(axis=0))
        affine[:3, 3] = [0.31, -7.7, 100.123]
        volume = rng.normal(0, 300, (2, 21, 22, 23)).astype(np.float32)
        policy = policy_of(ViewGrid(size_voxels=(9, 8, 7), spacing_mm=(1.0,) * 3))
        drawn = plain(policy, [bench.source_of((21, 22, 23), affine)])
        (box,) = boxes(drawn)
        views, mask = bench.rendered(drawn, [volume])
        wanted = torch.from_numpy(volume[:, *box.slices]).clone()
        wanted = policy.window.finish(wanted[None])[0]
        to_source = np.linalg.inv(affine)[:3, :3]
        order = np.abs(to_source).argmax(axis=0)
        wanted = wanted.permute(0, *(1 + int(axis) for axis in order))
        flips = [1 + i for i in range(3) if to_source[order[i], i] < 0]
        assert torch.equal(views[0], wanted.flip(flips)), code
        assert mask.all()


def test_an_asymmetric_phantom_keeps_its_side_and_a_flip_loses_it(affine, bench):
    shape, grid = (48, 48, 48), ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(1.2,) * 3)
    middle = transform_points(affine, np.array([[23.5, 23.5, 23.5]]))[0]
    offset = bench.world_of(shape, affine) - middle
    x, y, z = np.moveaxis(offset, -1, 0)
    stem = (np.abs(x) < 4) & (np.abs(y) < 4) & (np.abs(z) < 10)
    foot = (x > 0) & (x < 12) & (np.abs(y) < 4) & (z < -5) & (z > -10)
    toe = (x > 8) & (x < 12) & (y > 0) & (y < 9) & (z < -5) & (z > -10)
    volume = np.where(stem | foot | toe, 500, -1000)[None].astype(np.float32)
    source = bench.source_of(shape, affine)

    def sides(*transforms):
        drawn = draw(policy_of(grid, *transforms), [source], seed=2, step=0, view=0)
        view = values(bench.rendered(drawn, [volume])[0])[0, 0] > 0
        centre = np.stack(np.nonzero(view)).mean(axis=1) - (np.array(view.shape) - 1) / 2
        return np.sign(np.round(centre, 1))

    assert sides(Rotation(max_degrees=8.0)).tolist() == [1, 1, -1]
    assert sides(Flip(axis="x", probability=1.0)).tolist() == [-1, 1, -1]


@pytest.mark.parametrize("zoom", [0.9, 1.0, 1.1])
def test_a_sphere_grows_with_the_cube_of_the_scale(zoom, bench):
    affine = bench.orientations["oblique"]
    shape, grid = (64, 60, 44), ViewGrid(size_voxels=(40, 40, 40), spacing_mm=(0.8,) * 3)
    middle = transform_points(affine, np.array([[s / 2 - 0.5 for s in shape]]))[0]
    distance = np.linalg.norm(bench.world_of(shape, affine) - middle, axis=-1)
    volume = np.clip(500 - 1000 * (distance - 10.0), -1000, 1000)[None].astype(np.float32)
    drawn = draw(
        policy_of(grid, Scale(zoom=(zoom, zoom)), Rotation(max_degrees=10.0)),
        [bench.source_of(shape, affine)],
        seed=0,
        step=0,
        view=0,
    )
    views, _ = bench.rendered(drawn, [volume])
    voxels = float((values(views) > 0).sum()) * 0.8**3
    assert voxels / (4 / 3 * np.pi * (10.5 * zoom) ** 3) == pytest.approx(1, abs=0.02)


def test_two_views_overlap_as_the_crop_asks_in_random_and_in_corner_draws(bench):
    grid = ViewGrid(size_voxels=(32, 32, 24), spacing_mm=(1.0, 1.0, 1.5))
    source = bench.source_of((70, 90, 60), bench.orientations["oblique"])
    policy = policy_of(grid, *SPATIAL)
    worst, distances = 1.0, []
    for step in range(160):
        corners = step % 2 == 1
        first, second = (
            draw(policy, [source], seed=5, step=step, view=view, corners=corners).poses[0]
            for view in (0, 1)
        )
        boxes = [(pose.view_to_world(grid), grid.size_voxels) for pose in (first, second)]
        larger = grid.extent_mm.prod() / min(np.linalg.det(a.linear) for a in (first, second))
        worst = min(worst, common_by_qhull(*boxes) / larger)
        distances.append(np.linalg.norm(first.centre_mm - second.centre_mm))
    assert 0.5 - 1e-9 <= worst < 0.51
    assert np.mean(distances) > 3


@pytest.mark.slow
def test_the_overlap_bound_holds_for_hundreds_of_draws_of_many_volumes(bench):
    grid = ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(1.0, 1.0, 1.0))
    policy = policy_of(grid, *SPATIAL)
    sources = [bench.source_of((80, 80, 80), np.eye(4), word=f"k{i}") for i in range(100)]
    worst = 1.0
    for step in range(12):
        first, second = (draw(policy, sources, seed=1, step=step, view=v).poses for v in (0, 1))
        for a, b in zip(first, second, strict=True):
            worst = min(worst, overlap(a, b, grid))
    assert worst >= 0.5


def test_overlap_of_parallel_views_is_exact_between_the_places_of_a_lattice():
    grid = ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(1.0, 1.0, 1.0))
    still = Pose(np.zeros(3), np.eye(3))
    for moved in (1.0, 2.0, 2.3):
        aside = Pose(np.full(3, moved), np.eye(3))
        shared = (1 - moved / 16) ** 3
        assert overlap(still, aside, grid) == pytest.approx(shared)
        assert is_overlap(still, aside, grid, shared - 1e-6)
        assert not is_overlap(still, aside, grid, shared + 1e-6)
    assert overlap(still, Pose(np.array([0.0, 17.0, 0.0]), np.eye(3)), grid) == 0


def test_overlap_of_shifted_views_is_the_product_of_what_is_left_along_each_axis():
    a = Pose(np.zeros(3), np.eye(3))
    b = Pose(np.array([2.0, 5.0, 1.0]), np.eye(3))
    grid = ViewGrid(size_voxels=(10, 10, 10), spacing_mm=(1.0, 1.0, 1.0))
    assert overlap(a, b, grid) == pytest.approx(0.8 * 0.5 * 0.9)


def test_crops_stay_inside_a_longer_volume_and_reach_all_of_it(bench):
    grid = ViewGrid(size_voxels=(20, 20, 20), spacing_mm=(1.0,) * 3)
    policy = policy_of(grid, Crop(min_overlap=0.3))
    source = bench.source_of((50, 50, 50), np.diag([-1.0, -1, 1, 1]))
    lowest, highest = np.full(3, 1e9), np.full(3, -1e9)
    for step in range(80):
        for view in (0, 1):
            (box,) = boxes(draw(policy, [source], seed=0, step=step, view=view))
            assert box.shape == (20, 20, 20)
            lowest = np.minimum(lowest, box.lower)
            highest = np.maximum(highest, box.upper)
    assert lowest.max() <= 1
    assert highest.min() >= 49


def test_what_lies_outside_of_the_volume_is_flagged_and_filled_with_air(bench):
    grid = ViewGrid(size_voxels=(30, 30, 30), spacing_mm=(1.0,) * 3)
    volume = np.full((1, 10, 12, 14), 40, np.float32)
    drawn = plain(policy_of(grid), [bench.source_of((10, 12, 14), np.eye(4))])
    views, mask = bench.rendered(drawn, [volume])
    assert int(mask.sum()) == 10 * 12 * 14
    assert torch.equal(views == -1.0, ~mask)
    assert torch.allclose(views[mask], torch.tensor(0.04))


def test_unmeasured_voxels_are_flagged_and_leak_nothing(bench):
    grid = ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(1.0,) * 3)
    volume = np.full((1, 24, 24, 24), 40, np.float32)
    validity = np.ones((24, 24, 24), bool)
    validity[:, :12] = False
    volume[0][~validity] = 900
    policy = policy_of(grid, Rotation(max_degrees=10.0))
    drawn = draw(policy, [bench.source_of((24, 24, 24), np.eye(4))], seed=0, step=0, view=0)
    views, mask = bench.rendered(drawn, [volume], [validity])
    assert 0.3 < mask.float().mean() < 0.6
    assert torch.allclose(views[mask], torch.tensor(0.04), atol=1e-5)
    assert (views[~mask] == -1).all()


def test_a_coarser_grid_averages_instead_of_aliasing(bench):
    shape = (60, 60, 60)
    stripes = np.where((np.arange(60) + 1) // 2 % 2, 500, -500)[None, :, None, None]
    volume = np.broadcast_to(stripes, (1, *shape)).astype(np.float32)
    grid = ViewGrid(size_voxels=(12, 12, 12), spacing_mm=(4.0,) * 3)
    views, mask = bench.rendered(
        plain(policy_of(grid), [bench.source_of(shape, np.eye(4))]), [volume]
    )
    assert mask.all()
    assert np.abs(values(views)).max() < 40


def test_prefiltering_keeps_flat_tissue_flat_up_to_the_edge(bench):
    grid = ViewGrid(size_voxels=(20, 20, 20), spacing_mm=(3.0,) * 3)
    volume = np.full((1, 60, 60, 60), 40, np.float32)
    drawn = plain(policy_of(grid), [bench.source_of((60, 60, 60), np.eye(4))])
    views, mask = bench.rendered(drawn, [volume])
    assert mask.all()
    assert torch.allclose(views, torch.tensor(0.04), atol=1e-5)


def test_labels_lie_where_the_image_lies(affine, bench):
    shape, grid = (40, 38, 36), ViewGrid(size_voxels=(24, 24, 24), spacing_mm=(1.0,) * 3)
    labels = (np.add.outer(np.add.outer(np.arange(40), np.arange(38)), np.arange(36)) // 9) % 3
    source = bench.source_of(shape, affine)
    drawn = draw(policy_of(grid, *SPATIAL), [source], seed=4, step=0, view=1)
    (box,) = boxes(drawn)
    seen = render_labels(drawn, [labels[box.slices].astype(np.uint8)])
    assert seen.dtype == torch.int64
    points = bench.world_of(grid.size_voxels, view_affines(drawn)[0]).reshape(-1, 3)
    voxel = np.floor(transform_points(np.linalg.inv(affine), points) + 0.5).astype(int)
    inside = ((voxel >= 0) & (voxel < shape)).all(axis=1)
    wanted = np.zeros(len(points), int)
    wanted[inside] = labels[tuple(voxel[inside].T)]
    assert (seen.numpy().reshape(-1) == wanted).mean() > 0.999


def test_voxels_of_another_shape_than_the_box_are_refused(grid, bench):
    drawn = plain(policy_of(grid), [bench.source_of((40, 40, 40), np.eye(4))])
    with pytest.raises(ValueError, match="shape of their box"):
        render(drawn, [np.zeros((1, 3, 3, 3), np.float32)])
