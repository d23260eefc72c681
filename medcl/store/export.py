"""A stored volume as a NIfTI file."""

from pathlib import Path

import nibabel
import numpy as np

from medcl.errors import InputError
from medcl.volume import Volume

_NIFTI_TYPES = frozenset(
    ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
)


def write_nifti(volume: Volume, path: Path) -> None:
    """Write a volume as NIfTI, voxels and type unchanged; several channels become a fourth axis.

    NIfTI-1 holds the affine in float32. Where that would move a voxel's place at all, NIfTI-2 is
    written, which holds it in float64.

    Args:
        volume: What to write.
        path: Ends with ``.nii`` or ``.nii.gz``; replaced if it exists.

    Raises:
        InputError: The name has another ending, or NIfTI has no such voxel type.
    """
    if not path.name.endswith((".nii", ".nii.gz")):
        raise InputError("A NIfTI file must be named *.nii or *.nii.gz.")
    if volume.array.dtype.name not in _NIFTI_TYPES:
        raise InputError(f"NIfTI has no voxel type {volume.array.dtype.name}.")
    array = volume.array[0] if len(volume.array) == 1 else np.moveaxis(volume.array, 0, -1)
    single = volume.affine.astype(np.float32).astype(np.float64)
    kind = nibabel.Nifti1Image if (single == volume.affine).all() else nibabel.Nifti2Image
    image = kind(array, volume.affine, dtype=array.dtype)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    image.set_sform(volume.affine, code="scanner")  # type: ignore[no-untyped-call]
    ending = ".nii.gz" if path.name.endswith(".gz") else ".nii"
    beside = path.with_name(f".{path.name}.part{ending}")
    try:
        nibabel.save(image, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
