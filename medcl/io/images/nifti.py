"""NIfTI file ↔ volumes or a label map."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from medcl.errors import InputError
from medcl.io.images.nifti_file import count_parts, open_nifti
from medcl.io.images.nifti_place import FORM_TOLERANCE_MM, OrientationSource, corner_distance_mm
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.runtime.files import write_bytes
from medcl.shapes import Affine, LabelMap
from medcl.volume import Modality, Volume

__all__ = [
    "NiftiReading",
    "count_parts",
    "read_label_map",
    "read_nifti",
    "read_nifti_part",
    "read_nifti_parts",
    "write_nifti",
]


@dataclass(frozen=True, slots=True, eq=False)
class NiftiReading:
    """A volume and how sure its orientation is.

    Attributes:
        volume: With the file's own voxel axes.
        orientation_source: ``header`` if the header names its coordinates by a code of the
            standard, else ``assumed``.
    """

    volume: Volume
    orientation_source: OrientationSource


def read_nifti(path: Path, *, modality: Modality = "MR", accept_labels: bool = False) -> Volume:
    """Read a 3D NIfTI file; nothing is turned or resampled.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file; the content decides, not the name.
        modality: What the values are, because the format does not say. CT must be in HU, PT in
            Bq/ml.
        accept_labels: Take label maps too.

    Returns:
        The volume with the file's own voxel axes. Whole numbers become int16 or int32, others
        float32. NaN and infinity are False in the validity mask and hold -1024 (CT) or the lowest
        finite value.

    Raises:
        RefusedSeries: The file is damaged, has no single grey 3D volume, no place in space, or
            holds labels.

    References:
        NIfTI-1.1 header: qform and sform may both be given and must then agree.
    """
    return open_nifti(path).read_part(modality=modality, accept_labels=accept_labels)


def read_nifti_part(
    path: Path,
    *,
    modality: Modality = "MR",
    part: int = 0,
    accept_4d: bool = False,
    accept_labels: bool = False,
) -> NiftiReading:
    """Read one volume of a file, and how sure its orientation is.

    The whole file is read for it; `read_nifti_parts` reads it once for all.

    Args:
        path: As in `read_nifti`.
        modality: As in `read_nifti`.
        part: Index along the fourth axis.
        accept_4d: Take a file of several volumes too.
        accept_labels: Take label maps too.

    Returns:
        The volume and the source of its orientation.

    Raises:
        RefusedSeries: As in `read_nifti`, or there is no such part.
    """
    file = open_nifti(path, accept_4d=accept_4d)
    if not 0 <= part < file.header.num_parts:
        raise RefusedSeries(
            ReasonCode.CHANGED_CONTENT, f"{file.header.num_parts} volumes; number {part} is none."
        )
    volume = file.read_part(part, modality=modality, accept_labels=accept_labels)
    return NiftiReading(volume, file.header.orientation_source)


def read_nifti_parts(
    path: Path, *, modality: Modality = "MR", accept_4d: bool = True, accept_labels: bool = False
) -> Iterator[Volume]:
    """Yield the volumes of a file along its fourth axis, holding the file and one of them.

    Args:
        path: As in `read_nifti`.
        modality: As in `read_nifti`.
        accept_4d: Without it a file of several volumes is refused.
        accept_labels: Take label maps too.

    Yields:
        One volume for a 3D file, else as many as the fourth axis is long.

    Raises:
        RefusedSeries: As in `read_nifti`, before the first volume or at the one that is refused.
    """
    file = open_nifti(path, accept_4d=accept_4d)
    for part in range(file.header.num_parts):
        yield file.read_part(part, modality=modality, accept_labels=accept_labels)


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
        file = open_nifti(path)
    except RefusedSeries as refusal:
        raise InputError(f"A label map cannot be read. {refusal}") from None
    array = file.stored()
    # The comparisons are False for NaN too.
    if not ((array >= 0) & (array < 2**31)).all() or (array != np.floor(array)).any():
        raise InputError("A label map must hold whole numbers from 0 up.")
    return array.astype(np.uint8 if array.max() < 256 else np.int32), file.header.affine


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
    if corner_distance_mm(volume.shape, image.get_qform(), volume.affine) > FORM_TOLERANCE_MM:
        image.set_qform(None, code=0)
    content = image.to_bytes()
    write_bytes(path, gzip.compress(content, 6, mtime=0) if path.suffix == ".gz" else content)
