"""Floats become integers only where every bit comes back."""

import numpy as np
import pytest

from medcl.store.coding import exact_linear_coding


def assert_exact(values, found):
    codes, coding = found
    assert codes.dtype in {np.dtype(np.int16), np.dtype(np.uint16)}
    assert coding.decode(codes).dtype == values.dtype
    assert coding.decode(codes).tobytes() == values.tobytes()


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("signed", [False, True])
def test_rescaled_integers_are_found_again_for_random_slopes(seed, signed):
    rng = np.random.default_rng([seed, signed])
    low, high = (-2000, 4000) if signed else (0, int(rng.integers(200, 65_536)))
    raw = rng.integers(low, high, (3, 17, 19, 23))
    slope = float(f"{10 ** rng.uniform(-5, 4):.{rng.integers(1, 17)}g}")
    values = (raw * slope).astype(np.float32)
    assert_exact(values, exact_linear_coding(values))


@pytest.mark.parametrize("seed", range(40))
def test_rescaled_integers_are_found_again_for_random_intercepts(seed):
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 4096, (1, 20, 20, 20))
    slope = float(f"{rng.uniform(0.01, 10):.{rng.integers(1, 10)}g}")
    intercept = float(f"{rng.uniform(-500, 500) * slope:.{rng.integers(1, 12)}g}")
    values = (raw * slope + intercept).astype(np.float32)
    assert_exact(values, exact_linear_coding(values))


def test_whole_numbers_keep_slope_1():
    values = np.arange(-1024, 3072, dtype=np.float32).reshape(1, 16, 16, 16)
    codes, coding = exact_linear_coding(values)
    assert coding.is_identity
    assert codes.dtype == np.int16


def test_a_falling_rescale_is_found_too():
    values = (np.arange(0, 999, dtype=np.int16) * -0.25 + 3).astype(np.float32)
    assert_exact(values, exact_linear_coding(values))


def test_float64_products_are_found_again():
    values = np.random.default_rng(0).integers(-900, 900, 5000) * 0.0125
    assert_exact(values, exact_linear_coding(values))


@pytest.mark.parametrize("value", [0.0, -7.25, 0.1])
def test_a_constant_volume_is_coded(value):
    values = np.full((1, 4, 4, 4), value, np.float32)
    assert_exact(values, exact_linear_coding(values))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_off_any_ladder_stay_floats(dtype):
    values = np.random.default_rng(0).normal(size=(1, 9, 9, 9)).astype(dtype)
    assert exact_linear_coding(values) is None


def test_one_voxel_off_the_ladder_keeps_all_floats():
    values = (np.random.default_rng(0).integers(0, 999, 50_000) * 0.37).astype(np.float32)
    values[12_345] = np.nextafter(values[12_345], np.float32(np.inf))
    assert exact_linear_coding(values) is None


@pytest.mark.parametrize("odd", [np.nan, np.inf, -0.0, 3e38])
def test_what_integers_cannot_say_stays_float(odd):
    values = np.arange(60, dtype=np.float32)
    values[7] = odd
    assert exact_linear_coding(values) is None


def test_more_levels_than_16_bits_stay_floats():
    assert exact_linear_coding(np.arange(70_000, dtype=np.float32)) is None


def test_integers_are_left_alone():
    assert exact_linear_coding(np.arange(5, dtype=np.int32)) is None
