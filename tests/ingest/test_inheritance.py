"""JSON files above an image say what it is, by the rules of BIDS and by no others."""

import os
from pathlib import Path

import pytest

from medcl.ingest.outcome import Accepted, Outcome
from tests.ingest.test_bids_tree import KEYRING, image, put
from tests.ingest.whole import ingest, survey

# The folder says nothing of what it holds, so that only JSON files can.
IMAGE = "sub-1/ses-a/scans/sub-1_ses-a_task-rest_run-2_scan.nii.gz"
IN_FOLDER = "sub-1/ses-a/scans/sub-1_ses-a"
BESIDE = f"{IN_FOLDER}_task-rest_run-2_scan.json"

CT, MR, SILENT = '{"Modality": "CT"}', '{"Modality": "MR"}', '{"EchoTime": 0.03}'

CASES = {
    "root": ({"scan.json": CT}, "CT"),
    "root-entity": ({"task-rest_scan.json": CT}, "CT"),
    "subject": ({"sub-1/sub-1_scan.json": CT}, "CT"),
    "session": ({"sub-1/ses-a/sub-1_ses-a_run-2_scan.json": CT}, "CT"),
    "its-folder": ({f"{IN_FOLDER}_scan.json": CT}, "CT"),
    "beside-wins": ({"scan.json": MR, BESIDE: CT}, "CT"),
    "nearer-wins": ({"scan.json": MR, "sub-1/ses-a/ses-a_scan.json": CT}, "CT"),
    "silent-nearer-inherits": ({"scan.json": CT, "sub-1/sub-1_scan.json": SILENT}, "CT"),
    "silent-beside-inherits": ({"scan.json": CT, BESIDE: SILENT}, "CT"),
    "other-suffix": ({"T1w.json": CT}, "MODALITY_UNKNOWN"),
    "other-task": ({"task-flanker_scan.json": CT}, "MODALITY_UNKNOWN"),
    "entity-it-lacks": ({"acq-low_scan.json": CT}, "MODALITY_UNKNOWN"),
    "other-subject": ({"sub-2_scan.json": CT, "sub-2/scan.json": CT}, "MODALITY_UNKNOWN"),
    "no-bids-name": ({"scan.old.json": CT, "a_scan.json": CT}, "MODALITY_UNKNOWN"),
    "sideways": ({"sub-1/ses-b/scan.json": CT, "derivatives/scan.json": CT}, "MODALITY_UNKNOWN"),
    "below": ({"sub-1/ses-a/scans/more/scan.json": CT}, "MODALITY_UNKNOWN"),
    "two-agree": ({"scan.json": CT, "task-rest_scan.json": CT}, "CT"),
    "two-one-silent": ({"scan.json": SILENT, "task-rest_scan.json": CT}, "CT"),
    "two-contradict": ({"scan.json": MR, "task-rest_scan.json": CT}, "MODALITY_UNKNOWN"),
    "two-contradict-above": ({"scan.json": MR, "task-rest_scan.json": CT, BESIDE: MR}, "MR"),
    "damaged-nearer": ({"scan.json": CT, BESIDE: '{"Modality": "M'}, "MODALITY_UNKNOWN"),
    "deep-nearer": ({"scan.json": CT, BESIDE: "[" * 100_000}, "MODALITY_UNKNOWN"),
    "large-nearer": ({"scan.json": CT, BESIDE: MR + " " * 2**22}, "MODALITY_UNKNOWN"),
    "large": ({"scan.json": CT + " " * 2**22}, "MODALITY_UNKNOWN"),
    "not-ours": ({"scan.json": '{"Modality": "US"}'}, "UNSUPPORTED_MODALITY"),
}


def tree(root: Path, files: dict[str, str], name: str = IMAGE) -> Path:
    put(root / name, image(1))
    for relative, text in files.items():
        (root / relative).parent.mkdir(parents=True, exist_ok=True)
        (root / relative).write_text(text)
    return root


def outcome(root: Path, name: str = IMAGE, **options: object) -> Outcome:
    key = KEYRING.file_key(f"{root.name}/{name}")
    return next(one for one in ingest(root, KEYRING, **options) if one.key == key)


def word(found: Outcome) -> str:
    return found.volume.modality if isinstance(found, Accepted) else found.code


@pytest.mark.parametrize(("files", "expected"), CASES.values(), ids=CASES)
def test_the_nearest_file_that_applies_says_it(tmp_path, files, expected):
    assert word(outcome(tree(tmp_path / "ds", files))) == expected


def test_who_contradicts_whom_is_told(tmp_path):
    name = "sub-1/anat/sub-1_T1w.nii.gz"
    root = tree(tmp_path / "ds", {"T1w.json": CT}, name)
    found = outcome(root, name)
    assert (found.code, found.detail) == (
        "MODALITY_UNKNOWN",
        "A JSON file above it and its place in a BIDS tree contradict one another.",
    )
    (root / "sub-1/T1w.json").write_text(MR)
    assert word(outcome(root, name)) == "MR"
    (root / "sub-1/sub-1_T1w.json").write_text(CT)
    assert outcome(root, name).detail == (
        "JSON files of one folder that apply to it contradict one another; BIDS allows one in each "
        "folder (The Inheritance Principle, rule 4)."
    )


def test_a_link_is_not_followed_and_hides_what_stands_above_it(tmp_path):
    (tmp_path / "elsewhere.json").write_text(CT)
    root = tree(tmp_path / "ds", {})
    (root / "scan.json").symlink_to(tmp_path / "elsewhere.json")
    assert word(outcome(root)) == "MODALITY_UNKNOWN"
    (root / "scan.json").unlink()
    (root / "scan.json").write_text(CT)
    assert word(outcome(root)) == "CT"
    (root / "sub-1" / "scan.json").symlink_to(tmp_path / "elsewhere.json")
    assert word(outcome(root)) == "MODALITY_UNKNOWN"
    (root / "sub-1" / "scan.json").unlink()
    os.mkfifo(root / "sub-1" / "scan.json")
    assert word(outcome(root)) == "MODALITY_UNKNOWN"


def test_nothing_above_the_source_is_read(tmp_path):
    root = tree(tmp_path / "ds", {"scan.json": CT})
    source = root / "sub-1"
    key = KEYRING.file_key(IMAGE)
    assert next(one for one in ingest(source, KEYRING) if one.key == key).code == "MODALITY_UNKNOWN"
    (job,) = survey([source, root / "scan.json"], KEYRING).jobs
    assert (job.key, job.modality) == (key, "CT")


def test_a_tree_below_another_does_not_inherit_from_it(tmp_path):
    name = f"rawdata/{IMAGE}"
    root = tree(tmp_path / "ds", {"scan.json": CT}, name)
    assert word(outcome(root, name)) == "MODALITY_UNKNOWN"
    (root / "rawdata" / "scan.json").write_text(CT)
    assert word(outcome(root, name)) == "CT"


def test_a_file_above_that_is_corrected_has_its_images_read_again(tmp_path):
    root = tree(tmp_path / "ds", {"scan.json": MR})
    (before,) = survey([root], KEYRING).jobs
    (root / "scan.json").write_text(CT)
    (after,) = survey([root], KEYRING).jobs
    assert before.key == after.key
    assert before.fingerprint != after.fingerprint


def test_files_outside_a_bids_tree_inherit_nothing(tmp_path):
    name = "patients/sub-1_scan.nii.gz"
    assert word(outcome(tree(tmp_path / "ds", {"scan.json": CT}, name), name)) == "MODALITY_UNKNOWN"
