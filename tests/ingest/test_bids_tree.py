"""A BIDS tree and other NIfTI files end with the right people, or with a reason."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from medcl.ingest.identity import Keyring
from medcl.ingest.outcome import Accepted, Outcome
from medcl.io.refusal import ReasonCode
from tests.ingest.whole import ingest

KEYRING = Keyring(bytes(range(32)))
SHAPE = (24, 22, 14)


def image(seed: int, shape: tuple[int, ...] = SHAPE) -> nibabel.Nifti1Image:
    values = np.random.default_rng(seed).normal(300, 60, shape).astype(np.float32)
    return nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 2.0, 1.0]))


def put(path: Path, made: nibabel.Nifti1Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(made, path)
    return path


@pytest.fixture
def tree(tmp_path) -> Path:
    """Two subjects, two sessions each, derivatives, a time series, and the text beside them."""
    root = tmp_path / "ds"
    for number, (subject, session) in enumerate([("1", "a"), ("1", "b"), ("2", "a"), ("2", "b")]):
        folder, stem = root / f"sub-{subject}/ses-{session}", f"sub-{subject}_ses-{session}"
        put(folder / "anat" / f"{stem}_T1w.nii.gz", image(number))
        put(folder / "anat" / f"{stem}_FLAIR.nii.gz", image(number + 10))
        (folder / "anat" / f"{stem}_T1w.json").write_text("{}")
    put(root / "sub-1/ses-a/func/sub-1_ses-a_task-x_bold.nii.gz", image(20, (*SHAPE, 5)))
    derived = root / "derivatives/fs/sub-1/ses-a/anat"
    labels = nibabel.Nifti1Image(np.ones(SHAPE, np.uint8), np.eye(4))
    put(derived / "sub-1_ses-a_dseg.nii.gz", labels)
    put(derived / "sub-1_ses-a_desc-clean_T1w.nii.gz", image(30))
    (root / "participants.tsv").write_text("participant_id\nsub-1\n")
    return root


def by_name(root: Path, outcomes: list[Outcome]) -> dict[str, Outcome]:
    """Return the outcome of each file by its name; parts of one file share it."""
    keys = {outcome.key: outcome for outcome in outcomes}
    files = [path for path in root.rglob("*") if path.is_file()]
    names = {path.name: path.relative_to(root.parent).as_posix() for path in files}
    return {name: keys[KEYRING.file_key(relative)] for name, relative in names.items()}


def test_subjects_are_patients_and_sessions_are_studies(tree):
    found = by_name(tree, ingest(tree, KEYRING))
    scans = {
        name: one for name, one in found.items() if isinstance(one, Accepted) and "ses" in name
    }
    assert len(scans) == 8
    patients = {name.split("_")[0]: one.patient_key for name, one in scans.items()}
    studies = {tuple(name.split("_")[:2]): one.study_key for name, one in scans.items()}
    assert len(set(patients.values())) == 2
    assert len(set(studies.values())) == 4
    for name, one in scans.items():
        assert one.patient_key == patients[name.split("_")[0]]
        assert one.study_key == studies[tuple(name.split("_")[:2])]
        assert one.technical.weighting == ("T1" if "T1w" in name else "FLAIR")


def test_what_is_no_scan_of_a_tree_is_refused_for_what_it_is(tree):
    found = by_name(tree, ingest(tree, KEYRING))
    codes = {name: one.code for name, one in found.items() if not isinstance(one, Accepted)}
    assert codes == {
        "sub-1_ses-a_task-x_bold.nii.gz": "NOT_3D",
        "sub-1_ses-a_dseg.nii.gz": "LABEL_MAP",
        "sub-1_ses-a_desc-clean_T1w.nii.gz": "DERIVED",
        "participants.tsv": "NOT_IMAGE",
        **{f"sub-{one}_ses-{two}_T1w.json": "NOT_IMAGE" for one in "12" for two in "ab"},
    }


def test_derivatives_that_are_accepted_belong_to_the_same_people(tree):
    found = by_name(
        tree, ingest(tree, KEYRING, accept=frozenset({ReasonCode.DERIVED, ReasonCode.NOT_3D}))
    )
    scan, derived, series = (
        found[f"sub-1_ses-a_{end}.nii.gz"] for end in ("T1w", "desc-clean_T1w", "task-x_bold")
    )
    assert scan.patient_key == derived.patient_key == series.patient_key
    assert scan.study_key == derived.study_key == series.study_key


def damaged(content: bytes) -> dict[str, tuple[bytes, str]]:
    """Return ways to damage a file, and the reason each must be refused for."""
    plain = gzip.decompress(content)
    middle = len(content) // 2
    flipped = bytes([content[middle] ^ 8])
    return {
        "cut": (content[:-300], "PIXEL_TRUNCATED"),
        "checksum": (content[:-8] + bytes(4) + content[-4:], "DECODE_FAILED"),
        "flipped": (content[:middle] + flipped + content[middle + 1 :], "DECODE_FAILED"),
        "followed": (content + b"rubbish", "DECODE_FAILED"),
        "twice": (content * 2, "DECODE_FAILED"),
        "short": (plain[:-500], "PIXEL_TRUNCATED"),
    }


def test_damaged_files_are_refused_for_what_is_wrong_with_them(tmp_path):
    content = put(tmp_path / "whole.nii.gz", image(1)).read_bytes()
    ways = damaged(content)
    folder = tmp_path / "odd"
    folder.mkdir()
    for name, (changed, _) in ways.items():
        (folder / f"{name}.nii.gz").write_bytes(changed)
    found = by_name(folder, ingest(folder, KEYRING, nifti_modality="MR"))
    codes = {name.removesuffix(".nii.gz"): one.code for name, one in found.items()}
    assert codes == {name: code for name, (_, code) in ways.items()}


def test_voxels_that_are_no_numbers_are_marked_and_files_of_them_refused(tmp_path):
    values = np.array(image(1).dataobj)
    values[0], values[1], values[2] = np.nan, -np.inf, np.inf
    put(tmp_path / "in" / "some.nii.gz", nibabel.Nifti1Image(values, np.eye(4)))
    nothing = nibabel.Nifti1Image(np.full(SHAPE, np.nan, np.float32), np.eye(4))
    put(tmp_path / "in" / "all.nii.gz", nothing)
    found = by_name(tmp_path / "in", ingest(tmp_path / "in", KEYRING, nifti_modality="MR"))
    volume = found["some.nii.gz"].volume
    assert np.isfinite(volume.array).all()
    assert (volume.validity == (np.arange(SHAPE[0]) > 2)[:, None, None]).all()
    assert found["all.nii.gz"].code == "IMPLAUSIBLE_RANGE"
