"""`medcl store forget`: who withdraws is found by key or by name, removed, and never read again."""

import csv
from pathlib import Path

import numpy as np
import pytest

from medcl.encoders.delivery import LEDGER
from medcl.errors import InputError, PrivacyError, RequestError
from medcl.ingest.identity import Keyring
from medcl.ingest.options import IngestOptions
from medcl.io.dicom.writing import write_dicom_series
from medcl.stages import forget, ingest
from medcl.stages.forget import Withdrawal
from medcl.stages.progress import Silent
from medcl.store.ledger import Ledger
from medcl.store.store import Store
from medcl.volume import Volume
from tests.ingest.test_bids_tree import image, put
from tests.stages.small_site import medcl

SUBJECT_FILE = "archive/sub-1/anat/sub-1_T1w.nii.gz"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A DICOM patient with two series, another one, and two BIDS subjects."""
    archive = tmp_path / "archive"
    for number, patient in enumerate(["4711", "4711", "0815"]):
        values = np.random.default_rng(number).integers(-1024, 2000, (1, 6, 5, 5), np.int16)
        ct = Volume(array=values, affine=np.diag([1, 1, 2, 1.0]), modality="CT", unit="HU")
        write_dicom_series(
            ct,
            archive / str(number),
            patient_id=patient,
            study_uid=f"1.2.{number}",
            series_uid=f"1.2.{number}.9",
        )
    for number in (1, 2):
        put(archive / f"sub-{number}/anat/sub-{number}_T1w.nii.gz", image(number))
    Keyring.create(tmp_path / "secret.key")
    taken(tmp_path)
    return tmp_path


def taken(site: Path):
    return ingest.run(
        [site / "archive"],
        store=site / "store",
        key_file=site / "secret.key",
        progress=Silent(),
        options=IngestOptions(),
    ).figures


def table(site: Path, **cells: str) -> Path:
    path = site / "withdrawn.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([cells.keys(), cells.values()])
    return path


def forgotten(site: Path, *keys: str, is_meant: bool = True, runs: Path | None = None, **more):
    withdrawal = Withdrawal(keys, **({"key_file": site / "secret.key"} | more))
    return forget.run(site / "store", withdrawal, is_meant=is_meant, runs=runs)


def store(site: Path) -> Store:
    return Store.open(site / "store")


def codes(site: Path) -> list[str]:
    return [row.code for row in store(site).refusals()]


def test_without_yes_it_is_told_what_would_be_and_nothing_changes(site):
    digest = store(site).digest
    summary = forgotten(site, table=table(site, patient_id=" 4711"), is_meant=False)
    assert (summary.figures["volumes"], summary.figures["is_done"]) == (2, False)
    assert "--yes" in summary.notes[0]
    assert store(site).digest == digest
    assert taken(site)["settled_before"] == 5


def test_a_patient_named_by_id_is_removed_and_refused_unread(site, monkeypatch):
    withdrawn = table(site, patient_id="4711", issuer="")
    summary = forgotten(site, table=withdrawn)
    assert (summary.figures["patients_with_volumes"], summary.figures["volumes"]) == (1, 2)
    assert len(store(site).rows()) == 3

    def never(*_: object) -> None:
        raise AssertionError("nobody may read it")

    monkeypatch.setattr(ingest, "reading", never)
    figures = taken(site)
    assert (figures["volumes"], codes(site)) == (3, ["FORGOTTEN"] * 2)
    assert figures["files_discovered"] == figures["files_found"] == 17
    assert taken(site)["settled_before"] == 5
    assert forgotten(site, table=withdrawn).figures["patients_kept_out_before"] == 1


def test_a_subject_of_a_bids_tree_is_named_by_a_file(site):
    forgotten(site, table=table(site, file=SUBJECT_FILE))
    taken(site)
    assert (len(store(site).rows()), codes(site)) == (4, ["FORGOTTEN"])
    with pytest.raises(InputError, match=r"1 of 1 lines are not \(column file, line 2\)"):
        forgotten(site, table=table(site, file=SUBJECT_FILE))


def test_a_patient_is_named_by_key_without_the_secret_and_comes_in_again_by_undo(site):
    key = Keyring.from_file(site / "secret.key").patient_key("", "0815")
    assert forgotten(site, key, key_file=None).figures["volumes"] == 1
    assert taken(site)["volumes"] == 4
    assert "would come" in forgotten(site, key, is_undone=True, is_meant=False).notes[0]
    assert taken(site)["volumes"] == 4
    assert forgotten(site, key, is_undone=True).figures["patients_readmitted"] == 1
    assert (taken(site)["volumes"], codes(site)) == (5, [])


def test_encoders_that_have_seen_the_patient_are_named(site):
    keyring = Keyring.from_file(site / "secret.key")
    one, other = (keyring.patient_key("", number) for number in ("4711", "0815"))
    for name, people in (("a", [one, other]), ("b", [other])):
        ledger = Ledger.of(people, key_fingerprint=keyring.fingerprint, store_digest="d" * 64)
        folder = site / "runs" / name / "encoder"
        folder.mkdir(parents=True)
        (folder / LEDGER).write_text(ledger.to_json())
    summary = forgotten(site, one, runs=site / "runs", is_meant=False)
    assert summary.figures["encoders_that_saw_them"] == 1
    assert summary.tables[1].rows == [(str(site / "runs/a/encoder"), 1)]


def test_wrong_requests_are_refused_and_remove_nobody(site):
    digest = store(site).digest
    Keyring.create(site / "other.key")
    with pytest.raises(PrivacyError, match="fingerprint"):
        forgotten(site, table=table(site, patient_id="4711"), key_file=site / "other.key")
    with pytest.raises(RequestError, match="--key-file"):
        forgotten(site, table=table(site, patient_id="4711"), key_file=None)
    with pytest.raises(RequestError, match="at least one patient"):
        forgotten(site)
    with pytest.raises(InputError, match="32 lowercase hex"):
        forgotten(site, "4711")
    with pytest.raises(InputError, match="Line 2 names nobody"):
        forgotten(site, table=table(site, patient_id=" ", issuer="x"))
    with pytest.raises(InputError, match="exactly one of the columns"):
        forgotten(site, table=table(site, name="Doe"))
    assert store(site).digest == digest


def test_the_command_tells_of_a_patient_who_is_not_there(site, capsys):
    withdrawn = table(site, patient_id="4712")
    words = ["store", "forget", str(site / "store"), "--patients", str(withdrawn)]
    assert medcl(*words, "--key-file", str(site / "secret.key")) == 0
    said = capsys.readouterr().out
    assert "1 of the patients have no volume here" in said
    assert "Nothing was removed" in said
    assert "4712" not in said
