"""Instructions for a GPU say what plain torch does, and kernels are given them where possible."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from medcl.augment import random_field
from medcl.augment.elementary import exp2_, limit_, limited, log2_

PTX = {
    "shr.u32": lambda a, b: a >> b,
    "xor.b32": lambda a, b: a ^ b,
    "mul.lo.u32": lambda a, b: a * b,
    "mad.lo.u32": lambda a, b, c: a * b + c,
}


def run_ptx(lines, *given):
    """Run a block of 32-bit instructions, one after the other."""
    known = {f"${place}": value for place, value in enumerate(given, start=1)}
    for line in lines.strip("{ }").split(";")[:-1]:
        verb, *rest = line.replace(",", " ").split()
        if verb == ".reg":
            continue
        into, *read = rest
        values = [known[it] if it in known else np.uint32(int(it.rstrip("U"), 0)) for it in read]
        known[into] = PTX[verb](*values)
        assert "$0" not in known or line.split()[1] == "$0,", "$0 is written last."
    return known["$0"]


@pytest.mark.parametrize("has_more", [False, True])
def test_the_hash_in_instructions_is_that_of_plain_torch(has_more):
    rng = np.random.default_rng(0)
    value, more = rng.integers(0, 1 << 32, (2, 1000), np.uint32)
    made = run_ptx(random_field._mix_lines(has_more=has_more), value, more)
    given = [torch.from_numpy(each.view(np.int32)) for each in (value, more)]
    expected = random_field._mix(given[0], given[1] if has_more else None)
    assert np.array_equal(made.view(np.int32), expected.numpy())


def test_kernels_have_limits_logarithms_powers_and_hashes_in_instructions():
    done = subprocess.run(
        [sys.executable, "-m", "tests.augment.kernel_instructions"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    low, high = (f"{verb}.NaN.f32 $0, $1, " for verb in ("max", "min"))
    assert found["percentiles"] == [f"{low}0f00000000;", f"{high}0f3FC00000;"]
    assert found["fixed"] == [f"{low}0fBF800000;", f"{high}0f3F800000;"]
    log2, exp2 = (f"{verb}.approx.ftz.f32 $0, $1;" for verb in ("lg2", "ex2"))
    assert found["gamma"] == [f"{low}0f00000000;", log2, exp2]
    # Two hashes for each row, one for each place.
    assert found["noise"] == [random_field._mix_lines(has_more=True)] * 3 + [log2]
    assert found["sampling"] == [f"{low}0f00000000;", f"{high}$2;"] * 3


def test_plain_torch_takes_no_instructions():
    values = torch.tensor([-1.0, 0.25, torch.nan, 7.0])
    for made in (limited(values, 0.0, 1.5), limit_(values.clone(), 0.0, 1.5)):
        assert made.nan_to_num(9.0).tolist() == [0.0, 0.25, 9.0, 1.5]
    assert limited(values, 0.0).nan_to_num(9.0).tolist() == [0.0, 0.25, 9.0, 7.0]
    ends = torch.tensor([0.0, 0.1, 1.0, 8.0])
    assert limited(values, 0.0, ends).nan_to_num(9.0).tolist() == pytest.approx([0, 0.1, 9, 7])
    assert log2_(torch.zeros(1)).item() == -torch.inf
    assert exp2_(torch.tensor([-torch.inf])).item() == 0.0
