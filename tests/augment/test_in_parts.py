"""Plain torch on a CPU works part by part, and nobody sees the seams."""

import pytest
import torch

from medcl.augment import random_field, taps
from medcl.augment.random_field import normal
from medcl.augment.taps import smooth


@pytest.mark.parametrize("beyond", ["replicate", "constant"])
@pytest.mark.parametrize("sigmas", [(0.7, 0.5, 0.9), (0.0, 1.2, 0.0), (2.5, 0.0, 0.4)])
@pytest.mark.parametrize("planes", [1, 4, 100])
def test_a_blur_slab_by_slab_is_that_of_the_whole(monkeypatch, beyond, sigmas, planes):
    views = torch.randn(2, 2, 9, 8, 7, generator=torch.Generator().manual_seed(0))
    widths = torch.tensor([sigmas, [0.3, 0.4, 0.5]])
    radii = tuple(int(-(-taps.RADII * width // 1)) for width in widths.amax(dim=0).tolist())
    weights = [taps._weights(widths[:, axis], radii[axis]) for axis in range(3)]
    whole = taps._passes(radii, beyond, views, weights)
    monkeypatch.setattr(taps, "_SLAB_VOXELS", planes * 8 * 7)
    assert (smooth(views, widths, beyond=beyond) - whole).abs().max() < 1e-6


@pytest.mark.parametrize("size", [1, 2, 9, 64, 65])
def test_noise_made_part_by_part_is_that_of_the_whole(monkeypatch, size):
    device = torch.device("cpu")
    whole = normal((3, 4), (size,), stream=1, device=device)
    monkeypatch.setattr(random_field, "_CHUNK", 7)
    assert (normal((3, 4), (size,), stream=1, device=device) - whole).abs().max() < 1e-6
