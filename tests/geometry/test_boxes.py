"""Boxes cut what they say."""

import numpy as np
import pytest

from medcl.geometry.boxes import Box, box_around


def test_slices_cut_the_box():
    array = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    box = Box((1, 0, 2), (3, 4, 6))
    assert array[box.slices].shape == box.shape == (2, 4, 4)
    assert box.num_voxels == 32
    assert array[box.slices][0, 0, 0] == array[1, 0, 2]


def test_boxes_apart_have_an_empty_common_part():
    common = Box((0, 0, 0), (2, 2, 2)).intersect(Box((5, 0, 0), (6, 2, 2)))
    assert common.num_voxels == 0


def test_a_box_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match="must not end before it starts"):
        Box((2, 0, 0), (1, 1, 1))


@pytest.mark.parametrize("seed", range(20))
def test_the_box_around_points_holds_each_of_them(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 19, (8, 3))
    box = box_around(points, margin=0, shape=(20, 20, 20))
    assert (points >= np.array(box.lower)).all()
    # Both neighbours of every point are inside, as linear interpolation needs.
    assert (np.ceil(points) <= np.array(box.upper) - 1).all()


def test_points_outside_the_grid_give_an_empty_box_at_its_edge():
    box = box_around(np.full((1, 3), 99.0), margin=1, shape=(10, 10, 10))
    assert box.num_voxels == 0
