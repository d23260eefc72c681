"""Compiling: one kernel for many small operations, where the machine has a compiler.

`torch.compile` writes C++ for CPUs and Triton for GPUs. Where neither can be built the very same
functions run as they are: slower, with the same results within the rounding of float32.
"""

import importlib.util
import logging
import os
import shutil
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch

from medcl.augment import elementary

_ONE_KERNEL: dict[str, str | int | bool | Callable[..., Any]] = {
    # Coordinates are used many times; to compute them anew costs less than to keep them.
    "realize_reads_threshold": 10_000,
    "realize_opcount_threshold": 10_000,
}

_MOST_KERNELS = 64
"""Of one function: policies of one process share functions, and so do batches of one view."""

_log = logging.getLogger(__name__)


@lru_cache(maxsize=8)
def missing_compiler(device_type: str) -> str | None:
    """Return what a machine lacks to compile for a device, or ``None`` if it lacks nothing.

    Args:
        device_type: ``cpu`` or ``cuda``.

    Example:
        >>> missing_compiler("mps")
        'views are not compiled for mps'
    """
    if device_type == "cpu":
        return "no C++ compiler is installed" if cpp_compiler() is None else None
    if device_type == "cuda":
        if importlib.util.find_spec("triton") is None:
            return "Triton is not installed"
        return None if shutil.which("cc") or shutil.which("gcc") else "Triton needs a C compiler"
    return f"views are not compiled for {device_type}"


def cpp_compiler() -> str | None:
    """Return the path of a C++ compiler, or ``None`` on a machine without one."""
    names = [os.environ.get("CXX", ""), "g++", "c++", "clang++"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def options_for(device_type: str) -> dict[str, str | int | bool | Callable[..., Any]]:
    """Return what torch's compiler is told.

    Everything in one kernel on a GPU, if a hash is an instruction there: else the compiler writes
    it out for each of its uses, which takes many minutes. A CPU's kernels take no coordinates.
    """
    return _ONE_KERNEL if device_type == "cuda" and elementary.teach_compiler() else {}


class Compiled:
    """A function that is compiled when it is first called, and runs as it is where that fails.

    Example:
        >>> twice = Compiled(lambda x: 2 * x, "mps")
        >>> twice(torch.ones(2)).tolist()
        [2.0, 2.0]
    """

    def __init__(self, function: Callable[..., Any], device_type: str) -> None:
        """Remember the function.

        Args:
            function: Of tensors; everything else it uses must stay the same.
            device_type: Where its tensors lie.
        """
        self._function = function
        self._run = function
        if (missing := missing_compiler(device_type)) is not None:
            _log_once(f"Views are made without compiling: {missing}. Results are the same.")
        else:
            options = options_for(device_type)
            self._run = torch.compile(function, fullgraph=True, options=options)

    def __call__(self, *tensors: Any) -> Any:  # noqa: ANN401 - whatever the function takes
        """Return what the function returns."""
        if self._run is self._function:
            return self._function(*tensors)
        try:
            with torch._dynamo.config.patch(recompile_limit=_MOST_KERNELS):
                return self._run(*tensors)
        except (torch._dynamo.exc.TorchDynamoException, torch._inductor.exc.InductorError) as error:
            kind = type(error).__name__
            _log_once(
                f"Views are made without compiling: it failed ({kind}). Results are the same."
            )
            self._run = self._function
            return self._function(*tensors)


@lru_cache(maxsize=8)
def _log_once(sentence: str) -> None:
    _log.warning(sentence)


def let_vary(*tensors: torch.Tensor | None) -> None:
    """Tell the compiler that the first length of these tensors changes from call to call.

    A length of 1 is left alone, since kernels are made for it apart.
    """
    for tensor in tensors:
        if tensor is not None and len(tensor) > 1:
            torch._dynamo.maybe_mark_dynamic(tensor, 0)
