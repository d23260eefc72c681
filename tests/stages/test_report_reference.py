"""What the arms of a study are compared with, where nothing was fine-tuned from scratch."""

import json

import numpy as np
import pytest

from medcl.stages import report
from medcl.stages.progress import Silent
from medcl.study.cells import Arm, grid, usual_reference
from medcl.study.scores import Scored, segmentation_table, write_scores


@pytest.mark.parametrize(
    ("adaptations", "wanted"),
    [
        (("probe", "frozen", "finetune"), "scratch-finetune"),
        (("probe", "frozen"), "scratch-frozen"),
        (("probe",), "scratch-probe"),
    ],
)
def test_arms_are_compared_with_random_weights_trained_as_far_as_any(adaptations, wanted):
    arms = [Arm(init, each) for init in ("ours", "scratch") for each in adaptations]
    reference = usual_reference(arms)
    assert reference is not None
    assert reference.name == wanted
    assert usual_reference([Arm("ours", "finetune"), Arm("none", "voxels")]) is None


def test_a_study_of_probes_says_what_an_encoder_gains_over_a_random_one(tmp_path):
    arms = [Arm("scratch", "probe"), Arm("ours", "probe")]
    cells = grid(arms, [1, 3], range(5))
    (tmp_path / report.SCORES).mkdir()
    keys = [f"{number:032x}" for number in range(12)]
    for cell in cells:
        draw = np.random.default_rng([cell.seed, cell.num_labels])
        dice = 0.4 + 0.1 * (cell.arm.init == "ours") + draw.normal(0, 0.02, (12, 1))
        table = segmentation_table(keys, keys, dice=dice)
        write_scores(tmp_path / report.SCORES, Scored(cell, table, "f"))
    papers = {
        "kind": "segmentation",
        "label_set": "organ",
        "task": "generic",
        "store": "0" * 64,
        "policy": "0" * 64,
        "data": {
            side: {"patients": 12, "volumes": 12, "classes": {}} for side in ("train", "test")
        },
        "cells": [cell.name for cell in cells],
        "settings": {
            "bootstrap": {"resamples": 200, "confidence": 0.95},
            "tracking": {"enabled": False},
        },
    }
    (tmp_path / report.PAPERS).write_text(json.dumps(papers))
    summary = report.run(tmp_path, progress=Silent())
    (table,) = summary.tables
    assert table.columns[3] == "difference to scratch-probe"
    gains = [row[3] for row in table.rows if row[0] == "ours-probe"]
    assert all(gain.startswith("+0.1") for gain in gains)
