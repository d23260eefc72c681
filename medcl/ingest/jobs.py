"""Pieces of work: one series, one NIfTI file, or some images of an archive file each."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medcl.errors import RequestError
from medcl.ingest.discovery import FoundFile
from medcl.ingest.identity import Keyring, is_junk_id
from medcl.ingest.inspection import FileFacts
from medcl.ingest.outcome import Refused
from medcl.io.dicom_checks import ACCEPTABLE, check_slice
from medcl.io.dicom_header import SliceHeader
from medcl.io.medmnist import set_name
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.volume import Modality

READING_VERSION = "1"
"""Changes when readers give other voxels for the same file; a rerun then reads all anew."""

_RANGE_BYTES = 2**26


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestOptions:
    """What a site may decide.

    Attributes:
        nifti_modality: What NIfTI files are, because they do not say.
        patient_pattern: Regular expression searched in the relative path of a NIfTI file; its
            first group, or else the whole match, names the patient. Without it, or where it does
            not match, each file counts as a patient of its own.
        accept: Reasons to overlook: DERIVED, BURNED_IN.
        keep_demographics: Keep sex and age band.
    """

    nifti_modality: Modality = "MR"
    patient_pattern: str | None = None
    accept: frozenset[ReasonCode] = frozenset()
    keep_demographics: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be decided so.

        Raises:
            RequestError: A reason that cannot be overlooked, or no regular expression.
        """
        if not self.accept <= ACCEPTABLE:
            refused = ", ".join(sorted(self.accept - ACCEPTABLE))
            allowed = ", ".join(sorted(ACCEPTABLE))
            raise RequestError(f"Only {allowed} can be accepted, got {refused}.")
        try:
            re.compile(self.patient_pattern or "")
        except re.error as error:
            raise RequestError(f"patient_pattern is no regular expression: {error.msg}.") from None


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Job:
    """A piece of work for one worker. It holds paths and headers and is never printed.

    Attributes:
        kind: Which reader takes it.
        keys: Key of each outcome, in order.
        fingerprint: Changes when a file, the options that matter to it, or the readers change.
        num_files: Archive files it accounts for.
        paths: The files.
        headers: Their headers, for DICOM.
        patient_key: Whose it is; empty for archives, where every image has its own.
        study_key: Of which study.
        modality: Of the volume, for NIfTI.
        split: Of the images, for archives.
        start: First image, for archives.
        label_set: Name of the labels, for archives.
        keep_demographics: Keep sex and age band.
    """

    kind: Literal["dicom", "nifti", "npz"]
    keys: tuple[str, ...]
    fingerprint: str
    num_files: int
    paths: tuple[Path, ...]
    headers: tuple[SliceHeader, ...] = ()
    patient_key: str = ""
    study_key: str = ""
    modality: Modality = "OT"
    split: str | None = None
    start: int = 0
    label_set: str | None = None
    keep_demographics: bool = False

    @property
    def key(self) -> str:
        """Key of the first outcome."""
        return self.keys[0]


def series_jobs(
    slices: Iterable[tuple[FoundFile, SliceHeader]], keyring: Keyring, options: IngestOptions
) -> Iterator[Job | Refused]:
    """Group DICOM images into series.

    Where one series UID mixes several things, such as a localizer or other image types, these are
    parted first: patient, study, storage class, image type and the reason a slice would be
    refused for. A file that ends too early stays with its series, which is then refused whole:
    the rest would be a shorter body.

    Args:
        slices: Files with their headers.
        keyring: The site's keys.
        options: What the site decided.

    Yields:
        A job for each series that may be read, a refusal for each other one.
    """
    groups: dict[tuple[str, ...], list[tuple[FoundFile, SliceHeader]]] = {}
    for found, header in slices:
        groups.setdefault(_hard_split(found, header), []).append((found, header))
    for words, members in groups.items():
        yield _series_job(words, members, keyring, options)


def nifti_job(found: FoundFile, keyring: Keyring, options: IngestOptions) -> Job:
    """Return the job of one NIfTI file."""
    name = _patient_name(found.relative, options.patient_pattern)
    patient = keyring.patient_key("", name) if name else None
    return Job(
        kind="nifti",
        keys=(keyring.file_key(found.relative),),
        fingerprint=fingerprint([found], keyring, options.nifti_modality),
        num_files=1,
        paths=(found.path,),
        patient_key=patient or keyring.unnamed_patient_key(found.relative),
        study_key=keyring.study_key(f"file {found.relative}"),
        modality=options.nifti_modality,
    )


def npz_jobs(found: FoundFile, facts: FileFacts, keyring: Keyring) -> Iterator[Job]:
    """Yield jobs of about 64 MiB each for an archive file; the first accounts for the file."""
    num_files = 1
    for split in facts.splits:
        step = max(1, _RANGE_BYTES // max(1, split.image_bytes))
        for start in range(0, split.num_images, step):
            stop = min(start + step, split.num_images)
            names = [f"{found.relative}#{split.split}:{index}" for index in range(start, stop)]
            yield Job(
                kind="npz",
                keys=tuple(map(keyring.file_key, names)),
                fingerprint=fingerprint([found], keyring),
                num_files=num_files,
                paths=(found.path,),
                study_key=keyring.study_key(f"file {found.relative}"),
                split=split.split,
                start=start,
                label_set=set_name(found.path),
            )
            num_files = 0


def fingerprint(files: Iterable[FoundFile], keyring: Keyring, *options: str) -> str:
    """Return 16 hex characters that change with name, size or time of a file, and with options."""
    words = sorted(f"{found.relative}\0{found.size}\0{found.mtime_ns}" for found in files)
    return keyring.content_key(READING_VERSION, *options, *words)


def _hard_split(found: FoundFile, header: SliceHeader) -> tuple[str, ...]:
    refusal = check_slice(header)
    is_cut = refusal is not None and refusal.code is ReasonCode.PIXEL_TRUNCATED
    num_words = 4 if header.modality == "MR" else 3
    return (
        header.series_uid,
        # Some anonymisers empty every UID; the folder then has to do.
        "" if header.series_uid else found.folder,
        header.issuer,
        header.patient_id,
        header.study_uid,
        header.sop_class,
        "\\".join(header.image_type[:num_words]),
        "" if refusal is None or is_cut else refusal.code,
    )


def _series_job(
    words: tuple[str, ...],
    members: list[tuple[FoundFile, SliceHeader]],
    keyring: Keyring,
    options: IngestOptions,
) -> Job | Refused:
    files = [found for found, _ in members]
    headers = tuple(header for _, header in members)
    overlooked = sorted(options.accept & {words[-1]})
    key = keyring.series_key(*words)
    digest = fingerprint(files, keyring, *overlooked)
    refusal = _refusal_of(headers, options.accept)
    if refusal is not None:
        return Refused(
            key=key,
            code=refusal.code,
            detail=refusal.detail,
            num_files=len(files),
            fingerprint=digest,
        )
    first, study = headers[0], headers[0].study_uid or f"folder {files[0].folder}"
    is_named = not is_junk_id(first.patient_id)
    return Job(
        kind="dicom",
        keys=(key,),
        fingerprint=digest,
        num_files=len(files),
        paths=tuple(found.path for found in files),
        headers=headers,
        patient_key=keyring.patient_key(first.issuer, first.patient_id)
        if is_named
        else keyring.unnamed_patient_key(study),
        study_key=keyring.study_key(study),
        keep_demographics=options.keep_demographics,
    )


def _refusal_of(
    headers: tuple[SliceHeader, ...], accept: frozenset[ReasonCode]
) -> RefusedSeries | None:
    refusals = [refusal for header in headers if (refusal := check_slice(header, accept=accept))]
    if not refusals:
        return None
    detail = refusals[0].detail
    if len(refusals) < len(headers):
        detail = f"{len(refusals)} of {len(headers)} files: {detail}"
    return RefusedSeries(refusals[0].code, detail)


def _patient_name(relative: str, pattern: str | None) -> str | None:
    match = re.search(pattern, relative) if pattern else None
    if match is None:
        return None
    return match[1] if match.groups() else match[0]
