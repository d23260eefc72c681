"""A job → volumes or refusals. Runs in reading processes; bad input never raises.

What takes long to load is imported where it is used: most archives need most of it never.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from medcl.ingest.discovery import FoundFile
from medcl.ingest.jobs import Job, Plane, refused_job
from medcl.ingest.outcome import Accepted, OrientationSource, Outcome, Technical
from medcl.ingest.technical import technical_of
from medcl.io.dicom.classes import ENHANCED_CLASSES
from medcl.io.dicom.pixels import has_plain_pixels, stored_planes
from medcl.io.dicom.plain import read_plain
from medcl.io.dicom.series import read_planes
from medcl.io.dicom.tags import TAGS
from medcl.io.dicom.values import Readable
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.volume import Volume


def read_job(job: Job, *, within: Path | None = None) -> list[Outcome]:
    """Read what a job names.

    Args:
        job: From `medcl.ingest.archive.plan`; may have come from another process.
        within: Private folder for the files of a program that removes faces.

    Returns:
        One outcome per volume; their ``num_files`` sum to the job's.
    """
    try:
        _require_unchanged([*job.files, *(plane.found for plane in job.planes)])
        return [_defaced(outcome, job, within) for outcome in _READERS[job.kind](job)]
    except RefusedSeries as refusal:
        code, detail = refusal.code, refusal.detail
    except MemoryError:
        code, detail = ReasonCode.LIMIT_EXCEEDED, "Out of memory."
    except FileNotFoundError:
        code, detail = ReasonCode.UNREADABLE, "A file is no longer there."
    except Exception as error:  # noqa: BLE001 (its text may hold a path or a header value)
        code, detail = ReasonCode.DECODE_FAILED, f"{type(error).__name__}."
    return [refused_job(job, code, detail)]


def is_plain(job: Job) -> bool:
    """Return whether a job can be read without loading more."""
    planes = [*job.planes, *(plane for _, plane in job.copies)]
    return (
        job.kind == "dicom"
        and job.defacing is None
        and all(has_plain_pixels(plane.header) for plane in planes)
        and all(plane.header.modality in {"CT", "MR"} for plane in planes)
        and not any(plane.header.sop_class in ENHANCED_CLASSES for plane in planes)
        and _has_plain_elements(job.planes[0])
    )


def _has_plain_elements(plane: Plane) -> bool:
    try:
        return read_plain(plane.found.path, TAGS.values()) is not None
    except OSError:
        return False


def _defaced(outcome: Outcome, job: Job, within: Path | None) -> Outcome:
    """Return a head without its face, where the site asks for it; everything else as it is."""
    defacing = job.defacing
    if not isinstance(outcome, Accepted) or defacing is None:
        return outcome
    if not defacing.concerns(outcome.technical.body_part):
        return outcome
    from medcl.ingest.face_removal import deface

    return replace(
        outcome,
        volume=deface(outcome.volume, defacing, within=within),
        technical=replace(outcome.technical, defaced=defacing.name),
    )


def _require_unchanged(files: Iterable[FoundFile]) -> None:
    """Refuse a file that is not as it was surveyed: its header may say something else now.

    Raises:
        RefusedSeries: A file has another size or time.
    """
    for found in {found.path: found for found in files}.values():
        status = found.path.stat()
        if (status.st_size, status.st_mtime_ns) != (found.size, found.mtime_ns):
            raise RefusedSeries(ReasonCode.CHANGED_CONTENT, "A file changed since it was surveyed.")


def _read_dicom(job: Job) -> Iterator[Outcome]:
    headers = [plane.header for plane in job.planes]
    _require_equal_copies(job)
    reading = read_planes([plane.found.path for plane in job.planes], headers, options=job.series)
    first = job.planes[reading.first]
    yield Accepted(
        key=job.key,
        patient_key=job.patient_keys[0],
        study_key=job.study_key,
        series_key=job.series_key,
        frame_key=job.frame_key,
        volume=reading.volume,
        technical=technical_of(
            _elements_of(first),
            jitter_mm=reading.jitter_mm,
            tilt_degrees=reading.tilt_degrees,
            keep_demographics=job.keep_demographics,
        ),
        num_files=job.num_files,
        fingerprint=job.fingerprint,
    )


def _elements_of(plane: Plane) -> Readable:
    """Return the elements that say how a plane was taken."""
    is_enhanced = plane.header.sop_class in ENHANCED_CLASSES
    plain = None if is_enhanced else read_plain(plane.found.path, TAGS.values())
    if plain is not None:
        return plain
    from medcl.io.dicom.enhanced import flattened
    from medcl.io.dicom.file import read_elements

    whole = read_elements(plane.found.path, tags=None, bare=plane.header.is_bare).dataset
    return flattened(whole, plane.header.frame) if is_enhanced else whole


def _require_equal_copies(job: Job) -> None:
    for number, twin in job.copies:
        original = job.planes[number]
        first, second = (
            next(stored_planes(plane.found.path, [plane.header])) for plane in (original, twin)
        )
        if not np.array_equal(first, second):
            raise RefusedSeries(
                ReasonCode.DUPLICATE_SLICES, "Two files of one instance hold other pixels."
            )


def _read_nifti(job: Job) -> Iterator[Outcome]:
    from medcl.io.images.nifti_file import open_nifti

    file = open_nifti(job.files[0].path, accept_4d=job.accept_4d)
    for number in range(len(job.keys)):
        volume = file.read_part(
            job.start + number, modality=job.modality, accept_labels=job.accept_labels
        )
        yield _image(job, number, volume, file.header.orientation_source)


def _read_itk(job: Job) -> Iterator[Outcome]:
    from medcl.io.images.itk_image import read_itk_image

    path = job.files[0].path
    volume = read_itk_image(path, modality=job.modality, accept_labels=job.accept_labels)
    yield _image(job, 0, volume, "header")


def _image(job: Job, number: int, volume: Volume, source: OrientationSource) -> Accepted:
    return Accepted(
        key=job.keys[number],
        patient_key=job.patient_keys[number],
        study_key=job.study_key,
        series_key=job.series_key,
        volume=volume,
        technical=Technical(orientation_source=source, weighting=job.weighting),
        num_files=job.num_files if number == 0 else 0,
        fingerprint=job.fingerprint,
    )


def _read_npz(job: Job) -> Iterator[Outcome]:
    from medcl.io.images.medmnist import read_images

    volumes, labels = read_images(
        job.files[0].path, split=job.split or "", start=job.start, stop=job.start + len(job.keys)
    )
    people = zip(job.keys, job.patient_keys, strict=True)
    for index, ((key, patient_key), volume, label) in enumerate(
        zip(people, volumes, labels, strict=True)
    ):
        yield Accepted(
            key=key,
            patient_key=patient_key,
            study_key=job.study_key,
            series_key=job.series_key,
            volume=volume,
            technical=Technical(orientation_source="assumed"),
            num_files=job.num_files if index == 0 else 0,
            fingerprint=job.fingerprint,
            label=label,
            split=job.split,
            label_set=None if label is None else job.label_set,
        )


_READERS = {"dicom": _read_dicom, "nifti": _read_nifti, "itk": _read_itk, "npz": _read_npz}
