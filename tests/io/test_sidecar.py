"""The JSON file beside an image says its modality, and nothing else of it can do harm."""

import os

import pytest

from medcl.io.sidecar import sidecar_modality

SAID = {
    '{"Modality": "CT"}': "CT",
    '{"Modality": "MR", "EchoTime": 0.03}': "MR",
    '{"Modality": " pet "}': "PT",
    '{"Modality": "PT"}': "PT",
    '{"Modality": "US"}': "OT",
    '{"Modality": ""}': None,
    '{"Modality": ["CT"]}': None,
    '{"modality": "CT"}': None,
    '["Modality", "CT"]': None,
    '{"Modality": "CT"': None,
    "": None,
    "[" * 100_000: None,
    "\x00\xff": None,
}


@pytest.mark.parametrize("text", SAID, ids=[f"case-{number}" for number in range(len(SAID))])
def test_a_modality_is_read_and_nothing_is_made_up(tmp_path, text):
    (tmp_path / "scan.json").write_bytes(text.encode("latin-1"))
    assert sidecar_modality(tmp_path / "scan.nii.gz") == SAID[text]


def test_what_is_no_small_regular_file_is_not_read(tmp_path):
    image = tmp_path / "scan.nii.gz"
    beside = tmp_path / "scan.json"
    assert sidecar_modality(image) is None
    (tmp_path / "other").write_text('{"Modality": "CT"}')
    beside.symlink_to(tmp_path / "other")
    assert sidecar_modality(image) is None
    beside.unlink()
    beside.mkdir()
    assert sidecar_modality(image) is None
    beside.rmdir()
    os.mkfifo(beside)
    assert sidecar_modality(image) is None
    beside.unlink()
    beside.write_text('{"Modality": "CT"}' + " " * 2**22)
    assert sidecar_modality(image) is None
