"""No text of a header, a path or a name passes ingest."""

import logging
import traceback
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pydicom
import pytest

from medcl.errors import PrivacyError
from medcl.ingest.identity import Keyring, is_junk_id
from medcl.ingest.outcome import Accepted, Technical
from medcl.ingest.reading import read_job
from medcl.io.dicom.series import read_series
from medcl.io.refusal import RefusedSeries
from tests.ingest.conftest import cut_inside_sequence
from tests.ingest.whole import survey

Write = Callable[..., list[Path]]
CANARIES = ("CANARYNAME", "CANARYPATH", "CANARYPRIVATE", "CANARYNESTED", "CANARYTEXT", "87.65.43")


def nested(text: str) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.PatientName, item.PatientComments = f"{text}^JOHN", text
    return item


def plant(paths: list[Path]) -> None:
    for path in paths:
        dataset = pydicom.dcmread(path)
        block = dataset.private_block(0x0029, "CANARYPRIVATE MAKER", create=True)
        block.add_new(0x10, "LO", "CANARYPRIVATE")
        dataset.OtherPatientIDsSequence = [nested("CANARYNESTED")]
        for keyword in ("PatientName", "PatientComments", "InstitutionName", "SeriesDescription"):
            setattr(dataset, keyword, "CANARYTEXT chest")
        for keyword in ("ProtocolName", "StudyDescription", "BodyPartExamined", "Manufacturer"):
            setattr(dataset, keyword, "CANARYTEXT")
        dataset.add_new(0x60004000, "LT", "CANARYTEXT overlay")
        dataset.FrameOfReferenceUID = "87.65.43.21"
        dataset.save_as(path)


@pytest.fixture
def canaries(write: Write, tmp_path: Path) -> Path:
    """Good, broken and odd series full of canaries."""
    ids = {"patient_id": "CANARYNAME^JOHN", "study_uid": "87.65.43.1", "series_uid": "87.65.43.2"}
    names = [f"CANARYPATH{index}" for index in range(5)]
    good = write("CANARYPATH_good", 1, **ids, file_names=names)
    plant(good)
    gap = write("CANARYPATH_gap", 2, **{**ids, "series_uid": "87.65.43.3"}, file_names=names)
    plant(gap)
    gap[2].unlink()
    odd = write("CANARYPATH_odd", 3, **{**ids, "series_uid": "87.65.43.4"}, file_names=names)
    for path in odd:
        bad = path.read_bytes().replace(b"2.0 ", b"CANA").replace(b"1.0\\1.0 ", b"CANARYTE")
        path.write_bytes(bad)
    short = write("CANARYPATH_short", 4, **{**ids, "series_uid": "87.65.43.5"}, file_names=names)
    short[1].write_bytes(short[1].read_bytes()[:-9])
    cut = write("CANARYPATH_cut", 5, **{**ids, "series_uid": "87.65.43.6"}, file_names=names)
    cut[3].write_bytes(cut_inside_sequence(cut[3].read_bytes()))
    text = "CANARYNAME was here " * 20
    (tmp_path / "archive" / "CANARYPATH.txt").write_text(text)
    (tmp_path / "archive" / "CANARYPATH.dcm").write_bytes(bytes(128) + b"DICM" + text.encode())
    (tmp_path / "archive" / "CANARYPATH.npz").write_bytes(b"PK\x03\x04" + text.encode())
    return tmp_path / "archive"


def test_no_canary_comes_out(
    canaries: Path,
    keyring: Keyring,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    said: list[str] = []
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = survey([canaries], keyring, keep_demographics=True)
        said += [repr(found), str(found), *map(repr, found.jobs), *map(str, found.refused)]
        for job in found.jobs:
            said += [repr(job), repr(job.planes), repr(job.files)]
            for outcome in read_job(job):
                said += [repr(outcome), str(outcome)]
                if isinstance(outcome, Accepted):
                    said.append(repr(outcome.volume.affine))
    said += [str(warning.message) for warning in warned]
    out, err = capfd.readouterr()
    said += [out, err, caplog.text]
    assert sum(map(len, said)) > 1000
    assert any(isinstance(r, Accepted) for job in found.jobs for r in read_job(job))
    for canary in (*CANARIES, "CANARY"):
        assert not [text for text in said if canary in text]


def test_a_traceback_of_the_reader_shows_no_value(write: Write) -> None:
    paths = write("CANARYPATH", 1)
    for path in paths:
        path.write_bytes(path.read_bytes()[:300] + b"CANARYTEXT" * 9)
    with pytest.raises(RefusedSeries) as caught:
        read_series(paths)
    assert "CANARY" not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_only_closed_words_pass(canaries: Path, keyring: Keyring) -> None:
    results = [r for job in survey([canaries], keyring).jobs for r in read_job(job)]
    technical = [r.technical for r in results if isinstance(r, Accepted)]
    assert {(t.body_part, t.manufacturer) for t in technical} == {("chest", "other")}


def test_demographics_pass_only_where_asked_for(
    write: Write, keyring: Keyring, tmp_path: Path
) -> None:
    write("a", 1, extra={"PatientAge": "093Y", "PatientSex": "F"})
    for keep, expected in ((False, (None, None)), (True, ("F", "90+"))):
        (job,) = survey([tmp_path / "archive"], keyring, keep_demographics=keep).jobs
        (result,) = read_job(job)
        assert isinstance(result, Accepted)
        assert (result.technical.sex, result.technical.age_band) == expected


def test_the_secret_file_is_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    made = Keyring.create(path)
    assert path.parent.stat().st_mode & 0o077 == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keyring.from_file(path).fingerprint == made.fingerprint
    with pytest.raises(PrivacyError, match="there already"):
        Keyring.create(path)
    path.chmod(0o640)
    with pytest.raises(PrivacyError, match="open to others"):
        Keyring.from_file(path)


def test_without_a_secret_there_is_no_keyring(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="medcl keys new"):
        Keyring.from_file(tmp_path / "absent")
    short = tmp_path / "short"
    for content in ("abcd", "no hexadecimal"):
        short.write_text(content)
        short.chmod(0o600)
        with pytest.raises(PrivacyError):
            Keyring.from_file(short)


def test_another_secret_gives_other_keys(keyring: Keyring) -> None:
    other = Keyring(bytes(32))
    assert keyring.fingerprint != other.fingerprint
    assert keyring.patient_key("", "1") != other.patient_key("", "1")
    makers = (
        keyring.study_key,
        keyring.series_key,
        keyring.frame_key,
        keyring.file_key,
        keyring.unnamed_patient_key,
    )
    keys = {make("1") for make in makers} | {keyring.patient_key("", "1")}
    assert len(keys) == 6
    assert keyring.series_key("1", "2") != keyring.series_key("12")


@pytest.mark.parametrize("text", ["0000", "anonymous", "N/A", "NONE", "-", "XXXX", "test 0", "Id_"])
def test_placeholders_are_junk(text: str) -> None:
    assert is_junk_id(text)


@pytest.mark.parametrize("text", ["PAT-001", "1000", "TestaRossa", "Nadia", "X12", "ANON0042"])
def test_identifiers_are_not_junk(text: str) -> None:
    assert not is_junk_id(text)


def test_a_technical_field_cannot_be_added_unseen() -> None:
    assert len(fields(Technical)) == 25
