"""Phantoms and sources in many orientations."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medcl.augment.grid import ViewGrid
from medcl.augment.views import Source, boxes, render
from medcl.geometry.affine import rotation, transform_points


def _affine(linear, origin):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, origin
    return affine


ORIENTATIONS = {
    "RAS": _affine(np.diag([1.0, 1.0, 1.0]), [-20.0, -22.0, 5.0]),
    "LPS": _affine(np.diag([-0.8, -0.9, 2.5]), [30.0, 40.0, -50.0]),
    "PSR": _affine(np.array([[0, 0, 3.0], [-0.6, 0, 0], [0, 0.6, 0]]), [1.0, 2.0, 3.0]),
    "oblique": _affine(
        rotation(np.array([12.0, -20.0, 31.0]))[:3, :3] @ np.diag([0.9, -1.1, 1.7]),
        [5.0, -7.0, 11.0],
    ),
}


@pytest.fixture(params=list(ORIENTATIONS))
def affine(request):
    return ORIENTATIONS[request.param]


@pytest.fixture
def grid():
    return ViewGrid(size_voxels=(12, 10, 8), spacing_mm=(2.0, 2.5, 3.0))


def world_of(shape, affine):
    """World coordinates of every voxel of a grid, shape (X, Y, Z, 3)."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return transform_points(affine, index.reshape(-1, 3).astype(float)).reshape(*shape, 3)


def source_of(shape, affine, word="volume", **kwargs):
    return Source(word=word, shape=shape, affine=affine, **kwargs)


def rendered(drawn, volumes, validity=None, device="cpu"):
    """Cut the boxes and render, as a caller with a store does."""
    cut = boxes(drawn)
    voxels = [volume[:, *box.slices] for volume, box in zip(volumes, cut, strict=True)]
    valid = None
    if validity is not None:
        valid = [
            None if mask is None else mask[box.slices]
            for mask, box in zip(validity, cut, strict=True)
        ]
    views, mask = render(drawn, voxels, valid, device=torch.device(device))
    return views, mask


@pytest.fixture
def bench():
    """Helpers of this room's tests."""
    return SimpleNamespace(
        orientations=ORIENTATIONS,
        world_of=world_of,
        source_of=source_of,
        rendered=rendered,
        rotation=rotation,
    )
