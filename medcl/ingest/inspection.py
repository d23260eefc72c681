"""Look into one file: what it is and what grouping must know of it. Runs in worker processes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medcl.io.dicom_header import SliceHeader, read_slice_header
from medcl.io.kinds import file_kind
from medcl.io.medmnist import SplitFacts, read_facts
from medcl.io.refusal import ReasonCode, RefusedSeries


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class FileFacts:
    """What one file is.

    Attributes:
        kind: Which reader takes it; ``refused`` if none.
        header: Of a DICOM image.
        splits: Of a MedMNIST archive.
        code: Why the file is refused.
        detail: What was found, in geometry and counts.
    """

    kind: Literal["dicom", "nifti", "npz", "refused"]
    header: SliceHeader | None = None
    splits: tuple[SplitFacts, ...] = ()
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
    kind = file_kind(path)
    if kind == "dicom":
        return FileFacts(kind="dicom", header=read_slice_header(path))
    if kind == "bare_dicom":
        return _inspect_bare(path)
    if kind == "npz":
        return FileFacts(kind="npz", splits=tuple(read_facts(path)))
    if kind == "nifti":
        return FileFacts(kind="nifti")
    return FileFacts(kind="refused", detail="No image format that medcl knows.")


def _inspect_bare(path: Path) -> FileFacts:
    """Return the facts of what may be a DICOM data set without preamble, or any other file."""
    try:
        header = read_slice_header(path, bare=True)
    except RefusedSeries:
        header = None
    if header is None or not header.modality or not header.sop_class:
        return FileFacts(kind="refused", detail="No image format that medcl knows.")
    return FileFacts(kind="dicom", header=header)
