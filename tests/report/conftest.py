"""One small study."""

import numpy as np
import pytest

from medcl.study.cells import Arm, grid
from medcl.study.curves import LabelEfficiency, label_efficiency
from medcl.study.scores import Scored, classification_table

ARMS = [Arm("scratch", "finetune"), Arm("pretrained", "finetune"), Arm("pretrained", "probe")]


@pytest.fixture(scope="session")
def scores() -> list[Scored]:
    rng = np.random.default_rng(0)
    targets = np.arange(60) % 2
    found = []
    for cell in grid(ARMS, [5, 20], [0, 1]):
        strength = 0.4 * np.log(cell.num_labels) + 0.5 * (cell.arm.init == "pretrained")
        probability = 1 / (1 + np.exp(-strength * targets - rng.normal(size=60)))
        table = classification_table(
            [f"case{i}" for i in range(60)],
            [f"patient{i}" for i in range(60)],
            targets=targets,
            scores=np.stack([1 - probability, probability], axis=1),
        )
        found.append(Scored(cell, table, "0" * 32))
    return found


@pytest.fixture(scope="session")
def result(scores) -> LabelEfficiency:
    return label_efficiency(scores, metric="auc", reference=ARMS[0], resamples=200)


@pytest.fixture(scope="session", params=[1, 2], ids=["finetune", "probe"])
def against_pretrained(scores, request) -> LabelEfficiency:
    return label_efficiency(scores, metric="auc", reference=ARMS[request.param], resamples=200)


@pytest.fixture(scope="session")
def alone(scores) -> LabelEfficiency:
    return label_efficiency(scores, metric="auc", reference=None, resamples=200)
