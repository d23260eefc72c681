"""Draws are a pure function of seed, step, key and view, and renders of what was drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from medcl.augment.defaults import ct_strict, mr_weighted, ot_shape, pt
from medcl.augment.grid import ViewGrid
from medcl.augment.transforms.noise import RicianNoise
from medcl.augment.views import draw, plain, view_affines

GRID = ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(1.5, 1.5, 1.5))
POLICIES = [ct_strict(grid=GRID), mr_weighted(grid=GRID), pt(grid=GRID), ot_shape(grid=GRID)]


@pytest.fixture
def batch(bench):
    rng = np.random.default_rng(1)
    names = list(bench.orientations)
    shapes = [(30, 28, 26), (26, 40, 20), (14, 50, 48), (33, 31, 40)]
    sources = [
        bench.source_of(shape, bench.orientations[name], word=name, low=100.0, high=900.0)
        for name, shape in zip(names, shapes, strict=True)
    ]
    volumes = [rng.uniform(0, 1000, (1, *shape)).astype(np.float32) for shape in shapes]
    return sources, volumes


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_view_does_not_depend_on_its_batch(policy, batch, bench):
    sources, volumes = batch
    drawn = draw(policy, sources, seed=1, step=2, view=1)
    views, masks = bench.rendered(drawn, volumes)
    for row in (3, 0, 2):
        alone = draw(policy, [sources[row]], seed=1, step=2, view=1)
        assert alone.parameters[0] == drawn.parameters[row]
        view, mask = bench.rendered(alone, [volumes[row]])
        assert torch.allclose(view[0], views[row], atol=2e-4)
        assert torch.equal(mask[0], masks[row])


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_seed_step_key_and_view_each_change_the_draw_and_nothing_else_does(policy, batch):
    sources, _ = batch
    one = [sources[0]]

    def affine(sources=one, **words):
        return view_affines(draw(policy, sources, **{"seed": 1, "step": 2, "view": 1} | words))

    same, base = affine(), affine()
    assert np.array_equal(same, base)
    renamed = [replace(sources[0], word="another")]
    changed = [affine(seed=2), affine(step=3), affine(view=0), affine(sources=renamed)]
    assert not any(np.allclose(base, other) for other in changed)


def test_noise_differs_between_views_steps_keys_and_seeds_but_not_between_runs(bench):
    noise = RicianNoise(sd_fraction=(0.03, 0.03))
    policy = replace(mr_weighted(grid=GRID), transforms=(noise,))
    flat = np.full((1, 40, 40, 40), 0.5, np.float32)

    def view(seed=1, step=0, word="a", number=0):
        source = bench.source_of((40, 40, 40), np.eye(4), word=word)
        drawn = draw(policy, [source], seed=seed, step=step, view=number)
        return bench.rendered(drawn, [flat])[0].flatten()

    base = view()
    assert torch.equal(base, view())
    for other in (view(seed=2), view(step=1), view(word="b"), view(number=1)):
        assert abs(torch.corrcoef(torch.stack([base, other]))[0, 1]) < 0.1


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_views_are_finite_and_in_range(policy, batch, bench):
    sources, volumes = batch
    for step in range(5):
        drawn = draw(policy, sources, seed=0, step=step, view=0, corners=step % 2 == 0)
        views, mask = bench.rendered(drawn, volumes)
        assert views.shape == (4, 1, 16, 16, 16)
        assert torch.isfinite(views).all()
        assert views.min() >= -1
        assert views.max() <= 2
        assert (views[~mask] == -1).all()


def test_corner_draws_take_only_ends_of_ranges(batch):
    sources, _ = batch
    for step in range(20):
        drawn = draw(ct_strict(grid=GRID), sources, seed=0, step=step, view=0, corners=True)
        for parameters in drawn.parameters:
            assert parameters["scale"]["zoom"][0] in (0.986, 1.014)
            assert parameters["gaussian_noise"]["sd_hu"][0] in (0.0, 20.0)
            assert np.linalg.norm(parameters["rotation"]["degrees"]) == pytest.approx(10)


def test_a_batch_shared_parameter_is_one_for_all_views_and_differs_between_steps(batch):
    sources, _ = batch
    gains = [
        {
            parameters["gain"]["factor"]
            for view in (0, 1)
            for parameters in draw(pt(grid=GRID), sources, seed=0, step=step, view=view).parameters
        }
        for step in (0, 1)
    ]
    assert [len(gain) for gain in gains] == [1, 1]
    assert gains[0] != gains[1]


def test_a_plain_view_is_the_same_for_every_policy_of_one_grid_and_window(batch, bench):
    sources, volumes = batch
    policy = mr_weighted(grid=GRID)
    bare = replace(policy, transforms=())
    with_all, _ = bench.rendered(plain(policy, sources), volumes)
    without, _ = bench.rendered(plain(bare, sources), volumes)
    assert torch.equal(with_all, without)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_cpu_and_gpu_make_the_same_views(policy, batch, bench):
    sources, volumes = batch
    drawn = draw(policy, sources, seed=1, step=2, view=1)
    on_cpu, _ = bench.rendered(drawn, volumes)
    on_gpu, _ = bench.rendered(drawn, volumes, device="cuda")
    assert torch.allclose(on_cpu, on_gpu.cpu(), atol=1e-3)
