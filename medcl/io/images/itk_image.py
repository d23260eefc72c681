"""NRRD and MetaImage file → volume: a checked header, verified bytes, and SimpleITK to read them.

SimpleITK alone would not do. Of a compressed MetaImage it checks nothing: nearly every flipped bit
gives other voxels and no error; of NRRD it reads a file without the last byte of its checksum. It
looks at the extension, follows a header to other files, and takes a missing direction for the
identity. So the header is checked and the payload inflated here first, and what SimpleITK returns
must be those bytes.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from medcl.io.images.metaimage_header import read_metaimage_header
from medcl.io.images.nrrd_header import read_nrrd_header
from medcl.io.images.plain_volume import plain_volume, require_place
from medcl.io.images.text_header import TextHeader
from medcl.io.inflate import plain_pieces, require_zeros
from medcl.io.kinds import file_kind
from medcl.io.lps import flip_world
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.refusing import refusing
from medcl.shapes import Affine
from medcl.volume import Modality, Volume

_sitk: Any = sitk  # its calls have no types
_HEADERS = {"nrrd": read_nrrd_header, "metaimage": read_metaimage_header}
_READERS = {"nrrd": "NrrdImageIO", "metaimage": "MetaImageIO"}


def read_itk_image(path: Path, *, modality: Modality = "MR", accept_labels: bool = False) -> Volume:
    """Read a 3D NRRD or MetaImage file that holds its own voxels.

    Args:
        path: The content decides, not the name.
        modality: What the values are, because the formats do not say. CT must be in HU, PT in
            Bq/ml.
        accept_labels: Take label maps too.

    Returns:
        The volume with the file's own voxel axes, placed in RAS+ mm. Whole numbers become int16
        or int32, others float32. NaN and infinity are False in the validity mask and hold -1024
        (CT) or the lowest finite value.

    Raises:
        RefusedSeries: The file is damaged, has no single grey 3D volume in it, no place in space,
            or holds labels.

    References:
        "Definition of NRRD File Format", section 4; MetaIO documentation, "MetaImage".
    """
    with refusing("The file"):
        kind = file_kind(path)
        if kind not in _HEADERS:
            raise RefusedSeries(ReasonCode.NOT_IMAGE, "The file is neither NRRD nor MetaImage.")
        with path.open("rb") as file:
            header = _HEADERS[kind](file)
            checksum = _payload_checksum(file, header)
        planes, affine = _read(path, _READERS[kind])
        _require_same(planes, header, checksum)
        require_place(affine)
    return plain_volume(
        planes.transpose(),
        affine,
        modality=modality,
        accept_labels=accept_labels,
        says_labels=header.says_labels,
    )


def _payload_checksum(file: BufferedIOBase, header: TextHeader) -> int:
    """Return the CRC-32 of the voxels, having compared the checksums of the file itself.

    Raises:
        RefusedSeries: There are fewer voxels than the header says, or something follows them.
    """
    stored_bytes = file.seek(0, 2) - header.voxels_at
    if header.coding != "raw" and header.stored_bytes not in (0, stored_bytes):
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED,
            f"{stored_bytes} stored bytes; the header says {header.stored_bytes}.",
        )
    file.seek(header.voxels_at)
    checksum, missing = 0, header.voxel_bytes
    for piece in plain_pieces(file, header.coding):
        checksum = zlib.crc32(piece[:missing], checksum)
        require_zeros(piece[missing:], "the last voxel")
        missing -= min(missing, len(piece))
    if missing:
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED,
            f"{missing} of {header.voxel_bytes} bytes are missing for shape {header.shape}.",
        )
    return checksum


def _read(path: Path, reader_name: str) -> tuple[np.ndarray, Affine]:
    """Return values of shape ``(Z, Y, X)`` and the affine in RAS+ mm."""
    reader = _sitk.ImageFileReader()
    reader.SetImageIO(reader_name)
    reader.SetFileName(str(path))
    with _no_warnings():
        image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return _sitk.GetArrayFromImage(image), flip_world(affine)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Run ITK without the warnings it prints, which may hold a path."""
    process = _sitk.ProcessObject
    was_on = process.GetGlobalWarningDisplay()
    process.GlobalWarningDisplayOff()
    try:
        yield
    finally:
        process.SetGlobalWarningDisplay(was_on)


def _require_same(planes: np.ndarray, header: TextHeader, checksum: int) -> None:
    """Refuse values that are not those of the header and the checksum.

    Raises:
        RefusedSeries: They are not.
    """
    found = 0
    for plane in planes:
        found = zlib.crc32(plane.astype(header.dtype, copy=False).tobytes(), found)
    is_same = planes.shape[::-1] == header.shape and planes.dtype == header.dtype.newbyteorder("=")
    if not is_same or found != checksum:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "Two readings of the voxels differ.")
