"""A volume refuses what it could not vouch for."""

import numpy as np
import pytest

from medcl.volume import Volume


def volume(**changes):
    parts = {
        "array": np.zeros((1, 3, 4, 5), np.int16),
        "affine": np.diag([0.7, 0.7, 2.5, 1.0]),
        "modality": "CT",
        "unit": "HU",
    }
    return Volume(**(parts | changes))


def test_spacing_and_shape_are_read_off():
    np.testing.assert_allclose(volume().spacing_mm, [0.7, 0.7, 2.5])
    assert volume().shape == (3, 4, 5)


def test_voxels_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        volume().array[0, 0, 0, 0] = 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"array": np.zeros((1, 3, 4, 0))}, "not empty"),
        ({"array": np.zeros((1, 3, 4, 5), complex)}, "real number type"),
        ({"affine": np.full((4, 4), np.nan)}, "finite"),
        ({"affine": np.diag([1.0, 1.0, 0.0, 1.0])}, "one plane"),
        ({"unit": "a.u."}, "no unit of modality 'CT'"),
        ({"modality": "PT"}, "no unit of modality 'PT'"),
    ],
)
def test_what_is_no_volume_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        volume(**changes)


def test_a_validity_mask_of_another_grid_is_refused():
    # The shape annotation refuses it in the test run, the sentence everywhere else.
    with pytest.raises((ValueError, TypeError), match=r"validity|annotations"):
        volume(validity=np.ones((1, 1, 1), bool))
