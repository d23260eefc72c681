"""Survey an archive, then read it piece by piece; every file ends in exactly one outcome."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medcl.errors import InputError
from medcl.ingest.discovery import FoundFile, discover
from medcl.ingest.identity import Keyring
from medcl.ingest.inspection import FileFacts, inspect_file
from medcl.ingest.jobs import (
    IngestOptions,
    Job,
    fingerprint,
    nifti_job,
    npz_jobs,
    series_jobs,
)
from medcl.ingest.outcome import Accepted, Outcome, Refused, Technical
from medcl.ingest.technical import technical_of
from medcl.io.dicom_header import SliceHeader
from medcl.io.dicom_series import read_slices
from medcl.io.medmnist import read_images
from medcl.io.nifti import read_nifti
from medcl.io.refusal import ReasonCode, RefusedSeries

__all__ = ["IngestOptions", "Job", "Survey", "read_job", "survey"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What an archive holds.

    Attributes:
        jobs: Work that gives the volumes.
        refused: Files and series turned away by their headers.
        num_files: Entries found; equals ``num_files`` summed over jobs and refusals.
    """

    jobs: list[Job]
    refused: list[Refused]
    num_files: int


def survey(
    sources: Sequence[Path],
    keyring: Keyring,
    *,
    options: IngestOptions | None = None,
    progress: Callable[[int], None] | None = None,
    mapper: Callable[..., Iterable[FileFacts]] = map,
) -> Survey:
    """Find every file below the sources, look at its header, and plan the reading.

    Args:
        sources: Folders or files; links in them are not followed.
        keyring: The site's keys.
        options: What the site decided; defaults refuse whatever is doubtful.
        progress: Called with the number of files looked at so far.
        mapper: Spreads the header reading, such as ``executor.map``.

    Returns:
        Jobs and refusals, in an order that does not depend on the disk.

    Raises:
        InputError: A source is missing or there is no file below the sources.
    """
    options = options or IngestOptions()
    entries = list(discover(sources))
    if not entries:
        raise InputError(f"No file was found below {len(sources)} sources.")
    refused = [_refused(entry, keyring, _unopened(entry)) for entry in entries if entry.refusal]
    files = [entry for entry in entries if entry.refusal is None]
    jobs: list[Job] = []
    slices: list[tuple[FoundFile, SliceHeader]] = []
    facts_of = mapper(inspect_file, [entry.path for entry in files])
    for done, (entry, facts) in enumerate(zip(files, facts_of, strict=True), start=1):
        if facts.header is not None:
            slices.append((entry, facts.header))
        elif facts.kind == "nifti":
            jobs.append(nifti_job(entry, keyring, options))
        elif facts.kind == "npz":
            jobs += npz_jobs(entry, facts, keyring)
        else:
            refused.append(_refused(entry, keyring, facts))
        if progress is not None:
            progress(done)
    for outcome in series_jobs(slices, keyring, options):
        if isinstance(outcome, Job):
            jobs.append(outcome)
        else:
            refused.append(outcome)
    return Survey(jobs=jobs, refused=refused, num_files=len(entries))


def read_job(job: Job, keyring: Keyring) -> list[Outcome]:
    """Read what a job names; bad input becomes a refusal and never raises.

    Args:
        job: From `survey`; may have come from another process.
        keyring: The site's keys.

    Returns:
        One outcome per volume; their ``num_files`` sum to the job's.
    """
    try:
        return list(_READERS[job.kind](job, keyring))
    except RefusedSeries as refusal:
        code, detail = refusal.code, refusal.detail
    except MemoryError:
        code, detail = ReasonCode.LIMIT_EXCEEDED, "Out of memory."
    except Exception as error:  # noqa: BLE001 (its text may hold a path or a header value)
        code, detail = ReasonCode.DECODE_FAILED, f"{type(error).__name__}."
    return [
        Refused(
            key=job.key,
            code=code,
            detail=detail,
            num_files=job.num_files,
            fingerprint=job.fingerprint,
        )
    ]


def _read_dicom(job: Job, _keyring: Keyring) -> Iterator[Outcome]:
    reading = read_slices(job.paths, job.headers)
    yield Accepted(
        key=job.key,
        patient_key=job.patient_key,
        study_key=job.study_key,
        volume=reading.volume,
        technical=technical_of(
            reading.first,
            jitter_mm=reading.jitter_mm,
            keep_demographics=job.keep_demographics,
        ),
        num_files=job.num_files,
        fingerprint=job.fingerprint,
    )


def _read_nifti(job: Job, _keyring: Keyring) -> Iterator[Outcome]:
    yield Accepted(
        key=job.key,
        patient_key=job.patient_key,
        study_key=job.study_key,
        volume=read_nifti(job.paths[0], modality=job.modality),
        technical=Technical(),
        num_files=job.num_files,
        fingerprint=job.fingerprint,
    )


def _read_npz(job: Job, keyring: Keyring) -> Iterator[Outcome]:
    volumes, labels = read_images(
        job.paths[0], split=job.split or "", start=job.start, stop=job.start + len(job.keys)
    )
    for index, (key, volume, label) in enumerate(zip(job.keys, volumes, labels, strict=True)):
        yield Accepted(
            key=key,
            patient_key=keyring.unnamed_patient_key(key),
            study_key=job.study_key,
            volume=volume,
            technical=Technical(),
            num_files=job.num_files if index == 0 else 0,
            fingerprint=job.fingerprint,
            label=label,
            split=job.split,
            label_set=None if label is None else job.label_set,
        )


_READERS = {"dicom": _read_dicom, "nifti": _read_nifti, "npz": _read_npz}


def _unopened(entry: FoundFile) -> FileFacts:
    return FileFacts(
        kind="refused",
        code=entry.refusal or ReasonCode.UNREADABLE,
        detail="The entry was not opened.",
    )


def _refused(entry: FoundFile, keyring: Keyring, facts: FileFacts) -> Refused:
    return Refused(
        key=keyring.file_key(entry.relative),
        code=facts.code,
        detail=facts.detail,
        num_files=1,
        fingerprint=fingerprint([entry], keyring),
    )
