"""Displacement: no fold at any sign of its control points, and one sampling like everything."""

import numpy as np
import pytest
import torch

from medcl.augment import warp as warp_module
from medcl.augment.chance import CornerChance, RandomChance
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import FOLDING, Displacement
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.views import boxes, draw, render_labels
from medcl.augment.warp import Warp, cubic_slopes, cubic_weights, inverse
from medcl.geometry.affine import transform_points
from medcl.geometry.jacobian import digital_jacobian

CPU = torch.device("cpu")
GRID = ViewGrid(size_voxels=(24, 20, 16), spacing_mm=(1.0, 1.2, 1.5))


def gradients(place):
    """Derivatives of the 64 basis functions around a place, shape (3, 4, 4, 4)."""
    values = [cubic_weights(np.array([t]))[0] for t in place]
    slopes = [cubic_slopes(np.array([t]))[0] for t in place]
    return np.stack(
        [
            np.einsum("i,j,k->ijk", *(slopes[a] if a == axis else values[a] for a in range(3)))
            for axis in range(3)
        ]
    )


def pulling_together(place):
    """Signs that make all three components shrink at a place at once: the pattern of Choi, Lee."""
    return -np.sign(np.repeat(gradients(place).sum(axis=0)[None], 3, axis=0))


def squeezing(place):
    """Signs that make each component shrink along its own axis."""
    return -np.sign(gradients(place))


def fine_map(signs, fraction, *, per_step=40):
    """The map of four control points per axis on a fine grid around their middle, in its steps."""
    warp = Warp(signs * fraction, np.ones(3), np.full(3, -1.0))
    steps = np.arange(-per_step // 2, per_step + per_step // 2 + 1) / per_step
    steps = steps[(steps >= 0) & (steps <= 1)]
    points = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    moved = points + warp.at(points.reshape(-1, 3)).reshape(points.shape)
    return np.moveaxis(moved * per_step, -1, 0)


def most_pulling():
    """Where all three components can pull together hardest."""
    steps = np.linspace(0, 1, 11)
    places = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    sums = [np.abs(gradients(place).sum(axis=0)).sum() for place in places]
    return tuple(places[int(np.argmax(sums))])


@pytest.mark.parametrize("pattern", [pulling_together, squeezing])
@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.3, 0.402])
def test_the_worst_signs_never_fold_below_the_bound_and_stay_within_the_declared_volume(
    pattern, fraction
):
    place = most_pulling() if pattern is pulling_together else (0.5, 0.5, 0.5)
    found = digital_jacobian(fine_map(pattern(place), fraction, per_step=20))
    _, widest = Displacement(spacing_mm=30.0, max_fraction=fraction).extremes().volume
    assert found.min() > 0
    assert found.min() >= 1 / widest - 5e-3


def test_the_worst_signs_do_fold_beyond_the_bound_where_the_usual_warning_is_silent():
    found = digital_jacobian(fine_map(pulling_together(most_pulling()), 0.45))
    assert found.min() < 0


def test_the_declared_smallest_volume_is_reached():
    for pattern, fraction in ((squeezing, 0.2), (pulling_together, 0.402)):
        place = most_pulling() if pattern is pulling_together else (0.5, 0.5, 0.5)
        found = digital_jacobian(fine_map(pattern(place), fraction, per_step=40))
        _, widest = Displacement(spacing_mm=30.0, max_fraction=fraction).extremes().volume
        assert found.min() == pytest.approx(1 / widest, abs=0.03)


@pytest.mark.parametrize("fraction", [0.403, 0.5, -0.1])
def test_what_could_fold_is_refused(fraction):
    with pytest.raises(ValueError, match=r"max_fraction must lie in \[0, 0.403\)"):
        Displacement(spacing_mm=30.0, max_fraction=fraction)


@pytest.mark.parametrize("chance", [RandomChance, CornerChance])
def test_declared_bounds_enclose_the_jacobians_of_drawn_fields(chance):
    bend = Displacement(spacing_mm=9.0, max_fraction=0.3)
    grid = ViewGrid(size_voxels=(27, 27, 27), spacing_mm=(1.0, 1.0, 1.0))
    low, high = bend.extremes().volume
    still = np.stack(np.meshgrid(*[np.arange(27.0)] * 3, indexing="ij"))
    strongest = 1.0
    for seed in range(8):
        warp = bend.warp(bend.draw(chance(np.random.default_rng(seed)), grid), grid)
        if warp is None:
            continue
        moved = still + warp.on_grid((27, 27, 27), CPU).numpy()
        found = digital_jacobian(moved.astype(float))
        strongest = min(strongest, found.min())
        assert 1 / high - 1e-3 <= found.min()
        assert found.max() <= 1 / low + 1e-3
    assert strongest < 0.9


def test_both_ways_to_evaluate_a_warp_agree_and_its_slope_is_its_derivative():
    bend = Displacement(spacing_mm=8.0, max_fraction=0.3)
    warp = bend.warp(bend.draw(RandomChance(np.random.default_rng(0)), GRID), GRID)
    index = np.stack(np.meshgrid(*map(np.arange, GRID.size_voxels), indexing="ij"), axis=-1)
    points = index.reshape(-1, 3).astype(float)
    shift, slope = warp.with_slope(points)
    dense = warp.on_grid(GRID.size_voxels, CPU).numpy().reshape(3, -1).T
    assert np.abs(shift - dense).max() < 1e-5
    assert (np.abs(shift).max(axis=0) <= warp.reach_voxels).all()
    for axis in range(3):
        aside = np.eye(3)[axis] * 1e-5
        numeric = (warp.at(points + aside) - warp.at(points - aside)) / 2e-5
        assert np.abs(numeric - slope[:, :, axis]).max() < 1e-6


def test_a_warp_in_slabs_is_the_warp_at_its_points(monkeypatch):
    monkeypatch.setattr(warp_module, "_SLAB_VOXELS", 5 * 20 * 16)
    bend = Displacement(spacing_mm=8.0, max_fraction=0.3)
    warp = bend.warp(bend.draw(RandomChance(np.random.default_rng(0)), GRID), GRID)
    axes = [np.arange(float(size)) for size in GRID.size_voxels]
    wanted = np.moveaxis(warp.on_axes(*axes), -1, 0)
    assert np.abs(warp.on_grid(GRID.size_voxels, CPU).numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_the_inverse_is_found_even_next_to_folding(seed):
    bend = Displacement(spacing_mm=8.0, max_fraction=0.4)
    chance = CornerChance(np.random.default_rng(seed))
    fractions = 0.4 * chance.many(-1.0, 1.0, len(bend.draw(chance, GRID)["fractions"]))
    warp = bend.warp({"fractions": tuple(fractions.tolist())}, GRID)
    points = np.random.default_rng(seed).uniform(0, 15, (500, 3))
    found = inverse(warp, points + warp.at(points))
    assert np.abs(found - points).max() < 1e-3


def test_a_draw_depends_on_the_grid_only_in_how_many_control_points_it_has():
    bend = Displacement(spacing_mm=10.0)
    first = bend.draw(RandomChance(np.random.default_rng(1)), GRID)
    again = bend.draw(RandomChance(np.random.default_rng(1)), GRID)
    assert first == again
    assert len(first["fractions"]) == 3 * 6 * 6 * 6


def policy_of(*transforms, grid=GRID):
    window = FixedWindow(low=-1000.0, high=1000.0)
    return Policy(name="t", modality="CT", grid=grid, window=window, transforms=transforms)


BENT = (Crop(), Rotation(max_degrees=10.0), Displacement(spacing_mm=10.0, max_fraction=0.3))


def test_a_displaced_view_of_a_ramp_is_the_ramp_at_the_points_it_claims(affine, bench):
    shape = (60, 60, 60)
    slope = np.array([3.0, -5.0, 7.0])
    centre = transform_points(affine, np.array([[29.5, 29.5, 29.5]]))[0] @ slope
    volume = (bench.world_of(shape, affine) @ slope - centre)[None].astype(np.float32)
    grid = ViewGrid(size_voxels=(24, 20, 16), spacing_mm=(0.6, 0.7, 0.8))
    drawn = draw(
        policy_of(*BENT, grid=grid), [bench.source_of(shape, affine)], seed=3, step=1, view=0
    )
    views, mask = bench.rendered(drawn, [volume])
    index = np.stack(np.meshgrid(*map(np.arange, grid.size_voxels), indexing="ij"), axis=-1)
    points = drawn.poses[0].world_of(index.reshape(-1, 3).astype(float), grid)
    wanted = (points @ slope - centre).reshape(grid.size_voxels)
    voxel = transform_points(np.linalg.inv(affine), points)
    deep = ((voxel > 0) & (voxel < 59)).all(axis=1).reshape(grid.size_voxels) & mask[0, 0].numpy()
    found = (views[0, 0].double().numpy() + 1) * 1000 - 1000
    straight = transform_points(drawn.poses[0].view_to_world(grid), index.reshape(-1, 3) * 1.0)
    assert deep.mean() > 0.4
    assert np.abs(found - wanted)[deep].max() < 0.03
    assert np.abs(straight - points).max() > 0.3


def test_a_box_holds_every_voxel_that_a_displaced_view_draws_on(bench):
    shape = (60, 60, 60)
    rng = np.random.default_rng(0)
    volume = rng.normal(0, 300, (1, *shape)).astype(np.float32)
    source = bench.source_of(shape, np.eye(4))
    for step in range(6):
        drawn = draw(policy_of(*BENT), [source], seed=1, step=step, view=0, corners=step % 2 == 1)
        (box,) = boxes(drawn)
        kept = np.full_like(volume, 1e6)
        kept[:, *box.slices] = volume[:, *box.slices]
        views, _ = bench.rendered(drawn, [volume])
        again, _ = bench.rendered(drawn, [kept])
        assert torch.equal(views, again)
        index = np.stack(np.meshgrid(*map(np.arange, GRID.size_voxels), indexing="ij"), axis=-1)
        seen = drawn.poses[0].world_of(index.reshape(-1, 3).astype(float), GRID)
        seen = np.clip(seen, 0, 59)
        assert (np.floor(seen) >= box.lower).all()
        assert (np.ceil(seen) < box.upper).all()


def test_a_displaced_view_does_not_depend_on_its_batch(bench):
    rng = np.random.default_rng(0)
    volumes = [rng.normal(0, 300, (1, 40, 40, 40)).astype(np.float32) for _ in range(2)]
    sources = [bench.source_of((40, 40, 40), np.eye(4), word=word) for word in "ab"]
    often = (Crop(), Displacement(spacing_mm=10.0, max_fraction=0.3, probability=0.5))
    kinds = set()
    for step in range(4):
        drawn = draw(policy_of(*often), sources, seed=0, step=step, view=0)
        together, _ = bench.rendered(drawn, volumes)
        for row in (0, 1):
            alone = draw(policy_of(*often), [sources[row]], seed=0, step=step, view=0)
            view, _ = bench.rendered(alone, [volumes[row]])
            kinds.add(alone.poses[0].warp is None)
            assert torch.allclose(view[0], together[row], atol=2e-4)
    assert kinds == {True, False}


def test_labels_are_displaced_as_the_image_is(bench):
    shape = (40, 40, 40)
    volume = np.zeros((1, *shape), np.float32)
    volume[0, 10:30, 14:26, 12:28] = 900
    drawn = draw(policy_of(*BENT), [bench.source_of(shape, np.eye(4))], seed=2, step=0, view=0)
    (box,) = boxes(drawn)
    views, _ = bench.rendered(drawn, [volume])
    labels = render_labels(drawn, [(volume[0] > 450).astype(np.uint8)[box.slices]])
    image = views[0, 0] > 0.45
    assert (labels[0].bool() == image).float().mean() > 0.99
    assert labels.sum() > 100


def test_no_displacement_leaves_whole_voxels_to_the_last_bit(bench):
    volume = np.random.default_rng(0).normal(0, 300, (1, 30, 30, 30)).astype(np.float32)
    grid = ViewGrid(size_voxels=(9, 9, 9), spacing_mm=(1.0, 1.0, 1.0))
    never = policy_of(Crop(), Displacement(spacing_mm=10.0, max_fraction=0.0), grid=grid)
    drawn = draw(never, [bench.source_of((30, 30, 30), np.eye(4))], seed=0, step=0, view=0)
    assert drawn.lattices[0].is_whole
    (box,) = boxes(drawn)
    views, _ = bench.rendered(drawn, [volume])
    wanted = never.window.finish(torch.from_numpy(volume[:, *box.slices]).clone()[None])
    assert torch.equal(views, wanted)


def test_folding_is_where_choi_and_lee_put_it():
    steepest = np.abs(gradients(most_pulling()).sum(axis=0)).sum()
    assert 1 / steepest == pytest.approx(FOLDING, abs=5e-4)
    assert FOLDING < 1 / 2.4793
