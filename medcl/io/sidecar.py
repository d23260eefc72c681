"""What JSON files say of images, for formats that cannot say it themselves.

References:
    Brain Imaging Data Structure 1.10, "Imaging files": metadata in a JSON file of the same name,
    which dcm2niix writes too; ``Modality`` is DICOM's (0008,0060).
"""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from medcl.volume import Modality

_MOST_BYTES = 2**22
_NAMES: dict[str, Modality] = {"CT": "CT", "MR": "MR", "MRI": "MR", "PT": "PT", "PET": "PT"}


def sidecar_of(path: Path) -> Path:
    """Return where the JSON file of an image stands, whether there is one or not.

    Example:
        >>> sidecar_of(Path("a/scan.v2.nii.gz")).name, sidecar_of(Path("a/scan.nrrd")).name
        ('scan.v2.json', 'scan.json')
    """
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return path.with_name(f"{Path(name).stem}.json")


def sidecar_modality(path: Path) -> Modality | None:
    """Return the modality that the JSON file beside an image names.

    Args:
        path: Of the image.

    Returns:
        OT for any modality but CT, MR and PET; ``None`` where there is no such file, where it
        does not say, or where it cannot be read as JSON.

    Example:
        >>> import tempfile
        >>> image = Path(tempfile.mkdtemp()) / "scan.nii.gz"
        >>> _ = image.with_name("scan.json").write_text('{"Modality": "CT"}')
        >>> sidecar_modality(image)
        'CT'
    """
    metadata = read_metadata(sidecar_of(path))
    return None if metadata is None else named_modality(metadata)


def read_metadata(path: Path) -> Mapping[str, object] | None:
    """Return what a JSON file holds.

    Args:
        path: Of the file; a link is not followed.

    Returns:
        ``None`` where there is no regular file of at most 4 MiB, or it holds no JSON object.
    """
    content = _content(path)
    try:
        found = json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def named_modality(metadata: Mapping[str, object]) -> Modality | None:
    """Return the modality that metadata name.

    Args:
        metadata: What `read_metadata` returned.

    Returns:
        OT for any modality but CT, MR and PET; ``None`` where none is named.

    Example:
        >>> named_modality({"Modality": "PET"}), named_modality({"Modality": "US"})
        ('PT', 'OT')
    """
    said = metadata.get("Modality")
    if not isinstance(said, str) or not said.strip():
        return None
    return _NAMES.get(said.strip().upper(), "OT")


def _content(path: Path) -> bytes:
    """Return the bytes of a small regular file; nothing of a link, which is never followed."""
    try:
        # Without waiting: a pipe of this name would never answer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        status = os.fstat(descriptor)
        is_small = stat.S_ISREG(status.st_mode) and status.st_size <= _MOST_BYTES
        return os.read(descriptor, _MOST_BYTES) if is_small else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)
