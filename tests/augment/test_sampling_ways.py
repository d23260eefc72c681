"""On a CPU there are three ways to sample: plain torch, slab by slab, and a loop in C++."""

import logging

import numpy as np
import pytest
import torch

from medcl.augment.compiling import missing_compiler
from medcl.augment.interpolation import native, slabs
from medcl.augment.interpolation.native import has_native, trilinear_native
from medcl.augment.interpolation.slabs import trilinear_by_slabs
from medcl.augment.interpolation.trilinear import trilinear
from medcl.augment.rendering.lattice import Lattice
from medcl.augment.rendering.sampling import samplings
from medcl.augment.rendering.strip_building import strip_of
from medcl.augment.warp import Warp

VIEW = (11, 10, 9)
WAYS = [
    pytest.param(trilinear_by_slabs, id="slabs"),
    pytest.param(
        trilinear_native,
        id="native",
        marks=pytest.mark.skipif(missing_compiler("cpu") is not None, reason="no C++ compiler"),
    ),
]


@pytest.fixture(autouse=True)
def thin_slabs(monkeypatch):
    """Slabs of four rows, so that views have several and the last is thinner."""
    monkeypatch.setattr(slabs, "_SLAB_VOXELS", 4 * VIEW[1] * VIEW[2])


def turned(shape, *, offset, turn, zoom=1.0, warp=None):
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[1:3, 1:3] = matrix[1:3, 1:3] @ [[1, -turn], [turn, 1]]
    matrix[:3, :3] *= zoom
    matrix[:3, 3] = offset
    return Lattice(matrix, VIEW, shape, warp)


def given_of(lattices, *, dtype=np.int16, holes=False, channels=1):
    rng = np.random.default_rng(0)
    boxes = [each.box().shape for each in lattices]
    voxels = [rng.integers(-900, 900, (channels, *box)).astype(dtype) for box in boxes]
    if dtype == np.float32:
        voxels = [each + rng.random(each.shape, dtype=np.float32) for each in voxels]
    known = [rng.random(box) > 0.05 if holes else None for box in boxes]
    return samplings(strip_of(lattices, voxels, known), device=torch.device("cpu"))


def bend():
    rng = np.random.default_rng(1)
    return Warp(rng.uniform(-1.5, 1.5, (3, 6, 6, 6)), np.full(3, 4.0), np.full(3, -4.0))


SCENES = {
    "inside": [turned((40, 40, 40), offset=12.0, turn=0.2)],
    "across an edge": [turned((9, 30, 12), offset=-2.5, turn=0.4)],
    "outside": [turned((8, 8, 8), offset=50.0, turn=0.1)],
    "a single slice": [turned((20, 20, 1), offset=(4.0, 4.0, -3.7), turn=0.1)],
    "boxes of other shapes": [
        turned((40, 9, 20), offset=(9.0, 1.3, 2.0), turn=-0.4),
        turned((12, 25, 16), offset=1.0, turn=0.3, zoom=0.7),
        turned((30, 30, 30), offset=3.0, turn=0.2, zoom=1.4),
    ],
    "displaced": [
        turned((20, 20, 20), offset=3.0, turn=0.2, warp=bend()),
        turned((20, 20, 20), offset=3.0, turn=0.2),
    ],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_each_way_samples_what_plain_torch_does(way, scene, holes, dtype):
    given = given_of(SCENES[scene], dtype=dtype, holes=holes, channels=2)
    expected, expected_inside = trilinear(*given, view_shape=VIEW, channels=2)
    values, inside = way(*given, view_shape=VIEW, channels=2)
    # Places are as exact as float32, and neighbours differ by up to 1800.
    assert (values - expected).abs().max() < 0.02
    assert torch.equal(inside, expected_inside)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_keeps_voxels_to_the_last_bit_where_places_are_whole(way):
    # The box ends where the view does, so that its last voxels have no upper neighbour; who takes
    # one all the same, even none of it, meets what is no number.
    voxels, *others = given_of([turned(VIEW, offset=0.0, turn=0.0)], dtype=np.float32)
    size = len(voxels)
    around = torch.cat([torch.full((size,), torch.nan), voxels, torch.full((size,), torch.nan)])
    values, inside = way(around[size:-size], *others, view_shape=VIEW, channels=1)
    assert torch.equal(values.flatten(), voxels)
    assert inside.all()


@pytest.mark.parametrize("way", WAYS)
def test_each_way_samples_a_view_alone_as_in_a_batch(way):
    lattices = SCENES["boxes of other shapes"]
    boxes = [each.box().shape for each in lattices]
    voxels = [np.random.default_rng(2).integers(0, 900, (1, *box), np.int16) for box in boxes]
    strip = strip_of(lattices[:2], voxels[:2], [None] * 2)
    cpu = torch.device("cpu")
    both = way(*samplings(strip, device=cpu), view_shape=VIEW, channels=1)
    for place in range(2):
        alone = way(*samplings(strip.row(place), device=cpu), view_shape=VIEW, channels=1)
        assert torch.equal(alone[0][0], both[0][place])
        assert torch.equal(alone[1][0], both[1][place])


@pytest.mark.skipif(missing_compiler("cpu") is not None, reason="no C++ compiler")
def test_threads_change_nothing():
    given = given_of(SCENES["boxes of other shapes"], holes=True)
    one = trilinear_native(*given, view_shape=VIEW, channels=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 2)
    try:
        many = trilinear_native(*given, view_shape=VIEW, channels=1)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(one[0], many[0])
    assert torch.equal(one[1], many[1])


def test_a_strip_of_more_voxels_than_32_bits_count_is_sampled_slab_by_slab():
    assert not has_native(torch.zeros(1).expand(2**31))


@pytest.mark.parametrize("compiler", [None, "false"])
def test_without_a_compiler_that_works_nothing_is_native(monkeypatch, caplog, compiler):
    monkeypatch.setattr(native, "cpp_compiler", lambda: compiler)
    native._library.cache_clear()
    try:
        with caplog.at_level(logging.WARNING, logger=native.__name__):
            assert not has_native(torch.zeros(1))
            assert not has_native(torch.zeros(1))
    finally:
        native._library.cache_clear()
    assert len(caplog.records) == (0 if compiler is None else 1)
