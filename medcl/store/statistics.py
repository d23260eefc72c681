"""Distribution of a volume's values, exact and in one pass over integer codes."""

import numpy as np

from medcl.errors import InputError
from medcl.store.coding import LinearCoding, Values
from medcl.store.rows import Statistics

_FOREGROUND = 0.05


def measure(codes: Values, coding: LinearCoding, valid: Values | None) -> Statistics:
    """Return the statistics of the values that ``codes`` stand for.

    Args:
        codes: Stored numbers, shape ``(C, X, Y, Z)``.
        coding: Turns codes into values.
        valid: True where voxels were measured, shape ``(X, Y, Z)``; ``None`` if all were.

    Returns:
        Statistics in units.

    Raises:
        InputError: No voxel is both measured and finite.

    Example:
        >>> codes = np.arange(100, dtype=np.int16).reshape(1, 4, 5, 5)
        >>> found = measure(codes, LinearCoding(2.0, 0.0, "float32"), None)
        >>> found.minimum, found.p50, found.maximum
        (0.0, 98.0, 198.0)
    """
    chosen = codes.ravel() if valid is None else codes[:, valid].ravel()
    levels, counts = _levels(chosen)
    if not len(levels):
        raise InputError(f"No voxel of {codes.size:,} is both measured and finite.")
    levels = coding.decode(levels).astype(np.float64)
    if coding.slope < 0:
        levels, counts = levels[::-1], counts[::-1]
    total = int(counts.sum())
    mean = float(levels @ counts) / total
    low, middle, high = (_quantile(levels, counts, share) for share in (0.01, 0.5, 0.99))
    front = levels > low + _FOREGROUND * (high - low)
    inner = front if front.any() else np.ones_like(front)
    return Statistics(
        minimum=float(levels[0]),
        maximum=float(levels[-1]),
        mean=mean,
        sd=float(np.sqrt(((levels - mean) ** 2) @ counts / total)),
        p01=low,
        p50=middle,
        p99=high,
        p005=_quantile(levels[inner], counts[inner], 0.005),
        p995=_quantile(levels[inner], counts[inner], 0.995),
        foreground_fraction=float(counts[front].sum()) / total,
    )


def _levels(chosen: Values) -> tuple[Values, Values]:
    """Return the distinct finite numbers, rising, and how often each occurs."""
    if chosen.dtype.itemsize > 2 or chosen.dtype.kind == "f":
        return np.unique(chosen[np.isfinite(chosen)], return_counts=True)
    lowest = int(np.iinfo(chosen.dtype).min)
    counts = np.bincount(chosen.astype(np.int32) - lowest)
    used = np.flatnonzero(counts)
    return (used + lowest).astype(chosen.dtype), counts[used]


def _quantile(levels: Values, counts: Values, share: float) -> float:
    reached = np.cumsum(counts)
    return float(levels[np.searchsorted(reached, share * reached[-1])])
