"""Runs instructions in PTX one after the other, as their manual says what each of them does."""

from collections.abc import Callable

import torch

VERBS: dict[str, Callable[..., torch.Tensor]] = {
    "shr.u32": lambda a, b: ((a.long() & 0xFFFFFFFF) >> b.long()).to(torch.int32),
    "xor.b32": lambda a, b: a ^ b,
    "mul.lo.u32": lambda a, b: a * b,
    "mad.lo.u32": lambda a, b, c: a * b + c,
    "sub.s32": lambda a, b: a - b,
    "add.rm.f32": lambda a, b: (a.double() + b.double()).floor().float(),  # of sums from 2^23 on
    "max.f32": torch.fmax,
    "min.f32": torch.fmin,
    "max.NaN.f32": torch.maximum,
    "min.NaN.f32": torch.minimum,
    "lg2.approx.ftz.f32": torch.log2,
    "ex2.approx.ftz.f32": torch.exp2,
    "rcp.approx.ftz.f32": torch.reciprocal,
    "sqrt.approx.ftz.f32": torch.sqrt,
}


def run_ptx(lines: str, *given: torch.Tensor) -> torch.Tensor:
    """Run a block of 32-bit instructions."""
    known = {f"${place}": value for place, value in enumerate(given, start=1)}
    for line in lines.strip("{ }").split(";")[:-1]:
        verb, *rest = line.replace(",", " ").split()
        if verb == ".reg":
            continue
        assert "$0" not in known, "$0 is written last."
        into, *read = rest
        known[into] = VERBS[verb](*(known[it] if it in known else _number(it) for it in read))
    return known["$0"]


def _number(text: str) -> torch.Tensor:
    is_float = text.startswith("0f")
    bits = int(text[2:], 16) if is_float else int(text.rstrip("U"), 0)
    value = torch.tensor(bits - (1 << 32) if bits >> 31 else bits, dtype=torch.int32)
    return value.view(torch.float32) if is_float else value
