"""Statistics equal NumPy's over the voxels that count."""

import numpy as np
import pytest

from medcl.errors import InputError
from medcl.store.coding import LinearCoding
from medcl.store.statistics import levels_of, statistics_of


def measure(codes, coding, valid, *, is_ct=False):
    return statistics_of(levels_of(codes, coding, valid), is_ct=is_ct)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "float32"])
def test_statistics_equal_numpy_over_valid_voxels(dtype):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 120, (2, 11, 12, 13)).astype(dtype)
    valid = rng.random(codes.shape[1:]) > 0.5
    found = measure(codes, LinearCoding(0.5, -3.0, "float32"), valid)
    values = codes[:, valid].astype(np.float64) * 0.5 - 3.0
    quantile = {
        share: np.quantile(values, share, method="inverted_cdf") for share in (0.01, 0.5, 0.99)
    }
    assert (found.minimum, found.maximum) == (values.min(), values.max())
    assert found.mean == pytest.approx(values.mean())
    assert found.sd == pytest.approx(values.std())
    assert [found.p01, found.p50, found.p99] == list(quantile.values())
    front = values[values > quantile[0.01] + 0.05 * (quantile[0.99] - quantile[0.01])]
    assert found.p005 == np.quantile(front, 0.005, method="inverted_cdf")
    assert found.p995 == np.quantile(front, 0.995, method="inverted_cdf")
    assert found.foreground_fraction == pytest.approx(front.size / values.size)


def test_air_around_the_head_does_not_move_the_foreground():
    rng = np.random.default_rng(0)
    head = rng.normal(300, 40, 4000)
    air = np.abs(rng.normal(0, 3, 12_000))
    codes = np.concatenate([head, air]).astype(np.float32).reshape(1, 16, 25, 40)
    found = measure(codes, LinearCoding(1.0, 0.0, "float32"), None)
    assert found.p50 < 10
    assert found.p005 > 150
    assert found.foreground_fraction == pytest.approx(0.25, abs=0.01)


def test_a_falling_coding_keeps_low_below_high():
    codes = np.arange(100, dtype=np.int16).reshape(1, 4, 5, 5)
    found = measure(codes, LinearCoding(-1.0, 0.0, "float32"), None)
    assert (found.minimum, found.maximum) == (-99, 0)
    assert found.p01 < found.p50 < found.p99


def test_voxels_that_are_not_finite_do_not_count():
    codes = np.array([1.0, np.nan, 3.0, np.inf], np.float32).reshape(1, 1, 2, 2)
    found = measure(codes, LinearCoding(1.0, 0.0, "float32"), None)
    assert (found.minimum, found.maximum, found.mean) == (1.0, 3.0, 2.0)


def test_a_constant_volume_has_statistics():
    found = measure(np.full((1, 2, 2, 2), 7, np.int16), LinearCoding(1.0, 0.0, "int16"), None)
    assert (found.p005, found.p995, found.sd, found.foreground_fraction) == (7, 7, 0, 0)


def test_a_volume_without_a_measured_voxel_is_refused():
    valid = np.zeros((2, 2, 2), bool)
    with pytest.raises(InputError, match="No voxel of 8"):
        measure(np.zeros((1, 2, 2, 2), np.int16), LinearCoding(1.0, 0.0, "int16"), valid)
