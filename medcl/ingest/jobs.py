"""Pieces of work for reading processes: one stack, one file, or some images of an archive file."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from medcl.ingest.defacing import Defacing
from medcl.ingest.discovery import FoundFile
from medcl.ingest.identity import Keyring
from medcl.ingest.outcome import Refused, Weighting
from medcl.io.dicom.series_options import SeriesOptions
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.refusal import ReasonCode
from medcl.volume import Modality

READING_VERSION = "2"
"""Changes when readers give other voxels for the same file; a rerun then reads all anew."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Plane:
    """One plane of a stack and the file it stands in.

    Attributes:
        found: The file.
        header: Of the plane.
    """

    found: FoundFile
    header: SliceHeader


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Job:
    """A piece of work for one reading process. It holds paths and headers and is never printed.

    It holds keys but no secret: a reading process never sees one.

    Attributes:
        kind: Which reader takes it.
        keys: Key of each outcome, in order.
        patient_keys: Whose each outcome is.
        patient_from: Who named the patient of a file without a header for it: the site's pattern,
            or nobody, so that the file counts as one; ``None`` for all else.
        study_key: Of which study.
        series_key: Of which series, or file; labels may name it.
        frame_key: Of which frame of reference; ``None`` where none is named.
        fingerprint: Changes when a file, the options that matter to it, or the readers change.
        num_files: Archive files it accounts for.
        files: The files, for all but DICOM.
        planes: The planes, for DICOM.
        copies: Planes that must equal the plane whose number stands before them, for DICOM.
        series: How DICOM series are read.
        modality: Of the volume, for files that do not say it.
        weighting: MR contrast that the name of a file says.
        accept_labels: Whether a label map may pass for a scan.
        accept_4d: Whether a 4D file may be parted.
        split: Of the images, for archives.
        start: First image or part of the file.
        label_set: Name of the labels, for archives.
        keep_demographics: Keep sex and age band.
        defacing: What removes faces from heads.
    """

    kind: Literal["dicom", "nifti", "itk", "npz"]
    keys: tuple[str, ...]
    patient_keys: tuple[str, ...]
    study_key: str
    series_key: str
    fingerprint: str
    num_files: int
    files: tuple[FoundFile, ...] = ()
    planes: tuple[Plane, ...] = ()
    copies: tuple[tuple[int, Plane], ...] = ()
    series: SeriesOptions = field(default_factory=SeriesOptions)
    modality: Modality = "OT"
    weighting: Weighting | None = None
    accept_labels: bool = False
    accept_4d: bool = False
    split: str | None = None
    start: int = 0
    label_set: str | None = None
    frame_key: str | None = None
    keep_demographics: bool = False
    defacing: Defacing | None = None
    patient_from: Literal["pattern", "nobody"] | None = None

    @property
    def key(self) -> str:
        """Key of the first outcome."""
        return self.keys[0]


def fingerprint(files: Iterable[FoundFile], keyring: Keyring, *options: str) -> str:
    """Return 16 hex characters that change with name, size or time of a file, and with options."""
    words = sorted(f"{found.relative}\0{found.size}\0{found.mtime_ns}" for found in files)
    return keyring.content_key(READING_VERSION, *options, *words)


def refused_job(job: Job, code: ReasonCode, detail: str) -> Refused:
    """Return the refusal of everything that a job names."""
    return Refused(
        key=job.key,
        code=code,
        detail=detail,
        num_files=job.num_files,
        fingerprint=job.fingerprint,
    )
