"""What a file is, told from its first bytes; names and extensions are not trusted."""

import re
import struct
import zlib
from pathlib import Path
from typing import Literal

FileKind = Literal["dicom", "bare_dicom", "nifti", "nrrd", "metaimage", "npz", "unknown"]

_HEAD_BYTES = 4096
_NIFTI1_HEADER, _NIFTI2_HEADER = 348, 540
_NRRD = re.compile(rb"NRRD\d{4}\r?\n")
# MetaIO writes ObjectType first; nothing obliges other programs to.
_METAIMAGE = re.compile(rb"\s*(?:ObjectType\s*=\s*Image|NDims\s*=\s*\d+)\s*\n", re.IGNORECASE)


def file_kind(path: Path) -> FileKind:
    r"""Return what a file seems to be.

    ``bare_dicom`` is a DICOM data set without the 128-byte preamble, as old archives hold them;
    only a parser can tell whether it is one.

    Args:
        path: A readable file.

    Returns:
        The kind; ``unknown`` for anything else. A header whose voxels lie in another file counts
        as its kind too, so that its reader can say why it is refused.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "named.dcm"
        >>> _ = path.write_bytes(b"NRRD0004\ntype: short\n")
        >>> file_kind(path)
        'nrrd'
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head[128:132] == b"DICM":
        return "dicom"
    if head[:4] == b"PK\x03\x04" and head[26:28] != b"\0\0" and b".npy" in head[30:300]:
        return "npz"
    if _is_nifti(_gunzip_head(head) if head[:2] == b"\x1f\x8b" else head):
        return "nifti"
    if _NRRD.match(head):
        return "nrrd"
    if _METAIMAGE.match(head):
        return "metaimage"
    return "bare_dicom" if _starts_like_dicom(head) else "unknown"


def _gunzip_head(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, 1024)
    except zlib.error:
        return b""


def _is_nifti(head: bytes) -> bool:
    if len(head) < _NIFTI1_HEADER:
        return False
    sizes = {int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")}
    if _NIFTI2_HEADER in sizes:
        return head[4:8] in (b"n+2\0", b"ni2\0")
    return _NIFTI1_HEADER in sizes and head[344:348] in (b"n+1\0", b"ni1\0")


def _starts_like_dicom(head: bytes) -> bool:
    """Return whether the first element is one of group 0002 or 0008 with a short plausible value.

    References:
        DICOM PS3.5, 7.1 (explicit and implicit element headers).
    """
    if len(head) < 16:
        return False
    group, element, vr, short = struct.unpack("<HH2sH", head[:8])
    if group not in (0x0002, 0x0008) or element > 0x0070:
        return False
    if vr in (b"UL", b"UI", b"CS", b"DA", b"TM", b"SH", b"LO", b"DT", b"OB"):
        return bool(short <= 256)
    return 0 < int.from_bytes(head[4:8], "little") <= 256
