"""What a path in a BIDS tree says: whose image it is and what it shows. Pure rules, nothing read.

References:
    Brain Imaging Data Structure 1.10: "Common principles" (file name structure, file system
    structure, source vs. raw vs. derived data) and "Appendix: Entities".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from medcl.io.bids_names import BidsName, bids_name
from medcl.volume import Modality

Weighting = Literal["T1", "T2", "FLAIR", "PD", "DWI", "SWI", "ANGIO"]
"""MR contrast, as far as a suffix says."""

_DERIVATIVES = "derivatives"
# The specification lays these beside one another below one study: their subjects are the same.
_SIDE_BY_SIDE = {_DERIVATIVES, "rawdata", "sourcedata"}
_MODALITIES: dict[str, Modality] = {
    "anat": "MR",
    "func": "MR",
    "dwi": "MR",
    "fmap": "MR",
    "perf": "MR",
    "pet": "PT",
}
_WEIGHTINGS: dict[str, Weighting] = {
    "T1w": "T1",
    "inplaneT1": "T1",
    "UNIT1": "T1",
    "T2w": "T2",
    "inplaneT2": "T2",
    "FLAIR": "FLAIR",
    "PDw": "PD",
    "PD": "PD",
    "T2starw": "SWI",
    "T2star": "SWI",
    "dwi": "DWI",
    "angio": "ANGIO",
}
_LABELS = {"dseg", "probseg", "mask", "seg", "defacemask"}


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class BidsFacts:
    """What a path says. Words of it may be names and are never printed.

    Attributes:
        name: Entities and suffix of the file.
        num_levels: Folders in which JSON files may stand that describe it: its own, and those above
            it up to the one that the subjects lie in.
        dataset: Path of the study inside the archive, without the folders for raw data, source
            data and derivatives, which hold the same subjects; empty at the top of the archive.
        subject: Word of the entity ``sub``, unique in the dataset.
        session: Word of the entity ``ses``, or ``None``.
        modality: MR, PT or CT, or ``None`` if the folder says nothing. PET in BIDS is in Bq/mL
            or whatever its JSON files say, which is not looked at; SUV needs more than that.
        weighting: MR contrast named by the suffix.
        is_derivative: The image was computed: it lies below a folder of derivatives or has the
            entity ``desc``.
        is_label: The suffix says labels, a mask or label probabilities.
    """

    name: BidsName
    num_levels: int
    dataset: str
    subject: str
    session: str | None
    modality: Modality | None
    weighting: Weighting | None
    is_derivative: bool
    is_label: bool


def bids_facts(relative_path: str) -> BidsFacts | None:
    """Return what a path says, if it is one of a BIDS tree.

    Subject, and session where there is one, must stand both as a folder and in the file name, and
    agree.

    Args:
        relative_path: Path inside the archive, with ``/`` between its parts.

    Returns:
        The facts, or ``None`` for any other path.

    Example:
        >>> facts = bids_facts("ds001/sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz")
        >>> facts.dataset, facts.subject, facts.session, facts.modality, facts.weighting
        ('ds001', '01', '02', 'MR', 'T1')
        >>> bids_facts("ds001/sub-01/anat/sub-02_T1w.nii.gz") is None
        True
    """
    *folders, name = relative_path.split("/")
    found = bids_name(name)
    if found is None or next(iter(found.entities), None) != "sub":
        return None
    entities, suffix = found.entities, found.suffix
    top = _subject_folder(folders, entities)
    if top is None:
        return None
    above, below = folders[:top], folders[top + 1 :]
    modality = _modality(below, suffix)
    return BidsFacts(
        name=found,
        num_levels=len(below) + 2,
        dataset="/".join(_study(above)),
        subject=entities["sub"],
        session=entities.get("ses"),
        modality=modality,
        weighting=_WEIGHTINGS.get(suffix) if modality == "MR" else None,
        is_derivative=_DERIVATIVES in above or "desc" in entities,
        is_label=suffix in _LABELS,
    )


def _subject_folder(folders: Sequence[str], entities: Mapping[str, str]) -> int | None:
    """Return where the subject's folder stands, or ``None`` if folders and name disagree."""
    subjects = [index for index, folder in enumerate(folders) if folder.startswith("sub-")]
    if len(subjects) != 1 or folders[subjects[0]] != f"sub-{entities['sub']}":
        return None
    below = folders[subjects[0] + 1 :]
    sessions = [folder for folder in below if folder.startswith("ses-")]
    expected = [f"ses-{entities['ses']}"] if "ses" in entities else []
    return subjects[0] if sessions == expected == below[: len(expected)] else None


def _study(above: Sequence[str]) -> Sequence[str]:
    shared = [index for index, folder in enumerate(above) if folder in _SIDE_BY_SIDE]
    return above[: shared[0]] if shared else above


def _modality(below: Sequence[str], suffix: str) -> Modality | None:
    if suffix.lower() == "ct":
        return "CT"
    folder = below[-1] if below else ""
    return _MODALITIES.get(folder)
