"""From replicates to an interval whose width is right for crossed seeds and patients.

Resampling seeds and patients together counts the part of the variance that is particular to one
seed on one patient three times (Owen 2007). The other two resamplings tell it apart: with ``V_S``
the variance from seeds alone, ``V_P`` from patients alone and ``V_SP`` from both,

    V_SP = a + b + 3 ab,    V_S = a + ab,    V_P = b + ab,    so  a + b + ab = V_S + V_P - ab

with ``ab = V_SP - V_S - V_P``. The deviations of the joint resamples are scaled to that variance,
which keeps their skewness; the seeds' own part ``a``, which few seeds estimate badly, counts by the
square of Student's t over the normal quantile (Howe 1974).

Legend: S seeds, R resamples, T = 1 + R: all cases, then each resample.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import stats

from medcl.study.bootstrap import seed_weights

PerSeed = Float64[np.ndarray, "S T"]
Averaged = Float64[np.ndarray, "T"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        mean: The figure.
        ci_low: Lower end of the interval.
        ci_high: Upper end.
        n_seeds: Seeds behind it; of one seed the interval holds the patients' part only.
    """

    mean: float
    ci_low: float
    ci_high: float
    n_seeds: int

    @property
    def excludes_zero(self) -> bool:
        """Return whether 0 lies outside the interval."""
        return self.ci_low > 0 or self.ci_high < 0


@dataclass(frozen=True, slots=True)
class Intervals:
    """How intervals of one study are made.

    Attributes:
        level: Coverage, in (0, 1).
        seed: Of the bootstrap.
    """

    level: float
    seed: int

    def average(self, per_seed: PerSeed, seeds: list[int]) -> Averaged:
        """Return the mean over seeds, then its resamples with the right spread.

        Args:
            per_seed: The figure of each seed, on all cases and on each resample of patients.
            seeds: The seeds, ascending; equal lists get equal draws.

        Returns:
            Shape ``(1 + R,)``.
        """
        centre = per_seed[:, 0].mean()
        patients_only = per_seed[:, 1:].mean(axis=0)
        num_seeds, resamples = len(per_seed), per_seed.shape[1] - 1
        if num_seeds == 1:
            return np.concatenate([[centre], patients_only])
        shares = seed_weights(seeds, resamples=resamples, seed=self.seed)
        jointly = (per_seed[:, 1:] * shares).sum(axis=0)
        scale = self._scale(
            v_seeds=float(per_seed[:, 0].var(ddof=1)) / num_seeds,
            v_patients=float(patients_only.var()),
            v_joint=float(jointly.var()),
            num_seeds=num_seeds,
        )
        return np.concatenate([[centre], centre + scale * (jointly - centre)])

    def estimate(
        self, per_seed: PerSeed, seeds: list[int], *, bounds: tuple[float, float] | None = None
    ) -> Estimate:
        """Return the percentile interval around the mean.

        Args:
            per_seed: As in `average`.
            seeds: As in `average`.
            bounds: Where the figure must lie; ends of the interval are cut there.

        Returns:
            The figure with its interval.
        """
        averaged = self.average(per_seed, seeds)
        tail = (1 - self.level) / 2
        ends = np.quantile(averaged[1:], [tail, 1 - tail])
        low, high = ends if bounds is None else np.clip(ends, *bounds)
        return Estimate(float(averaged[0]), float(low), float(high), len(seeds))

    def _scale(self, *, v_seeds: float, v_patients: float, v_joint: float, num_seeds: int) -> float:
        if v_joint == 0:
            return 1.0
        both = float(np.clip(v_joint - v_seeds - v_patients, 0, min(v_seeds, v_patients)))
        upper = (1 + self.level) / 2
        widening = stats.t.ppf(upper, num_seeds - 1) / stats.norm.ppf(upper)
        return float(np.sqrt((v_patients + widening**2 * (v_seeds - both)) / v_joint))
