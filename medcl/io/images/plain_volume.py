"""Voxels and a place → volume, for formats that say little more than that."""

import numpy as np

from medcl.geometry.affine import spacing_mm
from medcl.io.dicom.geometry import MIN_SLICES
from medcl.io.label_likeness import is_label_map
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.values import narrowed, settle
from medcl.shapes import Affine
from medcl.volume import Modality, Unit, Volume

UNITS: dict[Modality, Unit] = {"CT": "HU", "MR": "a.u.", "PT": "Bq/ml", "OT": "a.u."}
"""What the values of each modality are taken for, because such files do not say."""

PLAUSIBLE_SPACING_MM = (1e-3, 100.0)
"""Smallest and largest distance between neighbouring voxels, mm."""

PLAUSIBLE_POSITION_MM = 1e5
"""Largest distance of the first voxel from the origin along any axis, mm."""

_LARGEST = float(np.finfo(np.float32).max)


def plain_volume(
    array: np.ndarray,
    affine: Affine,
    *,
    modality: Modality,
    accept_labels: bool = False,
    says_labels: bool = False,
) -> Volume:
    """Return a volume, unless the values cannot be one.

    Args:
        array: Values, shape ``(X, Y, Z)``, any real type, writable; it is filled in place where
            nothing was measured and belongs to the volume afterwards.
        affine: Voxel index → RAS+ mm, 4 x 4.
        modality: What the values are: CT in HU, PT in Bq/ml.
        accept_labels: Take label maps too.
        says_labels: The file itself says that its values are labels.

    Returns:
        The volume. Whole numbers become int16 or int32, others float32. NaN and infinity are
        False in the validity mask and hold -1024 (CT) or the lowest finite value.

    Raises:
        RefusedSeries: An axis is too short, the values are out of range, or they are labels.

    Example:
        >>> array = np.arange(64).reshape(4, 4, 4)
        >>> plain_volume(array, np.eye(4), modality="MR").array.dtype
        dtype('int16')
        >>> plain_volume(array // 32, np.eye(4), modality="MR")
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: LABEL_MAP: The values are whole numbers, few or in patches
        of one value each.
    """
    if min(array.shape) < MIN_SLICES:
        raise RefusedSeries(
            ReasonCode.TOO_FEW_SLICES,
            f"Shape {array.shape}; at least {MIN_SLICES} voxels are needed along each axis.",
        )
    unknown = ~np.isfinite(array) if array.dtype.kind == "f" else None
    validity = settle(array, unknown, modality=modality)
    if max(float(array.max()), -float(array.min())) > _LARGEST:
        raise RefusedSeries(ReasonCode.IMPLAUSIBLE_RANGE, f"Values exceed {_LARGEST:.2g}.")
    if not accept_labels:
        _refuse_labels(array, says_labels)
    return Volume(
        array=narrowed(array)[np.newaxis],
        affine=affine,
        modality=modality,
        unit=UNITS[modality],
        validity=validity,
    )


def require_place(affine: Affine) -> None:
    """Refuse an affine that no scan has.

    Args:
        affine: Voxel index → world mm, 4 x 4.

    Raises:
        RefusedSeries: It is not finite, not invertible, or its spacing or position is impossible.

    Example:
        >>> require_place(np.diag([1000.0, 1.0, 1.0, 1.0]))
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: NO_GEOMETRY: Voxels lie 1000, 1, 1 mm apart.
    """
    if not np.isfinite(affine).all():
        raise RefusedSeries(ReasonCode.NO_GEOMETRY, "The affine is not finite.")
    spacing, position = spacing_mm(affine), np.abs(affine[:3, 3]).max()
    low, high = PLAUSIBLE_SPACING_MM
    if spacing.min() < low or spacing.max() > high:
        lengths = ", ".join(f"{length:.4g}" for length in spacing)
        raise RefusedSeries(ReasonCode.NO_GEOMETRY, f"Voxels lie {lengths} mm apart.")
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < 1e-3:
        raise RefusedSeries(ReasonCode.NO_GEOMETRY, "The three voxel axes lie in one plane.")
    if position > PLAUSIBLE_POSITION_MM:
        raise RefusedSeries(
            ReasonCode.NO_GEOMETRY, f"The first voxel lies {position:.4g} mm from the origin."
        )


def _refuse_labels(array: np.ndarray, says_labels: bool) -> None:
    if says_labels:
        raise RefusedSeries(ReasonCode.LABEL_MAP, "The header says that the values are labels.")
    if is_label_map(array):
        raise RefusedSeries(
            ReasonCode.LABEL_MAP,
            "The values are whole numbers, few or in patches of one value each.",
        )
