"""NIfTI header: 540 bytes that nobody has checked → where voxels lie and how to read them."""

import struct
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np

from medcl.io.images.nifti_place import OrientationSource, placed
from medcl.io.limits import MAX_FILE_BYTES, MAX_PARTS, MAX_VOXELS
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.shapes import Affine

HEADER_BYTES = 544
"""So many bytes hold any header and the word that tells whether extensions follow."""

LABEL_INTENT = 1002
"""*intent_code* of an image whose values are indices into a list of labels."""

_DTYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
_COLOUR_OR_COMPLEX = {32, 128, 1792, 2048, 2304}
_PAIR_MAGIC, _SINGLE_MAGIC = (b"ni1\0", b"ni2\0"), (b"n+1\0", b"n+2\0")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NiftiHeader:
    """What of a header matters.

    Attributes:
        shape: Voxels along each spatial axis.
        num_parts: Volumes of that shape, one behind the other.
        dtype: Of the stored values, with their byte order.
        voxels_at: Place of the first voxel in the file, bytes.
        slope: Stored values times this …
        intercept: … plus this are the values.
        affine: Voxel index → RAS+ mm, 4 x 4.
        orientation_source: ``header`` if the code of the form that was used is one of the standard
            (1 scanner, 2 aligned, 3 Talairach, 4 MNI 152, 5 another template).
        says_labels: The header declares labels.
    """

    shape: tuple[int, int, int]
    num_parts: int
    dtype: np.dtype[Any]
    voxels_at: int
    slope: float
    intercept: float
    affine: Affine
    orientation_source: OrientationSource
    says_labels: bool

    @property
    def part_voxels(self) -> int:
        """Voxels of one volume."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def num_bytes(self) -> int:
        """Bytes of the uncompressed file up to the last voxel."""
        return self.voxels_at + self.num_parts * self.part_voxels * self.dtype.itemsize


def parse_nifti_header(head: bytes) -> NiftiHeader:
    """Return what a header says.

    Args:
        head: The first bytes of the uncompressed file, at best `HEADER_BYTES`.

    Returns:
        Facts that agree with one another and lie within the limits.

    Raises:
        RefusedSeries: The header is damaged, describes no grey 3D volumes, or no place in space.

    References:
        NIfTI-1.1 header (nifti1.h) and NIfTI-2 header (nifti2.h): ``dim``, ``datatype``,
        ``vox_offset``, ``scl_slope``, ``xyzt_units``, ``qform_code``, ``sform_code``,
        ``intent_code``.
    """
    header, header_bytes = _raw_header(head)
    dtype = _dtype(header)
    shape, num_parts = _shape(header)
    affine, source = placed(header, shape)
    slope, intercept = _scaling(header)
    parsed = NiftiHeader(
        shape=shape,
        num_parts=num_parts,
        dtype=dtype,
        voxels_at=_voxels_at(header, header_bytes),
        slope=slope,
        intercept=intercept,
        affine=affine,
        orientation_source=source,
        says_labels=int(header["intent_code"]) == LABEL_INTENT,
    )
    if parsed.num_bytes > MAX_FILE_BYTES:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED,
            f"{parsed.num_bytes} bytes; at most {MAX_FILE_BYTES} are read.",
        )
    return parsed


def _raw_header(head: bytes) -> tuple[nib.Nifti1Header, int]:
    """Return the header as nibabel sees it without its repairs, and its length.

    Raises:
        RefusedSeries: The file is no NIfTI, one half of a pair, or cut.
    """
    kinds: list[tuple[Any, int, int]] = [
        (nib.Nifti1Header, 348, 344),
        (nib.Nifti2Header, 540, 4),
    ]
    for header_class, num_bytes, magic_at in kinds:
        magic = head[magic_at : magic_at + 4]
        for sign in "<>":
            if head[:4] != struct.pack(f"{sign}i", num_bytes):
                continue
            if magic in _PAIR_MAGIC:
                raise RefusedSeries(
                    ReasonCode.UNSUPPORTED_SYNTAX, "Header and voxels in separate files."
                )
            if magic in _SINGLE_MAGIC:
                _require_length(head, num_bytes)
                return header_class(head[:num_bytes], endianness=sign, check=False), num_bytes
    raise RefusedSeries(ReasonCode.NOT_IMAGE, "The file does not begin like NIfTI.")


def _require_length(head: bytes, num_bytes: int) -> None:
    if len(head) < num_bytes:
        raise RefusedSeries(ReasonCode.PIXEL_TRUNCATED, "The file ends inside its header.")


def _dtype(header: nib.Nifti1Header) -> np.dtype[Any]:
    datatype = int(header["datatype"])
    if datatype in _COLOUR_OR_COMPLEX:
        raise RefusedSeries(ReasonCode.COLOUR, "The voxels are colours or complex numbers.")
    if datatype not in _DTYPES:
        raise RefusedSeries(ReasonCode.UNSUPPORTED_SYNTAX, f"Values of datatype {datatype}.")
    dtype = np.dtype(_DTYPES[datatype]).newbyteorder(header.endianness)
    if int(header["bitpix"]) != 8 * dtype.itemsize:
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"Values of datatype {datatype} cannot have {int(header['bitpix'])} bits.",
        )
    return dtype


def _shape(header: nib.Nifti1Header) -> tuple[tuple[int, int, int], int]:
    num_axes, *sizes = (int(size) for size in header["dim"])
    if not 1 <= num_axes <= 7 or min(sizes[:num_axes]) < 1:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "An axis has no voxels.")
    shape = tuple(sizes[:num_axes])
    if num_axes < 3 or any(size != 1 for size in shape[4:]):
        raise RefusedSeries(ReasonCode.NOT_3D, f"Shape {shape}.")
    x, y, z, num_parts = (*shape[:4], 1)[:4]
    if x * y * z * num_parts > MAX_VOXELS:
        raise RefusedSeries(ReasonCode.LIMIT_EXCEEDED, f"Shape {shape}.")
    if num_parts > MAX_PARTS:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED, f"Shape {shape}; at most {MAX_PARTS} volumes are read."
        )
    return (x, y, z), num_parts


def _voxels_at(header: nib.Nifti1Header, header_bytes: int) -> int:
    """Return where voxels begin; extensions stand before that and are skipped unread.

    Raises:
        RefusedSeries: They would begin inside the header or at no whole byte.
    """
    offset = float(header["vox_offset"])
    if not header_bytes + 4 <= offset <= MAX_FILE_BYTES or offset != int(offset):
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"Voxels must begin at byte {header_bytes + 4} or later; the header says {offset:g}.",
        )
    return int(offset)


def _scaling(header: nib.Nifti1Header) -> tuple[float, float]:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):
        return 1.0, 0.0
    if not np.isfinite(intercept):
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "scl_inter must be finite.")
    return slope, intercept
