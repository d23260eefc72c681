"""Prints the instructions that kernels for a GPU are given, and what comes of them, as JSON.

    python -m tests.augment.kernel_instructions

A script of its own: the checks of shapes that the tests put around every function cannot be
compiled.
"""

import json
import sys
from collections.abc import Callable
from unittest import mock

import torch

from medcl.augment import elementary
from medcl.augment.interpolation.trilinear import trilinear
from medcl.augment.normalisation import FixedWindow, PercentileWindow
from medcl.augment.random_field import normal, seed_words
from medcl.augment.transforms.gain import Gamma
from medcl.augment.transforms.transform import Setting
from tests.augment.ptx import run_ptx

BOX = (5, 4, 6)


def compared(
    function: Callable[..., torch.Tensor], *given: torch.Tensor
) -> tuple[list[str], float]:
    """Return what a kernel is given, and how far what it makes is from what plain torch makes."""
    found: list[str] = []

    def backend(graph: torch.fx.GraphModule, _: object) -> Callable[..., object]:
        name = "in_instructions"
        found.extend(node.args[1] for node in graph.graph.nodes if name in str(node.target))
        return graph.forward

    torch._dynamo.reset()
    with mock.patch.object(elementary, "_DEVICE", "cpu"):
        made = torch.compile(function, backend=backend, fullgraph=True)(*given)
    return found, (made - function(*given)).abs().max().item()


def sampled(matrix: torch.Tensor, *, dtype: torch.dtype) -> torch.Tensor:
    """Return samples of two boxes, one after the other, and where they were measured."""
    steps = (BOX[1] * BOX[2], BOX[2])
    size = BOX[0] * steps[0]
    last = [length - 1 for length in BOX]
    layout = torch.tensor([[0, 0, size, *steps, *last], [size, size, size, *steps, *last]])
    voxels = torch.arange(3 * size).mul(7919).remainder(2001).sub(1000).to(torch.int16)
    valid = torch.arange(3 * size) % 61 > 0
    given = (voxels, valid, layout.to(dtype), matrix, None)
    return torch.cat(trilinear(*given, view_shape=(4, 3, 8), channels=1), dim=1)


def main() -> int:
    generator = torch.Generator().manual_seed(0)
    views = torch.rand(1, 1, 4, 4, 4, generator=generator)
    ends = torch.tensor([0.25]), torch.tensor([0.75])
    gamma, setting = Gamma(exponent=(0.8, 1.2)), Setting(spacing_mm=(1.0, 1.0, 1.0), seeds=(1,))
    exponent = {"exponent": torch.tensor([[1.2]])}
    # The first view steps out of its box on every side; the second lies on the voxels themselves.
    turned = torch.tensor([[0.9, 0.3, -0.2, 0.7], [-0.4, 0.8, 0.1, 1.1], [0.1, -0.5, 1.0, -0.9]])
    matrix = torch.stack([turned, torch.eye(3, 4)])

    def noise(words: torch.Tensor) -> torch.Tensor:
        return normal(words, (3, 4000), stream=0, device=words.device)

    assert elementary.teach_compiler()
    torch.library.impl(elementary._OPERATOR, "CPU", lambda values, lines: run_ptx(lines, *values))
    found = {
        "percentiles": compared(lambda it: PercentileWindow().begin(it, *ends), views),
        "fixed": compared(FixedWindow(low=-2.0, high=2.0).finish, views),
        "gamma": compared(lambda it: gamma.apply(it, exponent, setting), views),
        "noise": compared(noise, seed_words([1, 2])),
        "sampling": compared(lambda it: sampled(it, dtype=torch.int32), matrix),
        "sampling_far": compared(lambda it: sampled(it, dtype=torch.int64), matrix),
    }
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
