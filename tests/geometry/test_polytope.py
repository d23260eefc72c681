"""What boxes have in common, against Qhull and where the answer is known."""

import numpy as np
import pytest

from medcl.geometry.affine import rotation
from medcl.geometry.polytope import box_sides, common_mm3, part_within
from tests.geometry.convex import common_by_qhull


def box(shape, *, degrees=(0.0, 0.0, 0.0), spacing=(1.0, 1.0, 1.0), middle=(0.0, 0.0, 0.0)):
    affine = np.eye(4)
    affine[:3, :3] = rotation(np.array(degrees))[:3, :3] @ np.diag(spacing)
    affine[:3, 3] = np.array(middle) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine, shape


def common(*boxes):
    return common_mm3(*(box_sides(np.linalg.inv(affine), shape) for affine, shape in boxes))


def size_of(one):
    affine, shape = one
    return abs(np.linalg.det(affine[:3, :3])) * np.prod(shape)


@pytest.mark.parametrize("number", [2, 3, 4])
@pytest.mark.parametrize("degrees", [0.0, 1e-6, 1e-3, 1.0, 40.0])
def test_turned_boxes_have_in_common_what_qhull_finds(degrees, number):
    rng = np.random.default_rng(number)
    empty = 0
    for _ in range(12):
        away = 1000 + rng.normal(size=3)
        boxes = [
            box(
                tuple(rng.integers(20, 90, 3).tolist()),
                degrees=rng.normal(size=3) * degrees,
                spacing=rng.uniform(0.5, 2, 3),
                middle=away + rng.normal(size=3) * rng.choice([0.0, 12.0]),
            )
            for _ in range(number)
        ]
        wanted = common_by_qhull(*boxes)
        assert common(*boxes) == pytest.approx(wanted, abs=1e-8 * size_of(boxes[0]))
        empty += wanted == 0
    assert empty < 6


def test_sheared_and_mirrored_boxes_too():
    rng = np.random.default_rng(5)
    for _ in range(12):
        one, (affine, shape) = box((30, 40, 50)), box((44, 36, 28), degrees=(9.0, 5.0, -7.0))
        affine[:3, :3] = affine[:3, :3] @ (np.eye(3) + rng.normal(size=(3, 3)) / 10)
        affine[:3, 0] *= rng.choice([-1, 1])
        other = affine, shape
        wanted = common_by_qhull(one, other)
        assert common(one, other) == pytest.approx(wanted, abs=1e-8 * size_of(one))


def test_where_sides_and_edges_coincide_nothing_counts_twice():
    one = box((10, 20, 30))
    assert common(one) == pytest.approx(6000)
    assert common(one, one, one) == pytest.approx(6000)
    # Half a turn and a quarter: all sides coincide with sides of the other.
    assert common(one, box((10, 20, 30), degrees=(180.0, 0.0, 0.0))) == pytest.approx(6000)
    assert common(one, box((20, 10, 30), degrees=(0.0, 0.0, 90.0))) == pytest.approx(6000)
    # Turned about one axis, two pairs of sides coincide: an octagon stays.
    square = box((10, 10, 10))
    turned = box((10, 10, 10), degrees=(0.0, 0.0, 45.0))
    assert common(square, turned) == pytest.approx(1000 * 2 * (np.sqrt(2) - 1))
    # Turned about an edge, that edge is of four sides: a wedge of half the right angle stays.
    corner = (5 * (np.cos(np.pi / 4) - np.sin(np.pi / 4)), 5 * np.sqrt(2), 0.0)
    about_edge = box((10, 10, 10), degrees=(0.0, 0.0, 45.0), middle=corner)
    first = box((10, 10, 10), middle=(5.0, 5.0, 0.0))
    wanted = common_by_qhull(first, about_edge)
    assert 300 < wanted < 700
    assert common(first, about_edge) == pytest.approx(wanted)


def test_a_box_within_another_is_what_both_have_and_a_distant_one_has_nothing():
    outer, inner = box((40, 40, 40)), box((8, 6, 4), degrees=(20.0, 30.0, 40.0))
    assert common(outer, inner) == pytest.approx(192)
    assert common(inner, outer) == pytest.approx(192)
    assert common(outer, box((8, 6, 4), degrees=(20.0, 0.0, 0.0), middle=(40.0, 0.0, 0.0))) == 0
    assert common(outer, box((8, 6, 4), middle=(0.0, 0.0, -22.0))) == 0
    assert common(outer, box((40, 40, 40), middle=(40.0, 0.0, 0.0))) == pytest.approx(0, abs=1e-6)


def test_cells_count_as_far_as_they_reach_into_the_box():
    steps = np.arange(0.5, 8)
    cells = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    low, high = np.array([1.25, 0.0, 2.5]), np.array([5.0, 3.75, 9.0])
    found = part_within(cells, np.ones(3), low, high)
    assert found.sum() == pytest.approx(3.75 * 3.75 * 5.5)
    assert part_within(cells, np.ones(3), high, low).sum() == 0
