"""Values of a volume: the narrowest exact type, what stands where nothing was measured, range."""

import numpy as np

from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.shapes import ValidityMask

AIR_HU = -1024
"""What voxels of a CT become where nothing was measured, HU."""

PLAUSIBLE_HU = (-500, 1000)
"""A CT whose highest value is below the first or lowest above the second is not in HU."""


def narrowed(array: np.ndarray) -> np.ndarray:
    """Return the values as int16 or int32 where that is exact, else float32.

    Floating point stays floating point: whether a file holds measurements or counts is its own
    choice. Only float64 and integers beyond 32 bits may lose their last digits.

    Example:
        >>> narrowed(np.array([0, 255], np.uint8)).dtype, narrowed(np.array([0.5])).dtype
        (dtype('int16'), dtype('float32'))
    """
    if array.dtype.kind == "f":
        return np.asarray(array.astype(np.float32, copy=False))
    low, high = int(array.min()), int(array.max())
    for dtype in (np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return np.asarray(array.astype(dtype, copy=False))
    return np.asarray(array.astype(np.float32))


def settle(array: np.ndarray, unknown: np.ndarray | None, *, modality: str) -> ValidityMask | None:
    """Fill, in place, the voxels where nothing was measured, and check what remains.

    Args:
        array: Values, shape ``(X, Y, Z)``, writable.
        unknown: True where nothing was measured, same shape, or ``None``.
        modality: CT is filled with -1024 HU and checked to be HU; the others are filled with
            their lowest measured value.

    Returns:
        The validity mask, or ``None`` if every voxel was measured.

    Raises:
        RefusedSeries: Nothing was measured at all, or a CT is not in HU.

    Example:
        >>> values = np.array([[[-32768, 40]]], np.int16)
        >>> settle(values, values < -2000, modality="CT").tolist(), values.tolist()
        ([[[False, True]]], [[[-1024, 40]]])
    """
    if unknown is not None and not unknown.any():
        unknown = None
    if unknown is not None:
        if unknown.all():
            raise RefusedSeries(ReasonCode.IMPLAUSIBLE_RANGE, "No voxel was measured.")
        array[unknown] = AIR_HU if modality == "CT" else array[~unknown].min()
    if modality == "CT":
        _check_hounsfield(array)
    return None if unknown is None else ~unknown


def _check_hounsfield(array: np.ndarray) -> None:
    low, high = float(array.min()), float(array.max())
    if high < PLAUSIBLE_HU[0] or low > PLAUSIBLE_HU[1]:
        raise RefusedSeries(
            ReasonCode.IMPLAUSIBLE_RANGE, f"Values from {low:.0f} to {high:.0f} are no CT in HU."
        )
