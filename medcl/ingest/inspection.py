"""Look into one file: what it is and what grouping must know of it. Runs in reading processes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medcl.io.dicom.header import read_slice_headers
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.images.medmnist import SplitFacts, read_facts
from medcl.io.images.nifti_file import count_parts
from medcl.io.kinds import file_kind
from medcl.io.refusal import ReasonCode, RefusedSeries

Kind = Literal["dicom", "nifti", "itk", "npz", "refused"]
"""Which reader takes a file; ``itk`` are NRRD and MetaImage."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class FileFacts:
    """What one file is.

    Attributes:
        kind: Which reader takes it; ``refused`` if none.
        headers: Of the planes of a DICOM image.
        splits: Of a MedMNIST archive.
        num_parts: Volumes in a NIfTI file.
        code: Why the file is refused.
        detail: What was found, in geometry and counts.
    """

    kind: Kind
    headers: tuple[SliceHeader, ...] = ()
    splits: tuple[SplitFacts, ...] = ()
    num_parts: int = 1
    code: ReasonCode = ReasonCode.NOT_IMAGE
    detail: str = ""


def inspect_file(path: Path) -> FileFacts:
    """Return what a file is; bad input never raises.

    Args:
        path: A regular file.

    Returns:
        The facts; names and extensions are not looked at.
    """
    try:
        return _inspect(path)
    except RefusedSeries as refusal:
        return FileFacts(kind="refused", code=refusal.code, detail=refusal.detail)
    except OSError as error:
        return FileFacts(kind="refused", code=ReasonCode.UNREADABLE, detail=type(error).__name__)


def _inspect(path: Path) -> FileFacts:
    match file_kind(path):
        case "dicom":
            return FileFacts(kind="dicom", headers=tuple(read_slice_headers(path)))
        case "bare_dicom":
            return _inspect_bare(path)
        case "npz":
            return FileFacts(kind="npz", splits=tuple(read_facts(path)))
        case "nifti":
            return FileFacts(kind="nifti", num_parts=count_parts(path))
        case "nrrd" | "metaimage":
            return FileFacts(kind="itk")
        case _:
            return FileFacts(kind="refused", detail="No image format that medcl knows.")


def _inspect_bare(path: Path) -> FileFacts:
    """Return the facts of what may be a DICOM data set without preamble, or any other file."""
    try:
        headers = read_slice_headers(path, bare=True)
    except RefusedSeries:
        headers = []
    if not headers or not headers[0].modality or not headers[0].sop_class:
        return FileFacts(kind="refused", detail="No image format that medcl knows.")
    return FileFacts(kind="dicom", headers=tuple(headers))
