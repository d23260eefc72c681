"""Trilinear sampling on a CPU by a loop in C++, where the machine has a compiler."""

import ctypes
import logging
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Shaped

from medcl.augment.compiling import cpp_compiler
from medcl.augment.interpolation.trilinear import HALF, WHOLE, Inside, Values

_SOURCE = Path(__file__).with_name("native.cpp")
_BASIC = ("-O3", "-std=c++17", "-ffp-contract=off")
_FLAGS = ((*_BASIC, "-march=native", "-fopenmp", "-fno-trapping-math", "-fno-math-errno"), _BASIC)
"""The best, and what every compiler knows; a sum is rounded after each of its steps, as torch's."""
_LONGEST_S = 60

_log = logging.getLogger(__name__)


def has_native(voxels: torch.Tensor) -> bool:
    """Return whether `trilinear_native` can sample from a strip; it is compiled when first asked.

    Indices are 32 bits wide, which suffices for all but strips of 2³¹ voxels.
    """
    return len(voxels) < 2**31 and _library() is not None


def trilinear_native(
    voxels: Shaped[torch.Tensor, "N"],
    valid: Bool[torch.Tensor, "M"] | None,
    layout: torch.Tensor,
    matrix: Float[torch.Tensor, "B 3 4"],
    shifts: Float[torch.Tensor, "B 3 X Y Z"] | None,
    *,
    view_shape: tuple[int, int, int],
    channels: int,
) -> tuple[Values, Inside]:
    """Return what `medcl.augment.interpolation.trilinear.trilinear` does, step by step alike.

    Raises:
        RuntimeError: There is no compiler; `has_native` says so before.
    """
    library = _library()
    if library is None:
        raise RuntimeError("Sampling in C++ needs a C++ compiler, and this machine has none.")
    values = torch.empty(len(layout), channels, *view_shape)
    inside = torch.empty(len(layout), 1, *view_shape, dtype=torch.bool)
    share = None if valid is None else torch.empty(inside.shape)
    # The memory of each must live until the loop has ended.
    given = [
        None if each is None else each.to(dtype).contiguous()
        for each, dtype in (
            (voxels, torch.float32),
            (valid, torch.float32),
            (layout, torch.int64),
            (matrix, torch.float32),
            (shifts, torch.float32),
        )
    ]
    addresses = [
        ctypes.c_void_p(None if each is None else each.data_ptr())
        for each in (*given, values, share, inside)
    ]
    counts = [ctypes.c_int64(each) for each in (len(layout), channels, *view_shape)]
    library.medcl_trilinear(*addresses, *counts, ctypes.c_float(HALF), torch.get_num_threads())
    if share is not None:
        inside &= share >= 1.0 - WHOLE
    return values, inside


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """Return the loop, compiled anew for each process: half a second, and no file is left."""
    compiler = cpp_compiler()
    if compiler is None:
        return None
    for flags in _FLAGS:
        with tempfile.TemporaryDirectory(prefix="medcl-", ignore_cleanup_errors=True) as folder:
            target = Path(folder, "native.so")
            command = [compiler, *flags, "-shared", "-fPIC", str(_SOURCE), "-o", str(target)]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=_LONGEST_S)
                return ctypes.CDLL(str(target))
            except (subprocess.SubprocessError, OSError) as error:
                _log.debug("%s failed (%s).", compiler, type(error).__name__)
    _log.warning("Views are sampled without C++: compiling it failed. Results are the same.")
    return None
