"""Files that are volumes by themselves (NIfTI, NRRD, MetaImage, npz) → jobs."""

import re
from collections.abc import Iterator
from typing import Literal

from medcl.ingest.discovery import FoundFile
from medcl.ingest.file_facts import FileFacts
from medcl.ingest.identity import Keyring
from medcl.ingest.inheritance import BESIDE, MetadataIn, Said, inherited_modality
from medcl.ingest.jobs import Job, fingerprint
from medcl.ingest.options import IngestOptions
from medcl.ingest.outcome import Refused
from medcl.io.bids import BidsFacts, bids_facts
from medcl.io.images.medmnist_names import set_name
from medcl.io.refusal import ReasonCode
from medcl.volume import Modality

_RANGE_BYTES = 2**26
_PARTS_PER_JOB = 16


def plan_file(
    found: FoundFile,
    facts: FileFacts,
    keyring: Keyring,
    options: IngestOptions,
    *,
    metadata_in: MetadataIn,
) -> Iterator[Job | Refused]:
    """Yield what becomes of one file that is no DICOM.

    Args:
        found: The file.
        facts: What `medcl.ingest.inspection.inspect_file` found.
        keyring: The site's keys.
        options: What the site decided.
        metadata_in: Gives the JSON files of a folder.

    Yields:
        Jobs, the first of which accounts for the file, or a refusal.
    """
    if facts.kind == "npz":
        yield from _npz_jobs(found, facts, keyring)
        return
    bids = bids_facts(found.relative)
    if bids is None:
        said = Said(BESIDE, frozenset({facts.modality} if facts.modality else ()))
    else:
        said = inherited_modality(found.path, bids, metadata_in)
    modality = _refused_by_bids(bids, options) or _modality(said, bids, options)
    if isinstance(modality, FileFacts):
        yield refused_file(found, keyring, modality)
        return
    parts = facts.num_parts if ReasonCode.NOT_3D in options.accept else 1
    for start in range(0, parts, _PARTS_PER_JOB):
        stop = min(start + _PARTS_PER_JOB, parts)
        yield _image_job(found, facts, bids, range(start, stop), modality, keyring, options)


def _refused_by_bids(bids: BidsFacts | None, options: IngestOptions) -> FileFacts | None:
    """Return the refusal of what a BIDS tree names a derivative or a label map."""
    if bids is None:
        return None
    if bids.is_label and ReasonCode.LABEL_MAP not in options.accept:
        code, detail = ReasonCode.LABEL_MAP, "The name says so, by the rules of BIDS."
    elif bids.is_derivative and ReasonCode.DERIVED not in options.accept:
        code, detail = ReasonCode.DERIVED, "The path says so, by the rules of BIDS."
    else:
        return None
    return FileFacts(kind="refused", code=code, detail=detail)


def _modality(files: Said, bids: BidsFacts | None, options: IngestOptions) -> Modality | FileFacts:
    """Return what a file is said to be, or its refusal where nothing or too much is said."""
    said = {
        files.place: next(iter(files.modalities), None),
        "its place in a BIDS tree": None if bids is None else bids.modality,
        "--modality": options.nifti_modality,
    }
    words = {place: modality for place, modality in said.items() if modality is not None}
    code = ReasonCode.MODALITY_UNKNOWN
    if len(files.modalities) > 1:
        detail = (
            "JSON files of one folder that apply to it contradict one another; BIDS allows one in "
            "each folder (The Inheritance Principle, rule 4)."
        )
    elif len(set(words.values())) > 1:
        detail = _capital(f"{' and '.join(words)} contradict one another.")
    elif not words:
        detail = (
            "Neither a JSON file that applies to it nor its place in a BIDS tree says it: give "
            "--modality CT, MR, PT or OT."
        )
    else:
        (modality,) = set(words.values())
        if modality != "OT" or options.nifti_modality == "OT":
            return modality
        code = ReasonCode.UNSUPPORTED_MODALITY
        detail = _capital(f"{files.place} says so.")
    return FileFacts(kind="refused", code=code, detail=detail)


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def refused_file(found: FoundFile, keyring: Keyring, facts: FileFacts) -> Refused:
    """Return the refusal of a file."""
    return Refused(
        key=keyring.file_key(found.relative),
        code=facts.code,
        detail=facts.detail,
        num_files=1,
        fingerprint=fingerprint([found], keyring),
    )


def unopened_file(found: FoundFile, keyring: Keyring) -> Refused:
    """Return the refusal of an entry that cannot be opened: a link, a folder without permission."""
    code = found.refusal or ReasonCode.UNREADABLE
    facts = FileFacts(kind="refused", code=code, detail="The entry was not opened.")
    return refused_file(found, keyring, facts)


def _image_job(
    found: FoundFile,
    facts: FileFacts,
    bids: BidsFacts | None,
    parts: range,
    modality: Modality,
    keyring: Keyring,
    options: IngestOptions,
) -> Job:
    name = _patient_name(found.relative, options.patient_pattern)
    study = f"file {found.relative}"
    patient_key = keyring.unnamed_patient_key(found.relative)
    patient_from: Literal["pattern", "nobody"] | None = "nobody"
    if bids is not None:
        patient_from = None
        patient_key = keyring.patient_key(f"bids {bids.dataset}", bids.subject)
        study = f"bids {bids.dataset} {bids.subject} {bids.session or ''}"
    if name:
        patient_key, patient_from = keyring.patient_key("", name), "pattern"
    names = [f"{found.relative}#part:{part}" if part else found.relative for part in parts]
    overlooked = {ReasonCode.NOT_3D, ReasonCode.LABEL_MAP} & options.accept
    return Job(
        kind="itk" if facts.kind == "itk" else "nifti",
        keys=tuple(map(keyring.file_key, names)),
        patient_keys=(patient_key,) * len(parts),
        study_key=keyring.study_key(study),
        series_key=keyring.file_key(found.relative),
        fingerprint=fingerprint([found], keyring, modality, *sorted(overlooked), *options.deciding),
        num_files=0 if parts.start else 1,
        files=(found,),
        modality=modality,
        start=parts.start,
        weighting=None if bids is None else bids.weighting,
        accept_4d=ReasonCode.NOT_3D in options.accept,
        accept_labels=ReasonCode.LABEL_MAP in options.accept,
        defacing=options.defacing,
        patient_from=patient_from,
    )


def _npz_jobs(found: FoundFile, facts: FileFacts, keyring: Keyring) -> Iterator[Job]:
    """Yield jobs of about 64 MiB each; the first accounts for the file."""
    num_files = 1
    for split in facts.splits:
        step = max(1, _RANGE_BYTES // max(1, split.image_bytes))
        for start in range(0, split.num_images, step):
            stop = min(start + step, split.num_images)
            names = [f"{found.relative}#{split.split}:{index}" for index in range(start, stop)]
            keys = tuple(map(keyring.file_key, names))
            yield Job(
                kind="npz",
                keys=keys,
                patient_keys=tuple(map(keyring.unnamed_patient_key, keys)),
                study_key=keyring.study_key(f"file {found.relative}"),
                series_key=keyring.file_key(found.relative),
                fingerprint=fingerprint([found], keyring),
                num_files=num_files,
                files=(found,),
                split=split.split,
                start=start,
                label_set=set_name(found.path),
            )
            num_files = 0


def _patient_name(relative: str, pattern: str | None) -> str | None:
    match = re.search(pattern, relative) if pattern else None
    if match is None:
        return None
    return match[1] if match.groups() else match[0]
