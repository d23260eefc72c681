"""What a file without a header is, is said by somebody, and never guessed."""

from pathlib import Path

import pytest

from medcl.ingest.outcome import Accepted
from tests.ingest.test_bids_tree import KEYRING, image, put
from tests.ingest.whole import ingest, survey

PLAIN = "scan_ct.nii.gz"
BIDS = "sub-1/anat/sub-1_T1w.nii.gz"
PET = "sub-1/pet/sub-1_pet.nii.gz"

CASES = [
    (PLAIN, "CT", None, "CT"),
    (PLAIN, "MR", None, "MR"),
    (PLAIN, "PT", None, "PT"),
    (PLAIN, None, "MR", "MR"),
    (PLAIN, None, "OT", "OT"),
    (PLAIN, "CT", "CT", "CT"),
    (PLAIN, "US", "OT", "OT"),
    (PLAIN, "US", None, "UNSUPPORTED_MODALITY"),
    (PLAIN, None, None, "MODALITY_UNKNOWN"),
    (PLAIN, "CT", "MR", "MODALITY_UNKNOWN"),
    (PLAIN, "US", "MR", "MODALITY_UNKNOWN"),
    (BIDS, None, None, "MR"),
    (BIDS, "MR", None, "MR"),
    (BIDS, "CT", None, "MODALITY_UNKNOWN"),
    (BIDS, None, "CT", "MODALITY_UNKNOWN"),
    (PET, "PET", None, "PT"),
]


@pytest.mark.parametrize(("name", "sidecar", "option", "expected"), CASES)
def test_all_who_say_what_a_volume_is_must_agree(tmp_path, name, sidecar, option, expected):
    path = put(tmp_path / "ds" / name, image(1))
    if sidecar is not None:
        beside = path.with_name(path.name.replace(".nii.gz", ".json"))
        beside.write_text(f'{{"Modality": "{sidecar}"}}')
    key = KEYRING.file_key(f"ds/{name}")
    outcomes = {one.key: one for one in ingest(tmp_path / "ds", KEYRING, nifti_modality=option)}
    found = outcomes[key]
    if isinstance(found, Accepted):
        assert found.volume.modality == expected
        assert (found.volume.unit == "HU") == (expected == "CT")
    else:
        assert found.code == expected


def test_a_refusal_says_what_to_give_and_who_contradicts_whom(tmp_path):
    def detail(**options: object) -> str:
        (refused,) = [
            one for one in survey([tmp_path], KEYRING, **options).refused if one.code != "NOT_IMAGE"
        ]
        return refused.detail

    path = put(tmp_path / PLAIN, image(1))
    assert "give --modality" in detail()
    path.with_name("scan_ct.json").write_text('{"Modality": "CT"}')
    assert detail(nifti_modality="MR") == (
        "The JSON file beside it and --modality contradict one another."
    )


def test_a_sidecar_that_is_corrected_has_its_file_read_again(tmp_path: Path):
    path = put(tmp_path / PLAIN, image(1))
    beside = path.with_name("scan_ct.json")
    prints = []
    for word in ("MR", "CT"):
        beside.write_text(f'{{"Modality": "{word}"}}')
        (job,) = survey([tmp_path], KEYRING).jobs
        prints.append((job.key, job.fingerprint))
    assert prints[0][0] == prints[1][0]
    assert prints[0][1] != prints[1][1]
