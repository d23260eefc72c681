"""Real numbers as integers with a slope, so that reading gives the same bits back."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.valuerep import format_number_as_ds

from medcl.errors import InputError

_SMALL_DIVISORS = 64
_LARGE_DIVISORS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class IntegerCoding:
    """Stored integers and how to turn them back.

    Attributes:
        stored: Integers of 16 or 32 bits, same shape as the values.
        slope: Decimal text of at most 16 characters; value = stored x slope.
    """

    stored: np.ndarray
    slope: str


def code_exactly(values: np.ndarray) -> IntegerCoding:
    """Return integers and a slope that give every value back bit for bit.

    Whole numbers keep slope 1. Otherwise the smallest non-zero magnitude divided by an integer is
    tried as slope, until every product ``stored x slope``, rounded to float32, equals its value.
    Intensities that a scanner once held as integers, rescaled and saved as float32, are found
    this way although rounding moved them by a unit in the last place.

    Args:
        values: Real numbers, any shape; float64 only where float32 holds it.

    Returns:
        16-bit integers where they suffice, else 32-bit ones.

    Raises:
        InputError: A value is not finite, or no coding is exact.

    Example:
        >>> coding = code_exactly(np.array([0.0, 5.95897, 11.91794, 17.87691], np.float32))
        >>> coding.stored.tolist(), coding.slope
        ([0, 1, 2, 3], '5.95897006988525')
    """
    if not np.isfinite(values).all():
        raise InputError("Every voxel must be finite to be stored in DICOM.")
    distinct = np.unique(values)
    if (distinct == np.round(distinct)).all():
        whole = _smallest_integers(np.round(values).astype(np.float64))
        if whole is not None:
            return IntegerCoding(whole, "1")
    if (distinct.astype(np.float32) == distinct).all():
        for slope in _slopes(np.abs(distinct[distinct != 0]).astype(np.float64)):
            if _is_exact(distinct.astype(np.float32), float(slope)):
                stored = _smallest_integers(np.rint(values.astype(np.float64) / float(slope)))
                if stored is not None:
                    return IntegerCoding(stored, slope)
    raise InputError(
        f"No integers of up to 32 bits with a slope hold these {len(distinct)} distinct values "
        "exactly; round the volume first."
    )


def _slopes(magnitudes: np.ndarray) -> Iterator[str]:
    smallest, largest = float(magnitudes.min()), float(magnitudes.max())
    finest = int(min(smallest / largest * (2**31 - 1), 2**31))
    divisors = [*range(1, min(_SMALL_DIVISORS, finest) + 1)]
    divisors += range(finest, max(finest - _LARGE_DIVISORS, _SMALL_DIVISORS), -1)
    for divisor in divisors:
        yield format_number_as_ds(smallest / divisor)


def _is_exact(values: np.ndarray, slope: float) -> bool:
    steps = np.rint(values.astype(np.float64) / slope)
    return bool(((steps * slope).astype(np.float32) == values).all())


def _smallest_integers(whole: np.ndarray) -> np.ndarray | None:
    low, high = whole.min(), whole.max()
    for dtype in (np.int16, np.uint16, np.int32, np.uint32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return np.asarray(whole.astype(dtype))
    return None
