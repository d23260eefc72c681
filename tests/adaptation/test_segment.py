from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.inferers.utils import sliding_window_inference

from medcl.adaptation import segment as segmenting
from medcl.adaptation.segment import covering_grid, put_back, segment
from medcl.augment import views
from medcl.augment.grid import ViewGrid
from medcl.augment.partner import OtherSeries
from medcl.augment.transforms.crop import Crop
from medcl.geometry import affine as affines
from medcl.store.viewing import source_of

CPU = torch.device("cpu")


@pytest.fixture
def oblique(store):
    """A row whose axes are turned and mirrored against the world."""
    row = next(row for row in store.rows() if abs(row.affine[0, 1]) > 0.1)
    assert affines.is_mirrored(row.affine)
    return row


def world(affine, shape):
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    return affines.transform_points(affine, index.reshape(-1, 3).astype(float)).reshape(*shape, 3)


def half_space(points, row):
    """Logits of a plane near the middle; linear, so that interpolating them changes nothing."""
    middle = affines.centre_mm(row.affine, row.shape)
    return (points - middle) @ np.array([0.7, -1.1, 0.4]) - 1.3


@pytest.mark.parametrize("spacing", [(1.5, 1.5, 1.5), (0.8, 2.0, 1.1)])
def test_an_oracle_is_put_back_exactly_on_an_oblique_grid(oblique, policy, spacing, monkeypatch):
    grid = covering_grid(oblique, ViewGrid(size_voxels=(8, 8, 8), spacing_mm=spacing))
    drawn = views.plain(replace(policy, grid=grid), [source_of(oblique)])
    affine = views.view_affines(drawn)[0]
    margin = torch.from_numpy(half_space(world(affine, grid.size_voxels), oblique))
    logits = torch.stack([-margin, margin]).float()[None]
    monkeypatch.setattr(segmenting, "_POINTS", 1000)
    found = put_back(logits, affine, oblique.affine, oblique.shape)
    expected = half_space(world(oblique.affine, oblique.shape), oblique)
    assert found.shape == oblique.shape
    clear = np.abs(expected) > 1e-3
    assert (found == (expected > 0))[clear].all()
    assert clear.mean() > 0.99
    assert 0.05 < found.mean() < 0.95


def test_the_grid_covers_every_corner_of_the_volume(store, policy):
    for row in store.rows()[:6]:
        grid = covering_grid(row, policy.grid)
        drawn = views.plain(replace(policy, grid=grid), [source_of(row)])
        to_view = np.linalg.inv(views.view_affines(drawn)[0]) @ row.affine
        corners = np.stack(np.meshgrid(*([0, n - 1] for n in row.shape)), axis=-1).reshape(-1, 3)
        places = affines.transform_points(to_view, corners.astype(float))
        assert (places >= -0.5).all()
        assert (places <= np.asarray(grid.size_voxels) - 0.5).all()


def test_a_network_that_thresholds_is_applied_to_the_whole_volume(store, oblique, policy):
    """Windows of half the volume; the answer is the thresholded volume but for its rim."""
    small = replace(policy, grid=ViewGrid(size_voxels=(8, 8, 8), spacing_mm=(1.0, 1.0, 1.0)))
    threshold = 0.2

    def network(given):
        return torch.cat([threshold - given, given - threshold], dim=1)

    found = segment(network, store=store, row=oblique, policy=small, device=CPU)
    voxels = store.read(oblique.key).array[0]
    assert found.shape == voxels.shape
    expected = voxels > threshold * 1000
    assert (found == expected).mean() > 0.9
    both = (found == 1) & expected
    assert 2 * both.sum() / (found.sum() + expected.sum()) > 0.7


def test_windows_are_blended_not_tiled(oblique, policy, store, monkeypatch):
    asked = {}

    def record(*args, **options):
        asked.update(options)
        return sliding_window_inference(*args, **options)

    monkeypatch.setattr(segmenting, "sliding_window_inference", record)
    network = lambda given: torch.cat([given, given], dim=1)  # noqa: E731
    segment(network, store=store, row=oblique, policy=policy, device=CPU)
    assert asked["roi_size"] == policy.grid.size_voxels
    assert asked["mode"] == "gaussian"


def test_the_partners_of_a_policy_are_of_no_concern(oblique, policy, store):
    network = lambda given: torch.cat([0.2 - given, given - 0.2], dim=1)  # noqa: E731
    paired = replace(
        policy, transforms=(Crop(min_overlap=0.5),), partner=OtherSeries(probability=1.0)
    )
    alone, same = (
        segment(network, store=store, row=oblique, policy=each, device=CPU)
        for each in (policy, paired)
    )
    assert np.array_equal(alone, same)
