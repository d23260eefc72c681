"""Distribution of a volume's values, exact and in one pass over integer codes."""

from typing import NamedTuple

import numpy as np

from medcl.errors import InputError
from medcl.store.coding import Levels as LevelValues
from medcl.store.coding import LinearCoding, Values
from medcl.store.measures import Statistics

_FOREGROUND = 0.05
_BLOCK = 2**19
_PADDING_FRACTION = 0.005
_PADDING_GAP = 200.0


class Levels(NamedTuple):
    """The distinct values of a volume, rising, and how many voxels have each."""

    values: LevelValues
    counts: Values

    @property
    def total(self) -> int:
        """Voxels in all."""
        return int(self.counts.sum())

    def quantile(self, share: float) -> float:
        """Return the smallest value that at least ``share`` of the voxels do not exceed."""
        reached = np.cumsum(self.counts)
        return float(self.values[np.searchsorted(reached, share * reached[-1])])


def levels_of(codes: Values, coding: LinearCoding, valid: Values | None) -> Levels:
    """Return the histogram of the values that ``codes`` stand for.

    Args:
        codes: Stored numbers, shape ``(C, X, Y, Z)``.
        coding: Turns codes into values.
        valid: True where voxels were measured, shape ``(X, Y, Z)``; ``None`` if all were.

    Returns:
        Measured and finite values in units, at least one.

    Raises:
        InputError: No voxel is both measured and finite.

    Example:
        >>> codes = np.array([3, 1, 3, 2], np.int16).reshape(1, 1, 2, 2)
        >>> levels = levels_of(codes, LinearCoding(2.0, 0.0, "float32"), None)
        >>> levels.values.tolist(), levels.counts.tolist()
        ([2.0, 4.0, 6.0], [1, 1, 2])
    """
    chosen = codes.ravel() if valid is None else codes[:, valid].ravel()
    numbers, counts = _counted(chosen)
    if not len(numbers):
        raise InputError(f"No voxel of {codes.size:,} is both measured and finite.")
    values = coding.decode(numbers).astype(np.float64)
    falling = coding.slope < 0
    return Levels(values[::-1], counts[::-1]) if falling else Levels(values, counts)


def statistics_of(levels: Levels, *, is_ct: bool = False) -> Statistics:
    """Return the statistics of a histogram.

    Args:
        levels: Values in units and their counts.
        is_ct: Whether the values are HU, of which padding is known.

    Returns:
        Statistics in units.

    Example:
        >>> levels = Levels(np.arange(100) * 2.0, np.ones(100, int))
        >>> found = statistics_of(levels)
        >>> found.minimum, found.p50, found.maximum
        (0.0, 98.0, 198.0)
    """
    values, counts = levels
    mean = float(values @ counts) / levels.total
    front = values > foreground_floor(levels, is_ct=is_ct)[1]
    chosen = Levels(values[front], counts[front]) if front.any() else levels
    return Statistics(
        minimum=float(values[0]),
        maximum=float(values[-1]),
        mean=mean,
        sd=float(np.sqrt(((values - mean) ** 2) @ counts / levels.total)),
        p01=levels.quantile(0.01),
        p50=levels.quantile(0.5),
        p99=levels.quantile(0.99),
        p005=chosen.quantile(0.005),
        p995=chosen.quantile(0.995),
        foreground_fraction=float(counts[front].sum()) / levels.total,
    )


def foreground_floor(levels: Levels, *, is_ct: bool) -> tuple[float, float]:
    """Return where the background lies and the value above which foreground begins.

    Args:
        levels: Values in units and their counts.
        is_ct: Whether the values are HU, of which padding is left out.

    Returns:
        The 1 % quantile without padding, and a twentieth of the way from there to the 99 %
        quantile.
    """
    inner = without_padding(levels) if is_ct else levels
    low, high = inner.quantile(0.01), inner.quantile(0.99)
    return low, low + _FOREGROUND * (high - low)


def without_padding(levels: Levels) -> Levels:
    """Return a CT's histogram without what a scanner wrote where it measured nothing.

    Padding is one lowest value, such as -2000 or -3024 HU, that is common and has next to nothing
    within 200 HU above it; air has its noise there.

    Args:
        levels: Values in HU and their counts.

    Returns:
        All of them, or all but the lowest.

    Example:
        >>> scan = Levels(np.array([-2000.0, -1024.0, -1023.0, 40.0]), np.array([30, 9, 9, 50]))
        >>> without_padding(scan).values.tolist()
        [-1024.0, -1023.0, 40.0]
    """
    values, counts = levels
    near = counts[1 : np.searchsorted(values, values[0] + _PADDING_GAP)].sum()
    is_padding = counts[0] > _PADDING_FRACTION * levels.total and near < 0.01 * counts[0]
    return Levels(values[1:], counts[1:]) if is_padding and len(values) > 1 else levels


def _counted(chosen: Values) -> tuple[Values, Values]:
    """Return the distinct finite numbers, rising, and how often each occurs."""
    kind = chosen.dtype
    if kind.itemsize > 2 or kind.kind == "f":
        return np.unique(chosen[np.isfinite(chosen)], return_counts=True)
    # In blocks, because counting first widens what it counts to 64 bits.
    bits = chosen.view(f"u{kind.itemsize}")
    counts = np.zeros(1 << 8 * kind.itemsize, np.int64)
    for start in range(0, bits.size, _BLOCK):
        counts += np.bincount(bits[start : start + _BLOCK], minlength=len(counts))
    lowest = int(np.iinfo(kind).min)
    counts = np.roll(counts, -lowest)
    used = np.flatnonzero(counts)
    return (used + lowest).astype(kind), counts[used]
