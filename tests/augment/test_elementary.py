"""Instructions for a GPU say what plain torch does, and kernels are given them where possible."""

import json
import subprocess
import sys

import pytest
import torch

from medcl.augment import random_field
from medcl.augment.elementary import (
    FLOOR_BITS,
    FLOOR_FROM,
    exp2_,
    limit_,
    limited,
    log2_,
    minus_log2_,
    reciprocal,
    sqrt_,
)
from tests.augment.ptx import run_ptx


@pytest.fixture(scope="module")
def kernels():
    """Of each part of a kernel: its instructions, and how far it is from plain torch."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.augment.kernel_instructions"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return json.loads(done.stdout.splitlines()[-1])


def words(count):
    whole = torch.randint(-(2**31), 2**31, (2, count), generator=torch.Generator().manual_seed(0))
    return whole.to(torch.int32)


@pytest.mark.parametrize("has_more", [False, True])
def test_the_hash_in_instructions_is_that_of_plain_torch(has_more):
    value, more = words(1000)
    made = run_ptx(random_field._mix_lines(has_more=has_more), value, more)
    assert torch.equal(made, random_field._mix(value, more if has_more else None))


def test_the_hash_of_places_in_instructions_is_that_of_plain_torch():
    value, more = words(1000)
    made = run_ptx(random_field._PLACE_LINES, value, more)
    assert torch.equal(made, random_field._mix_places(value, more))


def test_kernels_have_limits_logarithms_powers_and_hashes_in_instructions(kernels):
    found = {name: lines for name, (lines, _) in kernels.items()}
    low, high = (f"{verb}.NaN.f32 $0, $1, " for verb in ("max", "min"))
    log2, exp2, root, inverse = (
        f"{verb}.approx.ftz.f32 $0, $1;" for verb in ("lg2", "ex2", "sqrt", "rcp")
    )
    least = f"{low}0f358637BD;"
    assert found["percentiles"] == [least, inverse, f"{low}0f00000000;", f"{high}0f3FC00000;"]
    assert found["fixed"] == [f"{low}0fBF800000;", f"{high}0f3F800000;"]
    assert found["gamma"] == [f"{low}0f00000000;", log2, exp2]
    # Two hashes for each row, a shorter one for each place.
    rows, along = [random_field._mix_lines(has_more=True)] * 2, "sub.s32 $0, $1, $2;"
    assert found["noise"] == [along, *rows, random_field._PLACE_LINES, log2, root]
    # NaN must not become an address.
    cut = [
        along,
        "max.f32 $0, $1, 0f00000000;",
        "min.f32 $0, $1, $2;",
        "add.rm.f32 $0, $1, 0f4B000000;",
    ]
    assert found["sampling"] == found["sampling_far"] == cut * 3


def test_what_a_kernel_makes_by_instructions_is_what_plain_torch_makes(kernels):
    off = {name: far for name, (_, far) in kernels.items()}
    assert off.pop("sampling") == off.pop("sampling_far") < 1e-3  # of values up to 1000
    assert max(off.values()) < 2e-6


def test_whole_numbers_are_one_bit_apart_where_places_are_cut():
    bits = torch.arange(FLOOR_BITS, FLOOR_BITS + 1000, dtype=torch.int32)
    assert torch.equal(bits.view(torch.float32) - FLOOR_FROM, torch.arange(1000.0))


def test_plain_torch_takes_no_instructions():
    values = torch.tensor([-1.0, 0.25, torch.nan, 7.0])
    for made in (limited(values, 0.0, 1.5), limit_(values.clone(), 0.0, 1.5)):
        assert made.nan_to_num(9.0).tolist() == [0.0, 0.25, 9.0, 1.5]
    assert limited(values, 0.0).nan_to_num(9.0).tolist() == [0.0, 0.25, 9.0, 7.0]
    ends = torch.tensor([0.0, 0.1, 1.0, 8.0])
    assert limited(values, 0.0, ends).nan_to_num(9.0).tolist() == pytest.approx([0, 0.1, 9, 7])
    assert log2_(torch.zeros(1)).item() == -torch.inf
    assert exp2_(torch.tensor([-torch.inf])).item() == 0.0
    assert minus_log2_(torch.tensor([0.125])).item() == pytest.approx(3.0)
    assert sqrt_(torch.tensor([6.25])).item() == reciprocal(torch.tensor([0.4])).item() == 2.5
