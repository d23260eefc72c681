"""Bits of a stored integer above those that hold its value."""

import numpy as np


def with_sign(plane: np.ndarray, precision: int) -> np.ndarray:
    """Return integers whose bits above the precision are those of their sign.

    JPEG-LS knows no sign, and in many JPEG 2000 files it is not that of the header: the bits are
    right, but those above the precision are not.
    """
    unused = plane.dtype.itemsize * 8 - precision
    return plane if not precision or unused <= 0 else np.asarray((plane << unused) >> unused)
