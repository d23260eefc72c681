"""NIfTI file ↔ volume or label map, through nibabel."""

import gzip
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from medcl.errors import InputError
from medcl.io.dicom_file import refusing
from medcl.io.dicom_geometry import MIN_SLICES
from medcl.io.limits import MAX_FILE_BYTES, MAX_VOXELS
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.values import narrowed, settle
from medcl.runtime.files import write_bytes
from medcl.shapes import Affine, LabelMap
from medcl.volume import Modality, Unit, Volume

FORM_TOLERANCE_MM = 0.1
"""Largest distance between the corners of the volume as placed by qform and by sform, mm."""

_UNITS: dict[Modality, Unit] = {"CT": "HU", "MR": "a.u.", "PT": "Bq/ml", "OT": "a.u."}
_MM_PER_UNIT = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 2**24


def read_nifti(path: Path, *, modality: Modality = "MR") -> Volume:
    """Read a 3D NIfTI file; nothing is turned or resampled.

    The whole file is read, so that the checksum of a compressed one is verified: nibabel alone
    takes a flipped bit without a word.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file; the content decides, not the name.
        modality: What the values are, because the format does not say. CT must be in HU, PT in
            Bq/ml.

    Returns:
        The volume with the file's own voxel axes. Whole numbers become int16 or int32, others
        float32. NaN and infinity are False in the validity mask and hold -1024 (CT) or the lowest
        finite value.

    Raises:
        RefusedSeries: The file is damaged, has no single grey 3D volume, or no place in space.

    References:
        NIfTI-1.1 header: qform and sform may both be given and must then agree.
    """
    array, affine = _read(path)
    if min(array.shape) < MIN_SLICES:
        raise RefusedSeries(
            ReasonCode.TOO_FEW_SLICES,
            f"Shape {array.shape}; at least {MIN_SLICES} voxels are needed along each axis.",
        )
    unknown = ~np.isfinite(array) if array.dtype.kind == "f" else None
    validity = settle(array, unknown, modality=modality)
    return Volume(
        array=narrowed(array)[np.newaxis],
        affine=affine,
        modality=modality,
        unit=_UNITS[modality],
        validity=validity,
    )


def read_label_map(path: Path) -> tuple[LabelMap, Affine]:
    """Read a 3D NIfTI file of labels.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file.

    Returns:
        Labels of shape ``(X, Y, Z)``, uint8 where that holds them, else int32; and the affine.

    Raises:
        InputError: The file is missing, damaged, or holds anything but whole numbers from 0 up.
    """
    try:
        array, affine = _read(path)
    except RefusedSeries as refusal:
        raise InputError(f"A label map cannot be read. {refusal}") from None
    whole = np.nan_to_num(array, nan=-1).astype(np.int64)
    if (whole != array).any() or whole.min() < 0 or whole.max() >= 2**31:
        raise InputError("A label map must hold whole numbers from 0 up.")
    return whole.astype(np.uint8 if whole.max() < 256 else np.int32), affine


def write_nifti(volume: Volume, path: Path) -> None:
    """Write a volume of one channel as NIfTI-1; the same volume always gives the same bytes.

    Args:
        volume: What to write; voxels outside its validity mask are written as they are filled.
        path: Compressed if it ends in ``.gz``.

    Raises:
        InputError: The volume has several channels.
    """
    if volume.array.shape[0] != 1:
        raise InputError(f"One channel can be written, got {volume.array.shape[0]}.")
    image = nib.Nifti1Image(volume.array[0], volume.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=1)
    if _corner_distance_mm(volume.shape, image.get_qform(), volume.affine) > FORM_TOLERANCE_MM:
        image.set_qform(None, code=0)
    content = image.to_bytes()
    write_bytes(path, gzip.compress(content, 6, mtime=0) if path.suffix == ".gz" else content)


def _read(path: Path) -> tuple[np.ndarray, Affine]:
    """Return a writable array ``(X, Y, Z)`` and the affine."""
    with refusing("The file"):
        content = _content(path)
        image = _image(content)
        array = np.require(np.asanyarray(image.dataobj), requirements="W")
        affine = _affine(image, array.shape[:3])
    return array.reshape(array.shape[:3]).astype(array.dtype.newbyteorder("=")), affine


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not is_packed:
            return _bounded(file)
        with gzip.open(file) as unpacked:
            try:
                return _bounded(unpacked)
            except EOFError:
                raise RefusedSeries(
                    ReasonCode.PIXEL_TRUNCATED, "The compressed file ends too early."
                ) from None


def _bounded(file: BufferedIOBase) -> bytes:
    """Return all of a file, but stop as soon as it is too large.

    Raises:
        RefusedSeries: It is.
    """
    chunks, total = [], 0
    while chunk := file.read(_CHUNK_BYTES):
        total += len(chunk)
        if total > MAX_FILE_BYTES:
            raise RefusedSeries(
                ReasonCode.LIMIT_EXCEEDED, f"More than {MAX_FILE_BYTES} bytes; fewer are read."
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _image(content: bytes) -> nib.Nifti1Image:
    if content[344:348] == b"ni1\0" or content[4:8] == b"ni2\0":
        raise RefusedSeries(ReasonCode.UNSUPPORTED_SYNTAX, "Header and voxels in separate files.")
    is_second = content[4:8] == b"n+2\0"
    header_class: Any = nib.Nifti2Header if is_second else nib.Nifti1Header
    header = header_class(content[: 540 if is_second else 348], check=False)
    dtype, shape = header.get_data_dtype(), header.get_data_shape()
    if dtype.kind not in "iuf":
        raise RefusedSeries(ReasonCode.COLOUR, "The voxels are colours or complex numbers.")
    if len(shape) < 3 or any(count != 1 for count in shape[3:]):
        raise RefusedSeries(ReasonCode.NOT_3D, f"Shape {shape}.")
    num_voxels = int(np.prod(shape, dtype=float))
    if num_voxels > MAX_VOXELS or min(shape) < 1:
        raise RefusedSeries(ReasonCode.LIMIT_EXCEEDED, f"Shape {shape}.")
    if len(content) < header.get_data_offset() + num_voxels * dtype.itemsize:
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED, f"{len(content)} bytes do not hold shape {shape}."
        )
    return (nib.Nifti2Image if is_second else nib.Nifti1Image).from_bytes(content)


def _affine(image: nib.Nifti1Image, shape: tuple[int, int, int]) -> Affine:
    by_qform, by_sform = image.get_qform(coded=True)[0], image.get_sform(coded=True)[0]
    if by_qform is None and by_sform is None:
        raise RefusedSeries(ReasonCode.NO_GEOMETRY, "Neither qform nor sform is set.")
    affine = np.array(by_qform if by_sform is None else by_sform, dtype=np.float64)
    scale = _MM_PER_UNIT.get(image.header.get_xyzt_units()[0], 1.0)
    affine[:3] *= scale
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise RefusedSeries(ReasonCode.NO_GEOMETRY, "The affine is not finite or not invertible.")
    if by_qform is not None and by_sform is not None:
        distance_mm = _corner_distance_mm(shape, by_qform, by_sform) * scale
        if not distance_mm <= FORM_TOLERANCE_MM:
            raise RefusedSeries(
                ReasonCode.NO_GEOMETRY, f"qform and sform lie {distance_mm:.2f} mm apart."
            )
    return affine


def _corner_distance_mm(shape: tuple[int, int, int], first: Affine, second: Affine) -> float:
    corners = np.array(list(np.ndindex(2, 2, 2)), dtype=float) * (np.array(shape) - 1)
    shift = corners @ (first - second)[:3, :3].T + (first - second)[:3, 3]
    return float(np.linalg.norm(shift, axis=1).max())
