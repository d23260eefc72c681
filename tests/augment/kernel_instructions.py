"""Prints the instructions that kernels for a GPU are given, as JSON.

    python -m tests.augment.kernel_instructions

A script of its own: the checks of shapes that the tests put around every function cannot be
compiled.
"""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from unittest import mock

import torch

from medcl.augment import elementary
from medcl.augment.interpolation.trilinear import trilinear
from medcl.augment.normalisation import FixedWindow, PercentileWindow
from medcl.augment.random_field import normal, seed_words
from medcl.augment.transforms.gain import Gamma
from medcl.augment.transforms.transform import Setting


def lines_in(function: Callable[..., object], *given: torch.Tensor) -> list[str]:
    found: list[str] = []

    def backend(graph: torch.fx.GraphModule, _: object) -> Callable[..., object]:
        name = "in_instructions"
        found.extend(node.args[1] for node in graph.graph.nodes if name in str(node.target))
        return graph.forward

    torch._dynamo.reset()
    with suppress(NotImplementedError):  # without a GPU nothing can run them
        torch.compile(function, backend=backend, fullgraph=True)(*given)
    return found


def main() -> int:
    views = torch.rand(1, 1, 4, 4, 4)
    ends = torch.tensor([0.0]), torch.tensor([1.0])
    gamma, setting = Gamma(exponent=(0.8, 1.2)), Setting(spacing_mm=(1.0, 1.0, 1.0), seeds=(1,))
    exponent = {"exponent": torch.tensor([[1.2]])}
    given = (
        torch.zeros(64, dtype=torch.int16),
        None,
        torch.tensor([[0, 0, 27, 9, 3, 2, 2, 2]], dtype=torch.int32),
        torch.eye(3, 4)[None],
        None,
    )
    assert elementary.teach_compiler()
    with mock.patch.object(elementary, "_DEVICE", "cpu"):
        found = {
            "percentiles": lines_in(lambda it: PercentileWindow().begin(it, *ends), views),
            "fixed": lines_in(FixedWindow(low=-2.0, high=2.0).finish, views),
            "gamma": lines_in(lambda it: gamma.apply(it, exponent, setting), views),
            "noise": lines_in(
                lambda it: normal(it, (3, 4), stream=0, device=it.device), seed_words([1])
            ),
            "sampling": lines_in(lambda: trilinear(*given, view_shape=(2, 2, 2), channels=1)),
        }
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
