"""Where a NIfTI volume lies: qform and sform, which must agree."""

from typing import Literal

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from medcl.io.images.plain_volume import require_place
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.shapes import Affine

OrientationSource = Literal["header", "assumed"]
"""Who says where left is: a code of the standard in the header, or nobody."""

FORM_TOLERANCE_MM = 0.1
"""Largest distance between the corners of the volume as placed by qform and by sform, mm."""

_KNOWN_FORM_CODES = range(1, 6)
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_SPATIAL_UNIT_BITS = 0x07


def placed(
    header: nib.Nifti1Header, shape: tuple[int, int, int]
) -> tuple[Affine, OrientationSource]:
    """Return the affine of a header, and who vouches for it.

    The sform counts where both forms are given; they must then agree. A form whose code is none
    of the standard counts only where there is no other.

    Args:
        header: As nibabel parsed it, not yet checked. Its ``pixdim[0]`` is set to 1 or -1.
        shape: Voxels along each axis.

    Returns:
        Voxel index → RAS+ mm, 4 x 4; and ``header`` where the code is one of the standard (1
        scanner, 2 aligned, 3 Talairach, 4 MNI 152, 5 another template), else ``assumed``.

    Raises:
        RefusedSeries: Neither form is set, one is impossible, or they disagree.

    References:
        NIfTI-1.1 header: "3D image (volume) orientation and location in space", methods 2 and 3.
    """
    by_sform, by_qform = header.get_sform(coded=True)[0], _qform(header)
    if by_qform is None and by_sform is None:
        raise RefusedSeries(ReasonCode.NO_GEOMETRY, "Neither qform nor sform is set.")
    unit = int(header["xyzt_units"]) & _SPATIAL_UNIT_BITS
    if unit not in _MM_PER_UNIT:
        raise RefusedSeries(ReasonCode.NO_GEOMETRY, f"Lengths are in unit {unit}, which is none.")
    use_qform = by_sform is None or (
        int(header["sform_code"]) not in _KNOWN_FORM_CODES and by_qform is not None
    )
    affine = np.array(by_qform if use_qform else by_sform, dtype=np.float64)
    affine[:3] *= _MM_PER_UNIT[unit]
    require_place(affine)
    if by_qform is not None and by_sform is not None:
        distance_mm = corner_distance_mm(shape, by_qform, by_sform) * _MM_PER_UNIT[unit]
        if not distance_mm <= FORM_TOLERANCE_MM:
            raise RefusedSeries(
                ReasonCode.NO_GEOMETRY, f"qform and sform lie {distance_mm:.2f} mm apart."
            )
    code = int(header["qform_code" if use_qform else "sform_code"])
    return affine, "header" if code in _KNOWN_FORM_CODES else "assumed"


def _qform(header: nib.Nifti1Header) -> Affine | None:
    # The standard reads 0 as +1, and programs leave other numbers there; only the sign counts.
    header["pixdim"][0] = -1.0 if header["pixdim"][0] < 0 else 1.0
    try:
        form = header.get_qform(coded=True)[0]
    except (HeaderDataError, ValueError):
        raise RefusedSeries(
            ReasonCode.NO_GEOMETRY, "The quaternion or the voxel size of qform is impossible."
        ) from None
    return None if form is None else np.asarray(form, dtype=np.float64)


def corner_distance_mm(shape: tuple[int, int, int], first: Affine, second: Affine) -> float:
    """Return the largest distance between the corner voxels of a volume as two affines place them.

    Args:
        shape: Voxels along each axis.
        first: Voxel index → world mm, 4 x 4.
        second: Likewise.

    Returns:
        Distance, mm.

    Example:
        >>> corner_distance_mm((11, 11, 11), np.eye(4), np.diag([1.0, 1.1, 1.0, 1.0]))
        1.0
    """
    corners = np.array(list(np.ndindex(2, 2, 2)), dtype=float) * (np.array(shape) - 1)
    shift = corners @ (first - second)[:3, :3].T + (first - second)[:3, 3]
    return float(np.linalg.norm(shift, axis=1).max())
