"""A thin sample of a volume's values, for what is measured without looking at every voxel."""

import numpy as np
from jaxtyping import Float32

from medcl.store.coding import LinearCoding, Values

Sample = Float32[np.ndarray, "A B C"]


def sample(
    planes: Values, known: Values | None, coding: LinearCoding, where: tuple[slice, slice, slice]
) -> Sample:
    """Return some values; what was not measured or is not finite is below any floor.

    Args:
        planes: Stored numbers of one channel.
        known: True where voxels were measured, same shape; ``None`` if all were.
        coding: Turns numbers into values.
        where: Which voxels.

    Returns:
        Values in the volume's unit, or minus infinity.

    Example:
        >>> planes = np.arange(4, dtype=np.int16).reshape(1, 1, 4)
        >>> which = (slice(None), slice(None), slice(1, None, 2))
        >>> sample(planes, planes < 3, LinearCoding(2.0, 0.0, "float32"), which).tolist()
        [[[2.0, -inf]]]
    """
    with np.errstate(over="ignore"):
        values = coding.decode(np.ascontiguousarray(planes[where])).astype(np.float32)
    is_measured = np.isfinite(values) if known is None else known[where] & np.isfinite(values)
    return np.where(is_measured, values, np.float32(-np.inf))
