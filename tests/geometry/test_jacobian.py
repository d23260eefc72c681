"""The ten determinants of a cell, against maps whose volumes are known."""

import numpy as np
import pytest

from medcl.geometry.jacobian import digital_jacobian


def grid(size=4):
    return np.stack(np.meshgrid(*[np.arange(float(size))] * 3, indexing="ij"))


@pytest.mark.parametrize("seed", range(4))
def test_a_linear_map_has_its_determinant_in_all_ten(seed):
    linear = np.random.default_rng(seed).normal(size=(3, 3))
    found = digital_jacobian(np.einsum("ij,jxyz->ixyz", linear, grid()))
    assert found.shape == (10, 3, 3, 3)
    assert found == pytest.approx(np.full(found.shape, np.linalg.det(linear)))


def test_a_mirror_is_negative_in_all_ten():
    positions = grid()
    positions[0] *= -1
    assert (digital_jacobian(positions) == -1).all()


def test_a_point_pushed_beyond_its_neighbour_is_found_where_central_differences_see_nothing():
    positions = grid(5)
    positions[0, 2, 2, 2] += 1.2
    central = np.gradient(positions[0], axis=0)[2, 2, 2]
    assert central == 1.0
    assert digital_jacobian(positions).min() < 0


def test_only_the_middle_finds_a_cell_whose_top_is_twisted_by_more_than_a_quarter_turn():
    positions = grid(2) - 0.5
    for height, degrees in ((0, -50.0), (1, 50.0)):
        cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        turn = np.array([[cosine, -sine], [sine, cosine]])
        positions[:2, :, :, height] = np.einsum("ij,jxy->ixy", turn, positions[:2, :, :, height])
    found = digital_jacobian(positions)[:, 0, 0, 0]
    assert found[:8] == pytest.approx(np.ones(8))
    assert found[8:] == pytest.approx(np.full(2, np.cos(np.deg2rad(100.0))))
