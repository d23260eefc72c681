"""Every file of an archive ends in one outcome, and good series end as volumes."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medcl.errors import InputError, RequestError
from medcl.ingest.discovery import discover
from medcl.ingest.identity import Keyring
from medcl.ingest.options import IngestOptions
from medcl.ingest.outcome import Accepted, Outcome, Refused
from medcl.ingest.reading import read_job
from medcl.io.dicom.writing import write_dicom_series
from medcl.io.images.nifti import read_nifti, write_nifti
from medcl.io.refusal import ReasonCode
from tests.ingest.whole import ingest, outcomes, survey

Write = Callable[..., list[Path]]


def files_by_code(results: list[Outcome]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for result in results:
        counts["accepted" if isinstance(result, Accepted) else str(result.code)] += result.num_files
    return dict(counts)


def test_a_nasty_archive_is_fully_accounted_for(archive: Path, keyring: Keyring) -> None:
    results = ingest(archive, keyring)
    assert files_by_code(results) == {
        "accepted": 20,  # 1, 2, 3 and 9, five slices each
        "MISSING_SLICES": 4,
        "DUPLICATE_SLICES": 6,
        "PIXEL_TRUNCATED": 10,
        "SECONDARY_CAPTURE": 5,
        "LOCALIZER": 1,
        "NOT_IMAGE": 3,
        "LINK_NOT_FOLLOWED": 2,
    }
    num_entries = sum(1 for path in archive.rglob("*") if path.is_symlink() or path.is_file())
    assert sum(result.num_files for result in results) == num_entries


@pytest.mark.parametrize("folder", ["dicom", "nifti"])
def test_real_scans_are_fully_accounted_for(folder: str, test_data: Path, keyring: Keyring) -> None:
    results = ingest(test_data / folder, keyring, nifti_modality="MR")
    expected = {
        "dicom": {
            "accepted": 12 + 16 + 20 + 3 + 1 + 4,
            "LABEL_MAP": 1,
            "NOT_IMAGE": 4,
            "LABEL_OBJECT": 1,
            "DERIVED": 6,
            "LOCALIZER": 1,
            "DUPLICATE_SLICES": 10,
        },
        "nifti": {"accepted": 5, "LABEL_MAP": 2, "NOT_3D": 1},
    }
    assert files_by_code(results) == expected[folder]


def test_a_second_look_gives_the_same_keys_and_fingerprints(
    archive: Path, keyring: Keyring, tmp_path: Path
) -> None:
    first = {result.key: result.fingerprint for result in ingest(archive, keyring)}
    assert {result.key: result.fingerprint for result in ingest(archive, keyring)} == first
    moved = tmp_path / "mounted elsewhere"
    moved.mkdir()
    archive.rename(moved / "archive")
    again = ingest(moved / "archive", keyring)
    assert {result.key: result.fingerprint for result in again} == first


def test_a_touched_file_changes_the_fingerprint_of_its_series_only(
    archive: Path, keyring: Keyring
) -> None:
    first = {job.key: job.fingerprint for job in survey([archive], keyring).jobs}
    os.utime(archive / "shared" / "1_a", ns=(1, 1))
    again = {job.key: job.fingerprint for job in survey([archive], keyring).jobs}
    assert first.keys() == again.keys()
    assert sum(first[key] != again[key] for key in first) == 1


def test_an_option_changes_only_what_it_admits(
    write: Write, keyring: Keyring, tmp_path: Path
) -> None:
    write("a", 1)
    write("b", 2, extra={"ImageType": ["DERIVED", "PRIMARY"]})
    strict = {result.key: result for result in ingest(tmp_path / "archive", keyring)}
    accept = frozenset({ReasonCode.DERIVED})
    wide = {result.key: result for result in ingest(tmp_path / "archive", keyring, accept=accept)}
    assert strict.keys() == wide.keys()
    changed = [key for key in strict if strict[key].fingerprint != wide[key].fingerprint]
    assert [isinstance(wide[key], Accepted) for key in changed] == [True]
    assert isinstance(strict[changed[0]], Refused)


def test_patients_are_joined_by_id_and_never_by_placeholder(
    write: Write, keyring: Keyring, tmp_path: Path
) -> None:
    write("a", 1, patient_id="4711")
    write("b", 2, patient_id=" 4711 ")
    write("c", 3, patient_id="ANON")
    write("d", 4, patient_id="ANON")
    write("e", 5, patient_id="4711", extra={"IssuerOfPatientID": "another hospital"})
    accepted = ingest(tmp_path / "archive", keyring)
    patients = [result.patient_key for result in accepted if isinstance(result, Accepted)]
    assert sorted(Counter(patients).values()) == [1, 1, 1, 2]


def test_a_header_that_changed_since_the_survey_is_noticed(
    write: Write, keyring: Keyring, tmp_path: Path
) -> None:
    paths = write("a", 1)
    found = survey([tmp_path / "archive"], keyring)
    content = paths[2].read_bytes()
    paths[2].write_bytes(content.replace(b"-1024 ", b"-1000 "))
    (result,) = outcomes(found)
    assert isinstance(result, Refused)
    assert result.code == ReasonCode.CHANGED_CONTENT
    paths[2].unlink()
    (result,) = outcomes(found)
    assert isinstance(result, Refused)
    assert result.code == ReasonCode.UNREADABLE


def test_a_folder_without_permission_is_one_refusal(
    archive: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def guarded(folder: Path) -> object:
        if Path(folder).name == "gap":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr("medcl.ingest.discovery.os.scandir", guarded)
    assert files_by_code(ingest(archive, keyring))["UNREADABLE"] == 1


def test_overlapping_sources_find_a_file_once(archive: Path, keyring: Keyring) -> None:
    alone = survey([archive], keyring).num_files
    assert survey([archive, archive / "shared"], keyring).num_files == alone


def test_sources_of_one_name_are_refused_where_their_files_could_not_be_told_apart(
    write: Write, keyring: Keyring, tmp_path: Path
) -> None:
    (job,) = survey([write("a", 1)[0].parent], keyring).jobs
    (result,) = read_job(job)
    assert isinstance(result, Accepted)
    sources = [tmp_path / site / "images" for site in ("a", "b")]
    for source in sources:
        source.mkdir(parents=True)
        write_nifti(result.volume, source / "scan1.nii")
    with pytest.raises(InputError, match="2 share both"):
        survey(sources, keyring)
    above = survey([tmp_path / "a", tmp_path / "b"], keyring, nifti_modality="CT")
    assert len(above.jobs) == 2


def test_a_store_that_lies_in_a_source_is_no_part_of_the_archive(tmp_path: Path) -> None:
    for folder in ("scans", "store/volumes", "store2"):
        (tmp_path / "a" / folder).mkdir(parents=True)
        (tmp_path / "a" / folder / "file").write_text("")
    found = discover([tmp_path / "a"], besides=tmp_path / "a" / "store")
    assert {one.relative for one in found} == {"a/scans/file", "a/store2/file"}


def test_nothing_to_ingest_is_a_sentence(tmp_path: Path, keyring: Keyring) -> None:
    with pytest.raises(InputError, match="No file"):
        survey([tmp_path], keyring)
    with pytest.raises(InputError, match="does not exist"):
        survey([tmp_path / "absent"], keyring)
    with pytest.raises(RequestError, match="can be accepted"):
        IngestOptions(accept=frozenset({ReasonCode.MISSING_SLICES}))
    with pytest.raises(RequestError, match="regular expression"):
        IngestOptions(patient_pattern="(")


def test_nifti_patients_come_from_the_pattern(
    write: Write, keyring: Keyring, tmp_path: Path
) -> None:
    (job,) = survey([write("a", 1)[0].parent], keyring).jobs
    (result,) = read_job(job)
    assert isinstance(result, Accepted)
    folder = tmp_path / "niftis"
    folder.mkdir()
    for name in ("sub-01_a", "sub-01_b", "sub-02_a", "odd"):
        write_nifti(result.volume, folder / f"{name}.bin")
    found = ingest(folder, keyring, nifti_modality="CT", patient_pattern=r"sub-(\d+)")
    patients = {r.patient_key for r in found if isinstance(r, Accepted) and r.volume.unit == "HU"}
    assert (len(found), len(patients)) == (4, 3)
    assert keyring.patient_key("", "02") in patients


def test_an_archive_file_gives_labelled_images(
    keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(3).integers(0, 2, (7, 5, 5, 5), dtype=np.uint8)
    np.savez(tmp_path / "vesselmnist3d", train_images=images, train_labels=np.arange(7)[:, None])
    monkeypatch.setattr("medcl.ingest.lone_files._RANGE_BYTES", 3 * 125)
    found = survey([tmp_path], keyring)
    assert [len(job.keys) for job in found.jobs] == [3, 3, 1]
    results = [result for result in outcomes(found) if isinstance(result, Accepted)]
    assert [result.key for result in results] == [key for job in found.jobs for key in job.keys]
    assert [result.num_files for result in results] == [1, 0, 0, 0, 0, 0, 0]
    assert [result.label for result in results] == list(range(7))
    assert {(result.split, result.label_set) for result in results} == {("train", "vesselmnist3d")}
    assert len({result.patient_key for result in results}) == 7
    for result, image in zip(results, images, strict=True):
        np.testing.assert_array_equal(result.volume.array[0], image)


def test_hippocampus_as_dicom_gives_the_voxels_of_the_nifti(
    test_data: Path, tmp_path: Path, keyring: Keyring
) -> None:
    sources = sorted((test_data / "msd_hippocampus" / "images").glob("*.nii.gz"))[:6]
    for number, source in enumerate(sources):
        write_dicom_series(
            read_nifti(source),
            tmp_path / "dicom" / f"p{number}",
            patient_id=f"P{number}",
            study_uid=f"1.2.{number}",
            series_uid=f"1.2.{number}.1",
        )
    results = ingest(tmp_path / "dicom", keyring)
    by_patient = {r.patient_key: r for r in results if isinstance(r, Accepted)}
    for number, source in enumerate(sources):
        expected = read_nifti(source)
        found = by_patient[keyring.patient_key("", f"P{number}")].volume
        np.testing.assert_array_equal(found.array, expected.array)
        np.testing.assert_array_equal(found.affine, expected.affine)
