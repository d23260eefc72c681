"""Simulated studies whose truth is known."""

from collections.abc import Callable

import numpy as np
import pytest

from medcl.study.cells import Arm, Cell, grid
from medcl.study.scores import Scored, classification_table, segmentation_table

SCRATCH = Arm("scratch", "finetune")
PRETRAINED = Arm("pretrained", "finetune")

Simulate = Callable[..., list[Scored]]


@pytest.fixture
def simulate() -> Simulate:
    """Binary studies: separation grows with log labels, plus a gain of the pretrained arm."""
    return _simulate


def _simulate(
    *,
    gain: float = 0.5,
    seed: int = 0,
    counts: tuple[int, ...] = (5, 10, 20, 40),
    num_seeds: int = 4,
    num_cases: int = 120,
) -> list[Scored]:
    rng = np.random.default_rng(seed)
    targets = np.arange(num_cases) % 2
    hardness = rng.normal(size=num_cases) * 0.7
    scored = []
    for cell in grid([SCRATCH, PRETRAINED], counts, range(num_seeds)):
        strength = 0.4 * np.log(cell.num_labels) + (gain if cell.arm == PRETRAINED else 0.0)
        logit = strength * targets + hardness + rng.normal(size=num_cases) * 0.7
        scored.append(binary(cell, targets, logit))
    return scored


def binary(cell: Cell, targets: np.ndarray, logit: np.ndarray) -> Scored:
    probability = 1 / (1 + np.exp(-logit))
    table = classification_table(
        [f"case{i}" for i in range(len(targets))],
        [f"patient{i}" for i in range(len(targets))],
        targets=targets,
        scores=np.stack([1 - probability, probability], axis=1),
    )
    return Scored(cell, table, "0" * 32)


@pytest.fixture
def segmented() -> Scored:
    dice = np.array([[0.8, np.nan], [0.5, 0.25], [1.0, 0.0]])
    table = segmentation_table(["a", "b", "c"], ["p", "p", "q"], dice=dice)
    return Scored(Cell(PRETRAINED, 6, 1), table, "f" * 32)
