"""Elementary functions that are one instruction each in a compiled kernel of an NVIDIA GPU.

Torch's compiler writes a logarithm there as twenty instructions, exact to the last bit, and a limit
as three, two of which see to it that no NaN is lost. The processor has logarithms, powers of two
and roots that are nearly as exact, and limits that keep NaN, and a kernel that makes views has
nothing else to wait for. Anywhere else these are torch's functions.
"""

import math
import struct
from collections.abc import Callable, Sequence
from functools import partial

import torch

FLOOR_FROM = 2.0**23
FLOOR_BITS = 0x4B000000
"""A number and its bits: from here on float32 has whole numbers only, each one bit further."""

_OPERATOR = "medcl::in_instructions"
_DEVICE = "cuda"
_is_taught = False
"""Whether torch's compiler knows what to make of the operator."""

torch.library.define(_OPERATOR, "(Tensor[] values, str lines) -> Tensor")


@torch.library.register_fake(_OPERATOR)  # type: ignore[untyped-decorator]
def _shaped(values: Sequence[torch.Tensor], lines: str) -> torch.Tensor:
    del lines
    shape: torch.Size = torch.broadcast_shapes(*(each.shape for each in values))  # type: ignore[no-untyped-call]
    return values[0].new_empty(shape)


def teach_compiler() -> bool:
    """Tell torch's compiler how kernels for a GPU are given instructions.

    Returns:
        Whether it knows now. It does not for a GPU that is not of NVIDIA or older than its sm_80,
        nor where torch has changed in its depths, which this reaches into: then torch's own
        functions do the same, in more instructions.
    """
    global _is_taught
    is_older = torch.cuda.is_available() and torch.cuda.get_device_capability() < (8, 0)
    if _is_taught or is_older or torch.version.hip is not None:
        return _is_taught
    try:
        from torch._inductor.lowering import broadcast_tensors, make_pointwise, register_lowering
        from torch._inductor.virtualized import ops
    except ImportError:
        return False

    def lowered(values: Sequence[object], lines: str) -> object:
        values = broadcast_tensors(*values)
        dtype: torch.dtype = values[0].get_dtype()  # type: ignore[attr-defined]
        kind = "f" if dtype.is_floating_point else "r"
        made: Callable[..., object] = partial(
            ops.inline_asm_elementwise,
            asm=lines,
            constraints=",".join([f"={kind}", *(kind for _ in values)]),
            dtype=dtype,
        )
        return make_pointwise(made, override_return_dtype=dtype)(*values)

    register_lowering(torch.ops.medcl.in_instructions.default, type_promotion_kind=None)(lowered)
    _is_taught = True
    return True


def limited(
    values: torch.Tensor,
    low: float,
    high: float | torch.Tensor | None = None,
    *,
    keeps_nan: bool = True,
) -> torch.Tensor:
    """Return values that are at least ``low`` and at most ``high``; NaN stays NaN.

    Args:
        values: float32.
        low: One number.
        high: One number, or a tensor that broadcasts to the values; ``None`` for no limit.
        keeps_nan: False for values that say where a kernel reads: there NaN becomes ``low``.

    Example:
        >>> limited(torch.tensor([-1.0, 0.25, 7.0]), 0.0, 1.5).tolist()
        [0.0, 0.25, 1.5]
    """
    if not has_instructions(values):
        if isinstance(high, torch.Tensor):
            return torch.minimum(values.clamp_min(low), high)
        return values.clamp(low, high)
    kind = "NaN.f32" if keeps_nan else "f32"
    values = in_instructions(f"max.{kind} $0, $1, {_literal(low)};", values)
    if high is None:
        return values
    if isinstance(high, torch.Tensor):
        return in_instructions(f"min.{kind} $0, $1, $2;", values, high)
    return in_instructions(f"min.{kind} $0, $1, {_literal(high)};", values)


def limit_(values: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Return what `limited` does; plain torch overwrites the values, which saves it an array.

    Example:
        >>> limit_(torch.tensor([-1.0, 0.25, 7.0]), 0.0, 1.5).tolist()
        [0.0, 0.25, 1.5]
    """
    return limited(values, low, high) if has_instructions(values) else values.clamp_(low, high)


def minus_log2_(values: torch.Tensor) -> torch.Tensor:
    """Return minus the logarithm to base 2, as exact as `log2_`; a CPU has it sooner than that one.

    Args:
        values: float32, 0 or more; plain torch overwrites them.

    Example:
        >>> minus_log2_(torch.tensor([0.25])).item()
        2.0
    """
    if has_instructions(values):
        return -log2_(values)
    return values.log_().mul_(-1.0 / math.log(2.0))


def sqrt_(values: torch.Tensor) -> torch.Tensor:
    """Return the square root.

    As an instruction it is off by 2⁻²³ of itself at most, and takes numbers below 2⁻¹²⁶ for 0.

    Args:
        values: float32, 0 or more; plain torch overwrites them.

    References:
        NVIDIA, "PTX ISA", ``sqrt.approx.ftz.f32``.

    Example:
        >>> sqrt_(torch.tensor([0.25, 9.0])).tolist()
        [0.5, 3.0]
    """
    if has_instructions(values):
        return in_instructions("sqrt.approx.ftz.f32 $0, $1;", values)
    return values.sqrt_()


def log2_(values: torch.Tensor) -> torch.Tensor:
    """Return the logarithm to base 2, and of 0 minus infinity.

    As an instruction it is off by 2⁻²² at most between 1/2 and 2, by two units in the last place
    elsewhere, and takes numbers below 2⁻¹²⁶ for 0.

    Args:
        values: float32, 0 or more; plain torch overwrites them.

    References:
        NVIDIA, "CUDA C++ Programming Guide", intrinsic functions, ``__log2f``.

    Example:
        >>> log2_(torch.tensor([0.25, 8.0])).tolist()
        [-2.0, 3.0]
    """
    if has_instructions(values):
        return in_instructions("lg2.approx.ftz.f32 $0, $1;", values)
    return values.log2_()


def exp2_(values: torch.Tensor) -> torch.Tensor:
    """Return 2 to the power of the values, and to that of minus infinity 0.

    As an instruction it is off by two units in the last place at most, and less than 2⁻¹²⁶ is 0.

    Args:
        values: float32; plain torch overwrites them.

    References:
        NVIDIA, "CUDA C++ Programming Guide", standard functions, ``exp2f``.

    Example:
        >>> exp2_(torch.tensor([-2.0, 3.0])).tolist()
        [0.25, 8.0]
    """
    if has_instructions(values):
        return in_instructions("ex2.approx.ftz.f32 $0, $1;", values)
    return values.exp2_()


def floor_bits(values: torch.Tensor) -> torch.Tensor:
    """Return whole numbers at or below values, and `FLOOR_BITS` more; where `has_instructions`.

    A sum that is rounded down, at the full rate of the processor; to cut and to convert are two
    instructions at an eighth of it. The float of these bits is the whole number and `FLOOR_FROM`.

    Args:
        values: float32, from 0 to below 2²³.

    Returns:
        int32.
    """
    return in_instructions(f"add.rm.f32 $0, $1, {_literal(FLOOR_FROM)};", values).view(torch.int32)


def last_index(shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Return where along the last axis the entries of an array lie, as int32.

    A kernel makes it of the place in the whole array and of the row's, which it has once for eight
    neighbours; a remainder of a division it has for each of them.

    Args:
        shape: Of the array.
        device: Where to compute.

    Returns:
        Broadcasts to the shape.

    Example:
        >>> last_index((2, 3), torch.device("cpu")).tolist()
        [0, 1, 2]
    """
    if _is_kernel(device):
        *outer, length = shape
        rows = math.prod(outer)
        every = torch.arange(rows * length, device=device).reshape(shape)
        first = torch.arange(rows, device=device).reshape(*outer, 1) * length
        # As an instruction, since the compiler makes the remainder again of a plain difference.
        return in_instructions("sub.s32 $0, $1, $2;", every.to(torch.int32), first.to(torch.int32))
    return torch.arange(shape[-1], dtype=torch.int32, device=device)


def reciprocal(values: torch.Tensor) -> torch.Tensor:
    """Return 1 over the values.

    As an instruction it is off by 2⁻²³ of itself at most, and 1 over less than 2⁻¹²⁶ is infinity.

    Args:
        values: float32.

    References:
        NVIDIA, "PTX ISA", ``rcp.approx.ftz.f32``.

    Example:
        >>> reciprocal(torch.tensor([0.25])).item()
        4.0
    """
    if has_instructions(values):
        return in_instructions("rcp.approx.ftz.f32 $0, $1;", values)
    return values.reciprocal()


def has_instructions(values: torch.Tensor) -> bool:
    """Return whether the values are in a kernel that can be given instructions."""
    return _is_kernel(values.device)


def _is_kernel(device: torch.device) -> bool:
    return torch.compiler.is_compiling() and _is_taught and device.type == _DEVICE


def in_instructions(lines: str, *values: torch.Tensor) -> torch.Tensor:
    """Return what instructions in PTX make of values; to be called where `has_instructions`.

    Args:
        lines: They write ``$0``, of the type of the values, and read ``$1``, ``$2`` and so on.
            ``$0`` must be written last, since it may be the register of an input.
        values: All float32 or all int32; they broadcast.

    Returns:
        Of the shape that the values have together, and of their type.

    Raises:
        NotImplementedError: It was called outside of a kernel.

    References:
        NVIDIA, "PTX ISA". Torch's compiler hands the lines to Triton's ``inline_asm_elementwise``.
    """
    made: torch.Tensor = torch.ops.medcl.in_instructions(values, lines)
    return made


def _literal(value: float) -> str:
    """Return a float32 as PTX writes it.

    Example:
        >>> _literal(1.5)
        '0f3FC00000'
    """
    return f"0f{struct.unpack('>I', struct.pack('>f', value))[0]:08X}"
