from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch

from medcl.augment.interpolation.trilinear import _pair, trilinear
from medcl.augment.rendering.lattice import Lattice
from medcl.augment.rendering.sampling import _prefiltered, sample, samplings
from medcl.augment.rendering.strip import Strip
from medcl.augment.rendering.strip_building import strip_of

RNG = np.random.default_rng(0)


def lattice(shape, *, offset=0.0, turn=0.2):
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:3, 3] = offset
    return Lattice(matrix, (5, 4, 3), shape)


def boxes_of(lattices, *, channels=2, dtype=np.int16):
    return [
        RNG.integers(-900, 900, (channels, *each.box().shape)).astype(dtype) for each in lattices
    ]


LATTICES = [lattice((9, 9, 9)), lattice((6, 8, 7), offset=1.3), lattice((12, 5, 6), turn=-0.4)]


def made(strip):
    given = samplings(strip, device=torch.device("cpu"))
    return trilinear(*given, view_shape=(5, 4, 3), channels=strip.channels)


def by_hand(place, voxels):
    """Trilinear by eight corners in float64, without a view on speed."""
    shape = np.array(voxels.shape)
    place = np.clip(place, 0, shape - 1)
    low = np.floor(place).astype(int)
    total = 0.0
    for corner in np.ndindex(2, 2, 2):
        index = np.minimum(low + corner, shape - 1)
        weight = np.prod(np.where(corner, place - low, 1 - (place - low)))
        total += weight * voxels[tuple(index)]
    return total


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_samples_are_the_weighted_means_of_eight_voxels(dtype):
    voxels = boxes_of(LATTICES, dtype=dtype)
    values, inside = made(strip_of(LATTICES, voxels, [None] * 3))
    for row, each in enumerate(LATTICES):
        for view_voxel in np.ndindex(5, 4, 3):
            source = each.matrix[:3, :3] @ view_voxel + each.matrix[:3, 3]
            is_inside = bool(
                ((source >= -0.5) & (source <= np.array(each.source_shape) - 0.5)).all()
            )
            assert inside[row, 0][view_voxel].item() == is_inside
            if is_inside:
                for channel in range(2):
                    expected = by_hand(source - each.box().lower, voxels[row][channel])
                    assert values[row, channel][view_voxel].item() == pytest.approx(
                        expected, abs=0.05
                    )


def test_whole_numbers_are_kept_as_they_are_and_take_half_the_memory():
    strip = strip_of(LATTICES, boxes_of(LATTICES), [None] * 3)
    assert strip.voxels.dtype == torch.int16
    floats = strip_of(LATTICES, boxes_of(LATTICES, dtype=np.float32), [None] * 3)
    assert floats.voxels.dtype == torch.float32


def test_one_box_of_fractions_changes_no_other_view():
    voxels = boxes_of(LATTICES)
    mixed = [voxels[0], voxels[1].astype(np.float32) + 0.5, voxels[2]]
    whole, _ = made(strip_of(LATTICES, voxels, [None] * 3))
    values, _ = made(strip_of(LATTICES, mixed, [None] * 3))
    assert torch.equal(values[[0, 2]], whole[[0, 2]])
    assert not torch.equal(values[1], whole[1])


def test_rows_and_joined_strips_are_sampled_alike():
    known = [None, RNG.random(LATTICES[1].box().shape) > 0.05, None]
    strip = strip_of(LATTICES, boxes_of(LATTICES), known)
    values, inside = made(strip)
    rows = [made(strip.row(place)) for place in range(3)]
    again = made(Strip.joined([strip.row(2), strip.row(0), strip.row(1)], pin=False))
    assert torch.equal(torch.cat([row[0] for row in rows]), values)
    assert torch.equal(torch.cat([row[1] for row in rows]), inside)
    assert torch.equal(again[0], values[[2, 0, 1]])
    assert torch.equal(again[1], inside[[2, 0, 1]])


def test_a_view_that_leaves_its_volume_is_not_taken_for_measured_throughout():
    inner, outer = lattice((12, 12, 12), offset=3.0), lattice((12, 12, 12), offset=-2.0)
    for lattices, expected in (([inner], [True]), ([inner, outer], [True, False])):
        strip = strip_of(lattices, boxes_of(lattices), [None] * len(lattices))
        assert [strip.row(place).is_measured for place in range(len(lattices))] == expected
        assert strip.is_measured == all(expected)
        joined = Strip.joined([strip, strip], pin=False)
        sent = ForkingPickler.loads(ForkingPickler.dumps(joined))
        assert joined.is_measured == sent.is_measured == all(expected)


def test_a_view_that_needs_a_blur_changes_no_other_view():
    coarse = Lattice(np.diag([2.0, 2.0, 2.0, 1.0]), (5, 4, 3), (12, 12, 12))
    both, (box, other) = [LATTICES[0], coarse], boxes_of([LATTICES[0], coarse])
    alone, _ = made(strip_of([LATTICES[0]], [box], [None]))
    values, _ = made(strip_of(both, [box, other], [None, None]))
    assert torch.equal(values[0], alone[0])


def test_a_box_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="Voxels must have the shape of their box"):
        sample(
            [LATTICES[0]],
            [np.zeros((1, 2, 2, 2), np.int16)],
            [None],
            device=torch.device("cpu"),
        )


def furthest_read(monkeypatch, given):
    """Sample, and return the last voxel and the last validity that a kernel asks for."""
    asked = {}

    def spied(flat, near, start):
        name = "valid" if flat.dtype == torch.bool else "voxels"
        asked[name] = max(asked.get(name, 0), int((near + start).max()) + 1)
        return _pair(flat, near, start)

    monkeypatch.setattr("medcl.augment.interpolation.trilinear._pair", spied)
    trilinear(*given, view_shape=(5, 4, 3), channels=2)
    return asked


# They reach beyond their sources, so that the last voxel of every box is asked for.
FINE = Lattice(np.eye(4), (5, 4, 3), (4, 3, 2))
COARSE = Lattice(np.diag([2.0, 2.0, 2.0, 1.0]), (5, 4, 3), (8, 6, 4))


@pytest.mark.parametrize("lattices", [[FINE], [COARSE], [FINE, FINE], [FINE, COARSE]])
def test_a_roomy_strip_has_every_voxel_that_a_kernel_reads_and_not_one_more(monkeypatch, lattices):
    known = [RNG.random(each.box().shape) > 0.05 for each in lattices]
    strip = strip_of(lattices, boxes_of(lattices), known)
    roomy = _prefiltered(strip).roomy()
    asked = furthest_read(monkeypatch, samplings(strip, device=torch.device("cpu")))
    assert len(roomy.voxels) == asked["voxels"] + 1
    assert len(roomy.valid) == asked["valid"] + 1


def test_joined_strips_are_roomy_already():
    known = [None, RNG.random(LATTICES[1].box().shape) > 0.05, None]
    strip = strip_of(LATTICES, boxes_of(LATTICES), known)
    assert len(strip.roomy().voxels) > len(strip.voxels)
    joined = Strip.joined([strip.row(2), strip.row(0), strip.row(1)], pin=False)
    roomy = joined.roomy()
    assert roomy.voxels is joined.voxels
    assert roomy.valid is joined.valid
