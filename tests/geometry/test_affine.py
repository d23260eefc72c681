"""Affines are right in world space, by hand-checked cases and round trips."""

import nibabel as nib
import numpy as np
import pytest

from medcl.geometry import affine as affines


def random_affine(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    turned = affines.rotation(rng.uniform(-180, 180, 3))
    signs = np.diag([*rng.choice([-1.0, 1.0], 3), 1.0])
    result = turned @ signs @ np.diag([*rng.uniform(0.4, 6.0, 3), 1.0])
    result[:3, 3] = rng.uniform(-300, 300, 3)
    return result


@pytest.mark.parametrize("seed", range(40))
def test_axis_codes_and_spacing_agree_with_nibabel(seed):
    affine = random_affine(seed)
    assert affines.axis_codes(affine) == "".join(nib.aff2axcodes(affine))
    np.testing.assert_allclose(affines.spacing_mm(affine), nib.affines.voxel_sizes(affine))


@pytest.mark.parametrize("seed", range(10))
def test_points_come_back_through_the_inverse(seed):
    affine = random_affine(seed)
    points = np.random.default_rng(seed).uniform(-50, 50, (7, 3))
    there = affines.transform_points(affine, points)
    back = affines.transform_points(np.linalg.inv(affine), there)
    np.testing.assert_allclose(back, points, atol=1e-9)


def test_a_rotation_keeps_lengths_and_handedness():
    turned = affines.rotation(np.array([11.0, -37.0, 142.0]))
    np.testing.assert_allclose(turned[:3, :3] @ turned[:3, :3].T, np.eye(3), atol=1e-12)
    assert not affines.is_mirrored(turned)


@pytest.mark.parametrize(("axis", "start", "end"), [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_ninety_degrees_are_right_handed(axis, start, end):
    degrees = np.zeros(3)
    degrees[axis] = 90.0
    np.testing.assert_allclose(
        affines.rotation(degrees)[:3, :3] @ np.eye(3)[start], np.eye(3)[end], atol=1e-12
    )


def test_one_flipped_axis_is_a_mirror_and_two_are_not():
    assert affines.is_mirrored(np.diag([-1.0, 1.0, 1.0, 1.0]))
    assert not affines.is_mirrored(np.diag([-1.0, -1.0, 1.0, 1.0]))


def test_a_grid_is_centred_where_it_was_asked():
    centre = np.array([10.0, -20.0, 35.5])
    affine = affines.grid_affine(
        centre_mm=centre, shape=(32, 16, 9), spacing=np.array([1.5, 2.0, 3.0])
    )
    np.testing.assert_allclose(affines.centre_mm(affine, (32, 16, 9)), centre)
    np.testing.assert_allclose(affines.spacing_mm(affine), [1.5, 2.0, 3.0])
