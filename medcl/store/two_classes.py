"""A histogram parted in two, dark and bright, where that explains most of its variance."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from medcl.store.statistics import Levels

_NUM_BINS = 512
_MOST_LEVELS = 2**16
_TAIL = 0.001

Shares = Float64[np.ndarray, "K"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TwoClasses:
    """Equal bins of a histogram, the rarest 0.1 % at both ends put into the outermost ones.

    Attributes:
        shares: Share of the voxels in each bin, shape ``(K,)``.
        centres: Middle value of each bin.
        cut: First bin of the bright class.
    """

    shares: Shares
    centres: Shares
    cut: int

    @property
    def fractions(self) -> tuple[float, float]:
        """Share of the voxels in the dark and in the bright class."""
        return float(self.shares[: self.cut].sum()), float(self.shares[self.cut :].sum())

    @property
    def means(self) -> tuple[float, float]:
        """Mean value of the dark and of the bright class."""
        dark, bright = (
            float(self.shares[part] @ self.centres[part] / self.shares[part].sum())
            for part in (slice(self.cut), slice(self.cut, None))
        )
        return dark, bright

    def modes(self, width: float) -> tuple[float, float]:
        """Return the commonest value of the dark and of the bright class.

        Args:
            width: Values that lie so close together count together.

        Returns:
            Middles of the fullest windows.
        """
        num_bins = max(1, round(width / (self.centres[1] - self.centres[0])))
        dark, bright = (
            _fullest(self.shares[part], self.centres[part], num_bins)
            for part in (slice(self.cut), slice(self.cut, None))
        )
        return dark, bright


def two_classes(levels: Levels) -> TwoClasses | None:
    """Return a histogram parted by Otsu's threshold.

    Args:
        levels: Values and counts.

    Returns:
        The two classes, neither empty; ``None`` for a single value.

    References:
        Otsu, A threshold selection method from gray-level histograms, IEEE SMC 1979.

    Example:
        >>> found = two_classes(Levels(np.array([0.0, 1.0, 9.0, 10.0]), np.array([40, 40, 10, 10])))
        >>> found.fractions
        (0.8, 0.2)
    """
    low, high = levels.quantile(_TAIL), levels.quantile(1 - _TAIL)
    if low >= high:
        low, high = float(levels.values[0]), float(levels.values[-1])
    if not np.isfinite(high - low) or low >= high:
        return None
    edges = np.linspace(low, high, _NUM_BINS + 1)
    values, weights = _thinned(levels)
    counts, _ = np.histogram(np.clip(values, low, high), edges, weights=weights)
    shares, centres = counts / counts.sum(), (edges[1:] + edges[:-1]) / 2
    below, moment = np.cumsum(shares)[:-1], np.cumsum(shares * centres)
    between = (moment[-1] * below - moment[:-1]) ** 2 / np.maximum(below * (1 - below), 1e-12)
    return TwoClasses(shares=shares, centres=centres, cut=int(np.argmax(between)) + 1)


def _thinned(levels: Levels) -> Levels:
    """Return at most 65,536 levels, several of a float volume's counted as one."""
    step = -(-len(levels.values) // _MOST_LEVELS)
    counts = np.add.reduceat(levels.counts, np.arange(0, len(levels.counts), step))
    return Levels(levels.values[::step], counts)


def _fullest(shares: Shares, centres: Shares, num_bins: int) -> float:
    held = np.convolve(shares, np.ones(min(num_bins, len(shares))), mode="same")
    return float(centres[np.argmax(held)])
