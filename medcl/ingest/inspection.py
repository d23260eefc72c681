"""Look into one file: what it is and what grouping must know of it. Runs in reading processes.

What takes long to load is imported where it is used: most archives need most of it never.
"""

from pathlib import Path

from medcl.ingest.file_facts import FileFacts
from medcl.io.bids_names import metadata_name
from medcl.io.dicom.header import plain_header, read_slice_headers
from medcl.io.kinds import file_kind
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.sidecar import named_modality, read_metadata, sidecar_modality

_NO_IMAGE = "No image format that medcl knows."


def inspect_file(path: Path) -> FileFacts:
    """Return what a file is; bad input never raises.

    Args:
        path: A regular file.

    Returns:
        The facts; for images, names and extensions are not looked at.
    """
    try:
        return _inspect(path)
    except RefusedSeries as refusal:
        return FileFacts(kind="refused", code=refusal.code, detail=refusal.detail)
    except OSError as error:
        return FileFacts(kind="refused", code=ReasonCode.UNREADABLE, detail=type(error).__name__)


def plain_facts(path: Path) -> FileFacts | None:
    """Return what a file is, if it can be told without loading more; else ``None``.

    Args:
        path: A regular file.

    Returns:
        What `inspect_file` says.

    Raises:
        OSError: The file cannot be read.
    """
    header = plain_header(path)
    return None if header is None else FileFacts(kind="dicom", headers=(header,))


def _inspect(path: Path) -> FileFacts:
    plain = plain_facts(path)
    if plain is not None:
        return plain
    match file_kind(path):
        case "dicom":
            return FileFacts(kind="dicom", headers=tuple(read_slice_headers(path)))
        case "bare_dicom":
            return _inspect_bare(path)
        case "npz":
            from medcl.io.images.medmnist import read_facts

            return FileFacts(kind="npz", splits=tuple(read_facts(path)))
        case "nifti":
            from medcl.io.images.nifti_file import count_parts

            return FileFacts(
                kind="nifti", num_parts=count_parts(path), modality=sidecar_modality(path)
            )
        case "nrrd" | "metaimage":
            return FileFacts(kind="itk", modality=sidecar_modality(path))
        case _:
            return _inspect_other(path)


def _inspect_other(path: Path) -> FileFacts:
    """Return the facts of what is no image: metadata, where its name and content say so."""
    metadata = read_metadata(path) if metadata_name(path.name) else None
    if metadata is None:
        return FileFacts(kind="refused", detail=_NO_IMAGE)
    return FileFacts(kind="metadata", modality=named_modality(metadata), detail=_NO_IMAGE)


def _inspect_bare(path: Path) -> FileFacts:
    """Return the facts of what may be a DICOM data set without preamble, or any other file."""
    try:
        headers = read_slice_headers(path, bare=True)
    except RefusedSeries:
        headers = []
    if not headers or not headers[0].modality or not headers[0].sop_class:
        return _inspect_other(path)
    return FileFacts(kind="dicom", headers=tuple(headers))
