"""How many labels an arm saves: where two curves reach the same height.

Curves are made monotone (least-squares isotonic), then interpolated linearly in log10 of the number
of labelled patients. Outside the counts that were run nothing is known: the factor is then an
open range, written with ">=" or "<=".

Legend: R resamples, N label counts.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

Curves = Float64[np.ndarray, "R N"]
Counts = Int64[np.ndarray, "N"]
PerResample = Float64[np.ndarray, "R"]


@dataclass(frozen=True, slots=True)
class LabelsSaved:
    """The factor ``labels of the reference / labels of the arm`` at equal performance.

    Attributes:
        level: The performance compared at: the reference's at its largest count.
        low: Smallest factor that the means allow; 0 where the arm never gets there.
        high: Largest factor that the means allow; infinite where the arm is there at its smallest
            count. Equal to ``low`` where both curves were run at the level.
        ci_low: Lower end of the interval; 0 where open.
        ci_high: Upper end; infinite where open.
    """

    level: float
    low: float
    high: float
    ci_low: float
    ci_high: float

    def __str__(self) -> str:
        """Return the factor as a person writes it.

        Example:
            >>> str(LabelsSaved(0.8, 4.0, math.inf, 1.5, math.inf))
            '>= 4.0x [1.5, open]'
        """
        end = "open" if math.isinf(self.ci_high) else f"{self.ci_high:.1f}"
        return f"{factor_text(self.low, self.high)} [{self.ci_low:.1f}, {end}]"


def factor_text(low: float, high: float) -> str:
    """Return one factor with its censoring.

    Example:
        >>> factor_text(0.0, 0.5), factor_text(2.0, 2.0), factor_text(0.0, math.inf)
        ('<= 0.5x', '2.0x', 'unknown')
    """
    if low == high:
        return f"{low:.1f}x"
    if math.isinf(high):
        return f">= {low:.1f}x" if low > 0 else "unknown"
    return f"<= {high:.1f}x" if low == 0 else f"{low:.1f}x to {high:.1f}x"


def labels_saved(
    counts: Counts,
    *,
    arm: Curves,
    reference: Curves,
    level: float = 0.95,
) -> LabelsSaved:
    """Return the factor with its interval.

    Args:
        counts: Numbers of labelled patients that both ran, ascending, shape ``(N,)``.
        arm: Its performance, shape ``(1 + R, N)``: the means, then each resample.
        reference: Likewise, on the same resamples.
        level: Coverage of the interval.

    Returns:
        The factor of the means and the percentile interval of the resamples. An end of the
        interval is open where the resample at that percentile is.

    Example:
        >>> counts = np.array([10, 20, 40, 80])
        >>> scratch = np.array([[0.5, 0.6, 0.7, 0.8]])
        >>> pretrained = np.array([[0.7, 0.8, 0.85, 0.9]])
        >>> str(labels_saved(counts, arm=pretrained, reference=scratch))
        '4.0x [4.0, 4.0]'
    """
    smooth = isotonic(reference)
    goal = smooth[:, -1]
    ref_low, ref_high = labels_to_reach(counts, smooth, goal)
    arm_low, arm_high = labels_to_reach(counts, isotonic(arm), goal)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(np.isinf(arm_high), 0.0, ref_low / arm_high)
        high = np.where(arm_low <= 0, np.inf, ref_high / arm_low)
    tail = (1 - level) / 2
    rest = slice(1, None) if len(low) > 1 else slice(None)
    return LabelsSaved(
        level=float(goal[0]),
        low=float(low[0]),
        high=float(high[0]),
        ci_low=float(np.quantile(low[rest], tail, method="lower")),
        ci_high=float(np.quantile(high[rest], 1 - tail, method="higher")),
    )


def isotonic(curves: Curves) -> Curves:
    """Return the closest curves, in least squares, that never fall.

    By the min-max formula, on all resamples at once: the value at ``i`` is the largest over
    ``j <= i`` of the smallest over ``k >= i`` of the mean of ``j..k``.

    Args:
        curves: Shape ``(R, N)``.

    Returns:
        Shape ``(R, N)``.

    Example:
        >>> isotonic(np.array([[1.0, 3.0, 2.0, 4.0]])).tolist()
        [[1.0, 2.5, 2.5, 4.0]]
    """
    num = curves.shape[1]
    sums = np.concatenate([np.zeros((len(curves), 1)), np.cumsum(curves, axis=1)], axis=1)
    means = np.full((num, num, len(curves)), np.nan)
    for first in range(num):
        for last in range(first, num):
            means[first, last] = (sums[:, last + 1] - sums[:, first]) / (last + 1 - first)
    columns = [
        np.max([np.min(means[j, i:], axis=0) for j in range(i + 1)], axis=0) for i in range(num)
    ]
    return np.stack(columns, axis=1)


def labels_to_reach(
    counts: Counts, curves: Curves, goal: PerResample
) -> tuple[PerResample, PerResample]:
    """Return between which numbers of labels each rising curve first reaches its goal.

    Args:
        counts: Ascending, shape ``(N,)``.
        curves: Non-decreasing along ``N``, shape ``(R, N)``.
        goal: Shape ``(R,)``.

    Returns:
        Lower and upper bound, each shape ``(R,)``: equal where the goal is crossed between two
        counts, ``(0, counts[0])`` where it is reached at once, ``(counts[-1], inf)`` where never.
    """
    log = np.log10(counts.astype(np.float64))
    reached = curves >= goal[:, None] - 1e-12
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), len(counts))
    rows = np.arange(len(curves))
    right = np.clip(first, 1, len(counts) - 1)
    left = right - 1
    rise = curves[rows, right] - curves[rows, left]
    share = np.clip((goal - curves[rows, left]) / np.where(rise > 0, rise, 1.0), 0.0, 1.0)
    exact = 10 ** (log[left] + share * (log[right] - log[left]))
    low = np.select([first == 0, first == len(counts)], [0.0, float(counts[-1])], exact)
    high = np.select([first == 0, first == len(counts)], [float(counts[0]), np.inf], exact)
    return low, high


def area_under_curve(counts: Counts, curves: Curves) -> PerResample:
    """Return the mean height over log10 of the number of labels (nALC), trapezoidal.

    Args:
        counts: Ascending, shape ``(N,)``, at least two.
        curves: Shape ``(R, N)``.

    Returns:
        Shape ``(R,)``, in the metric's unit.

    Example:
        >>> area_under_curve(np.array([10, 100, 1000]), np.array([[0.5, 0.7, 0.9]])).tolist()
        [0.7]
    """
    log = np.log10(counts.astype(np.float64))
    return np.asarray(np.trapezoid(curves, log, axis=1) / (log[-1] - log[0]))
