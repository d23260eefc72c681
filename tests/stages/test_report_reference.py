"""What the arms of a study are compared with: the arm that was chosen, else random weights."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from medcl.errors import RequestError
from medcl.stages import report
from medcl.stages.progress import Silent
from medcl.study.cells import Arm, arm_named, grid, usual_reference
from medcl.study.scores import Scored, segmentation_table, write_scores

ARMS = [Arm("scratch", "probe"), Arm("ours", "probe"), Arm("none", "voxels")]
DICE = {"scratch": 0.4, "ours": 0.55, "none": 0.27}


def write_study(folder: Path, *, finished: list[Arm], **settings: object) -> Path:
    """Write what a study leaves for its report, of three arms with known means."""
    cells = grid(ARMS, [1, 3], range(5))
    (folder / report.SCORES).mkdir()
    keys = [f"{number:032x}" for number in range(12)]
    for cell in cells:
        if cell.arm in finished:
            draw = np.random.default_rng([cell.seed, cell.num_labels])
            dice = DICE[cell.arm.init] * (1 + draw.normal(0, 0.1, (12, 1)))
            table = segmentation_table(keys, keys, dice=dice)
            write_scores(folder / report.SCORES, Scored(cell, table, "f"))
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
            "arms": [{"init": arm.init, "adaptation": arm.adaptation} for arm in ARMS],
            "bootstrap": {"resamples": 200, "confidence": 0.95},
            "tracking": {"enabled": False},
            **settings,
        },
    }
    (folder / report.PAPERS).write_text(json.dumps(papers))
    return folder


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


def test_an_arm_that_a_study_does_not_have_is_refused_with_those_it_has():
    assert arm_named("none-voxels", ARMS) == ARMS[2]
    with pytest.raises(RequestError, match=r"scratch-probe, ours-probe, none-voxels; 'x' is none"):
        arm_named("x", ARMS)


@pytest.mark.parametrize("settings", [{}, {"reference_arm": None}], ids=["of-before", "default"])
def test_a_study_of_probes_says_what_an_encoder_gains_over_a_random_one(tmp_path, settings):
    summary = report.run(write_study(tmp_path, finished=ARMS, **settings), progress=Silent())
    (table,) = summary.tables
    assert table.columns[3] == "difference to scratch-probe"
    assert summary.to_json()["reference_arm"] == "scratch-probe"
    gains = [row[3] for row in table.rows if row[0] == "ours-probe"]
    assert all(gain.startswith("+0.1") for gain in gains)
    told = summary.to_json()
    for count, shown in zip((1, 3), gains, strict=True):
        ends = [told[f"ours-probe_n{count}_gain{end}"] for end in ("", "_ci_low", "_ci_high")]
        mean, low, high = (float(number) for number in re.findall(r"[+-]\d\.\d+", shown))
        assert ends == pytest.approx([mean, low, high], abs=6e-4)
        assert mean - low > 2e-3
        assert high - mean > 2e-3
    assert not [name for name in told if name.startswith("scratch-probe_n1_")]


@pytest.mark.parametrize(
    ("chosen", "gains"),
    [
        ("ours-probe", {"scratch-probe": "-0.1", "none-voxels": "-0.2", "ours-probe": "reference"}),
        (
            "none-voxels",
            {"scratch-probe": "+0.1", "ours-probe": "+0.2", "none-voxels": "reference"},
        ),
    ],
)
def test_a_chosen_reference_reaches_terminal_json_table_and_page(tmp_path, chosen, gains):
    study = write_study(tmp_path, finished=ARMS, reference_arm=chosen)
    summary = report.run(study, progress=Silent())
    (table,) = summary.tables
    assert table.columns[3] == f"difference to {chosen}"
    assert table.rows[0][0] == chosen
    assert all(str(row[3]).startswith(gains[str(row[0])]) for row in table.rows)
    assert summary.to_json()["reference_arm"] == chosen
    label = arm_named(chosen, ARMS).label
    sentences = [note for note in summary.notes if "paired difference" in note]
    assert len(sentences) == 2
    assert all(f"difference to “{label}”" in sentence for sentence in sentences)
    page = (tmp_path / report.PAGE).read_text()
    assert f"difference to {label}" in page
    assert "difference to scratch" not in page
    assert f",{chosen}," in (tmp_path / report.TABLE).read_text().splitlines()[1]


def test_a_chosen_reference_that_was_not_run_is_never_replaced_by_another(tmp_path):
    study = write_study(tmp_path, finished=ARMS[:2], reference_arm="none-voxels")
    summary = report.run(study, progress=Silent())
    assert summary.to_json()["reference_arm"] is None
    assert {row[3] for row in summary.tables[0].rows} == {"-"}
    page = (tmp_path / report.PAGE).read_text()
    assert "No cell of the reference arm none-voxels is finished" in page
    assert "paired difference" not in page


def test_a_study_that_names_a_reference_it_does_not_have_is_refused(tmp_path):
    study = write_study(tmp_path, finished=ARMS, reference_arm="ours-finetune")
    with pytest.raises(RequestError, match="'ours-finetune' is none"):
        report.run(study, progress=Silent())
