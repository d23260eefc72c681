"""A NIfTI file in memory, intact: nibabel knows the header, the bytes are read here.

Of a compressed file every checksum is compared, which nibabel leaves out, and a file must end with
its last voxel (zeros may follow). Extensions are skipped unread: they may hold a DICOM header.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medcl.io.images.nifti_header import HEADER_BYTES, NiftiHeader, parse_nifti_header
from medcl.io.images.plain_volume import plain_volume
from medcl.io.inflate import GZIP_MAGIC, plain_pieces, require_zeros
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.refusing import refusing
from medcl.volume import Modality, Volume

_MAX_WHOLE_SCALE = 2**31


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NiftiFile:
    """An intact file in memory; nothing else of it is kept.

    Attributes:
        header: What its header says.
        content: Its uncompressed bytes up to the last voxel.
    """

    header: NiftiHeader
    content: bytearray

    def stored(self, part: int = 0) -> np.ndarray:
        """Return a copy of the scaled values of one volume.

        Args:
            part: Index along the fourth axis.

        Returns:
            Shape ``(X, Y, Z)``, writable, native byte order. Whole numbers stay whole if slope and
            intercept are.

        Raises:
            IndexError: There is no such part.
        """
        header = self.header
        if not 0 <= part < header.num_parts:
            raise IndexError(f"part must be 0 to {header.num_parts - 1}, got {part}.")
        start = header.voxels_at + part * header.part_voxels * header.dtype.itemsize
        flat = np.frombuffer(self.content, header.dtype, header.part_voxels, start)
        array = flat.reshape(header.shape, order="F").astype(header.dtype.newbyteorder("="))
        return _scaled(array, header.slope, header.intercept)

    def read_part(
        self, part: int = 0, *, modality: Modality = "MR", accept_labels: bool = False
    ) -> Volume:
        """Return one volume; see `read_nifti`.

        Args:
            part: Index along the fourth axis, 0 for a 3D file.
            modality: What the values are.
            accept_labels: Take label maps too.

        Returns:
            The volume; it shares no memory with the file.

        Raises:
            RefusedSeries: An axis is too short, the values are out of range, or they are labels.
            IndexError: There is no such part.
        """
        return plain_volume(
            self.stored(part),
            self.header.affine,
            modality=modality,
            accept_labels=accept_labels,
            says_labels=self.header.says_labels,
        )


def open_nifti(path: Path, *, accept_4d: bool = False) -> NiftiFile:
    """Return a file that was read whole, so that all its checksums were compared.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file; the content decides, not the name.
        accept_4d: Take a file of several volumes (`medcl.io.limits.MAX_PARTS` at most) too.

    Returns:
        The file; takes as much memory as its uncompressed bytes.

    Raises:
        RefusedSeries: The file is damaged, holds no grey 3D volumes, or no place in space.
    """
    with refusing("The file"), path.open("rb") as file:
        is_packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        pieces = plain_pieces(file, "gzip" if is_packed else "raw")
        content = bytearray()
        header = _header(pieces, content)
        _require_3d(header, accept_4d)
        _gather(pieces, content, header.num_bytes)
    return NiftiFile(header, content)


def count_parts(path: Path) -> int:
    """Return how many volumes a file holds by its header; the rest is neither read nor checked.

    Args:
        path: A NIfTI file.

    Returns:
        At least 1.

    Raises:
        RefusedSeries: The header is damaged or describes no grey volumes.
    """
    with refusing("The header"), path.open("rb") as file:
        is_packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        return _header(plain_pieces(file, "gzip" if is_packed else "raw"), bytearray()).num_parts


def _header(pieces: Iterator[bytes], content: bytearray) -> NiftiHeader:
    """Return the header, having moved as many pieces to ``content`` as it needs."""
    for piece in pieces:
        content += piece
        if len(content) >= HEADER_BYTES:
            break
    return parse_nifti_header(bytes(content[:HEADER_BYTES]))


def _require_3d(header: NiftiHeader, accept_4d: bool) -> None:
    if header.num_parts > 1 and not accept_4d:
        raise RefusedSeries(ReasonCode.NOT_3D, f"Shape {(*header.shape, header.num_parts)}.")


def _gather(pieces: Iterator[bytes], content: bytearray, num_bytes: int) -> None:
    """Move the voxels to ``content``, and no byte more, however far the rest would inflate.

    Raises:
        RefusedSeries: There are fewer, or something follows them.
    """
    require_zeros(content[num_bytes:], "the last voxel")
    del content[num_bytes:]
    for piece in pieces:
        room = num_bytes - len(content)
        content += piece[:room]
        require_zeros(piece[room:], "the last voxel")
    if len(content) < num_bytes:
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED, f"{len(content)} bytes; the header says {num_bytes}."
        )


def _scaled(array: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    if (slope, intercept) == (1.0, 0.0):
        return array
    is_whole = slope == int(slope) and intercept == int(intercept)
    is_small = max(abs(slope), abs(intercept)) < _MAX_WHOLE_SCALE and array.dtype.itemsize <= 4
    if array.dtype.kind in "iu" and is_whole and is_small:
        return np.asarray(array.astype(np.int64) * int(slope) + int(intercept))
    scaled = array.astype(np.float64)
    scaled *= slope
    scaled += intercept
    return scaled
