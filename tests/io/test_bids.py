"""Paths of a BIDS tree say whose image it is; other paths say nothing."""

from typing import get_args

import pytest

from medcl.ingest import outcome
from medcl.io.bids import Weighting, bids_facts


@pytest.mark.parametrize(
    ("path", "modality", "weighting"),
    [
        ("d/sub-01/anat/sub-01_T1w.nii.gz", "MR", "T1"),
        ("d/sub-01/anat/sub-01_acq-highres_run-02_T2w.nii", "MR", "T2"),
        ("d/sub-01/anat/sub-01_FLAIR.nii.gz", "MR", "FLAIR"),
        ("d/sub-01/anat/sub-01_PDw.nii.gz", "MR", "PD"),
        ("d/sub-01/anat/sub-01_T2starw.nii.gz", "MR", "SWI"),
        ("d/sub-01/anat/sub-01_angio.nii.gz", "MR", "ANGIO"),
        ("d/sub-01/anat/sub-01_T1map.nii.gz", "MR", None),
        ("d/sub-01/dwi/sub-01_dir-AP_dwi.nii.gz", "MR", "DWI"),
        ("d/sub-01/func/sub-01_task-rest_bold.nii.gz", "MR", None),
        ("d/sub-01/fmap/sub-01_phasediff.nii.gz", "MR", None),
        ("d/sub-01/perf/sub-01_asl.nii.gz", "MR", None),
        ("d/sub-01/pet/sub-01_trc-FDG_pet.nii.gz", "PT", None),
        ("d/sub-01/ct/sub-01_ct.nii.gz", "CT", None),
        ("d/sub-01/anat/sub-01_acq-post_CT.nii.gz", "CT", None),
        ("d/sub-01/eeg/sub-01_task-rest_eeg.edf", None, None),
        ("d/sub-01/sub-01_T1w.nii.gz", None, None),
    ],
)
def test_folder_and_suffix_say_what_it_shows(
    path: str, modality: str | None, weighting: str | None
) -> None:
    facts = bids_facts(path)
    assert facts is not None
    assert (facts.dataset, facts.subject, facts.session) == ("d", "01", None)
    assert (facts.modality, facts.weighting) == (modality, weighting)
    assert not facts.is_derivative
    assert not facts.is_label


def test_subject_and_session_are_words_of_the_dataset() -> None:
    facts = bids_facts("arc/ds001/sub-P01/ses-02/anat/sub-P01_ses-02_T1w.nii.gz")
    other = bids_facts("arc/ds002/sub-P01/ses-02/anat/sub-P01_ses-02_T1w.nii.gz")
    top = bids_facts("sub-P01/anat/sub-P01_T1w.nii.gz")
    assert facts is not None
    assert other is not None
    assert top is not None
    assert (facts.dataset, facts.subject, facts.session) == ("arc/ds001", "P01", "02")
    assert (other.dataset, other.subject) == ("arc/ds002", "P01")
    assert top.dataset == ""
    assert "P01" not in repr(facts) + str(facts)


@pytest.mark.parametrize(
    "folder",
    [
        "ds001",
        "ds001/rawdata",
        "ds001/sourcedata",
        "ds001/sourcedata/raw",
        "ds001/derivatives/fmriprep",
        "ds001/derivatives/a/derivatives/b",
    ],
)
def test_raw_data_and_derivatives_of_one_study_share_their_subjects(folder: str) -> None:
    facts = bids_facts(f"{folder}/sub-01/anat/sub-01_T1w.nii.gz")
    assert facts is not None
    assert facts.dataset == "ds001"
    assert facts.is_derivative == ("derivatives" in folder)


def test_a_description_makes_a_derivative_wherever_it_lies() -> None:
    facts = bids_facts("ds001-fmriprep/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz")
    assert facts is not None
    assert facts.is_derivative


@pytest.mark.parametrize("suffix", ["dseg", "probseg", "mask", "seg", "defacemask"])
def test_labels_are_named(suffix: str) -> None:
    facts = bids_facts(f"d/derivatives/x/sub-01/anat/sub-01_space-T1w_{suffix}.nii.gz")
    assert facts is not None
    assert facts.is_label
    assert facts.weighting is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a.nii.gz",
        "d/sub-01/anat/T1w.nii.gz",
        "d/sub-01/anat/sub-01.nii.gz",
        "d/sub-01/anat/sub-02_T1w.nii.gz",
        "d/sub-01/anat/sub-01_ses-01_T1w.nii.gz",
        "d/sub-01/ses-01/anat/sub-01_T1w.nii.gz",
        "d/sub-01/ses-01/anat/sub-01_ses-02_T1w.nii.gz",
        "d/sub-01/anat/ses-01/sub-01_ses-01_T1w.nii.gz",
        "d/sub-01/sub-02/anat/sub-01_T1w.nii.gz",
        "d/sub-01/sub-01/anat/sub-01_T1w.nii.gz",
        "d/ses-01/anat/sub-01_ses-01_T1w.nii.gz",
        "d/anat/sub-01_T1w.nii.gz",
        "d/sub-01/anat/ses-01_sub-01_T1w.nii.gz",
        "d/sub-01/anat/sub-01_sub-01_T1w.nii.gz",
        "d/sub-01/anat/sub-01_loose_T1w.nii.gz",
        "d/sub-01/anat/sub-01_T1w (copy).nii.gz",
        "d/sub-/anat/sub-_T1w.nii.gz",
        "d/sub-O_1/anat/sub-O_1_T1w.nii.gz",
        "d/SUB-01/anat/SUB-01_T1w.nii.gz",
        "freesurfer/sub-01/mri/orig.nii.gz",
    ],
)
def test_paths_that_break_the_rules_say_nothing(path: str) -> None:
    assert bids_facts(path) is None


def test_weightings_are_words_of_the_closed_list() -> None:
    assert set(get_args(Weighting)) == set(get_args(outcome.Weighting))
