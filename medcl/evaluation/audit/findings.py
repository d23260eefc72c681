"""From figures of many draws to findings: means by patient with intervals, and the worst."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.evaluation.quantities.local import LOCAL
from medcl.evaluation.quantities.partners import PARTNER
from medcl.evaluation.quantities.quantity import Quantity
from medcl.evaluation.quantities.table import quantities_of

_RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One measured figure.

    Attributes:
        name: What was measured.
        title: What people call it.
        unit: Its unit.
        flag: What of the contract it measures, empty for none.
        mean: Mean over patients of each patient's mean.
        interval: 95 % interval of the mean, by bootstrap over patients.
        p99: 99th percentile over all draws, the 1st where large values are good.
        p999: The same of one draw in a thousand.
        worst: Worst draw.
        limit: Worst that passes; of a ratio the upper end, its inverse is the lower one.
        fails: Where failing begins, likewise; ``None`` for what warns at most.
        status: ``pass``, ``warn`` or ``fail``.
        num_draws: Views or pairs it was measured on.
        num_failures: Draws beyond where failing begins.
        failure_rate_below: Upper end of the 95 % interval of the share of such draws; 3 by the
            number of draws where there are none.
        may_fail: Whether the task needs it; otherwise it warns at most.
        between_views: Whether it compares two views.
        is_local: Whether it is of local views.
        is_partner: Whether it is of pairs of two series.
        is_ratio: Whether values near 1 are good.
        is_lowest: Whether large values are good.
    """

    name: str
    title: str
    unit: str
    flag: str
    mean: float
    interval: tuple[float, float]
    p99: float
    p999: float
    worst: float
    limit: float
    fails: float | None
    status: str
    num_draws: int
    num_failures: int
    failure_rate_below: float
    may_fail: bool
    between_views: bool
    is_local: bool
    is_partner: bool
    is_ratio: bool
    is_lowest: bool


@dataclass(slots=True)
class Measured:
    """Figures by quantity, each with the patient it belongs to."""

    values: dict[str, list[tuple[str, float]]] = field(default_factory=dict)

    def add(self, patient: str, figures: Mapping[str, float]) -> None:
        """Keep figures of one view or pair.

        A view with values that are not finite is found as such; what else it gives is no figure.
        """
        for name, value in figures.items():
            if math.isfinite(value):
                self.values.setdefault(name, []).append((patient, float(value)))


def findings_of(
    measured: Measured,
    policy: Policy,
    task: TaskProfile,
    quantities: Mapping[str, Quantity] | None = None,
) -> list[Finding]:
    """Return what was found, in the order quantities are shown.

    Args:
        measured: All figures.
        policy: The policy, for its limits.
        task: Decides which quantities may fail.
        quantities: By the names of their figures; by default those of the policy's global views.

    Returns:
        One finding per quantity that was measured.
    """
    quantities = quantities_of(policy) if quantities is None else quantities
    return [
        finding_of(quantity, measured.values[name], may_fail=quantity.may_fail(task, policy))
        for name, quantity in quantities.items()
        if name in measured.values
    ]


def finding_of(
    quantity: Quantity, pairs: Sequence[tuple[str, float]], *, may_fail: bool
) -> Finding:
    """Return the finding of one quantity.

    Args:
        quantity: What was measured.
        pairs: Patient and value, per draw.
        may_fail: Whether the task needs it.

    Returns:
        The finding.
    """
    size = quantity.better == "zero"
    values = np.array([abs(value) if size else value for _, value in pairs])
    badness = np.array([quantity.badness(value) for value in values])
    order = values[np.argsort(badness, kind="stable")]
    mean, interval = by_patient([patient for patient, _ in pairs], values)
    judged = quantity.badness(mean if quantity.is_share else float(order[-1]))
    passes, fails = quantity.badness(quantity.passes), quantity.badness(quantity.fails)
    failures = int((badness > fails).sum())
    status = "pass"
    if judged > passes:
        status = "fail" if judged > fails and may_fail else "warn"
    return Finding(
        name=quantity.name,
        title=quantity.title,
        unit=quantity.unit,
        flag="" if quantity.flag is None else quantity.flag.value,
        mean=mean,
        interval=interval,
        p99=_of_share(order, 0.99),
        p999=_of_share(order, 0.999),
        worst=float(order[-1]),
        limit=float(quantity.passes),
        fails=float(quantity.fails) if math.isfinite(quantity.fails) else None,
        status=status,
        num_draws=len(values),
        num_failures=failures,
        failure_rate_below=failure_rate_below(failures, len(values)),
        may_fail=may_fail,
        between_views=quantity.is_gap,
        is_local=quantity.name.startswith(LOCAL),
        is_partner=quantity.name.startswith(PARTNER),
        is_ratio=quantity.better == "one",
        is_lowest=quantity.better == "high",
    )


def failure_rate_below(failures: int, draws: int) -> float:
    """Return how often a failure may happen at most, at 95 % confidence.

    Args:
        failures: Failures seen.
        draws: Of so many.

    Returns:
        3 by the number of draws where none failed (the rule of three), else the upper end of the
        interval of Clopper and Pearson; 1 at most.

    Example:
        >>> failure_rate_below(0, 300)
        0.01
    """
    if failures == 0:
        return min(3.0 / max(draws, 1), 1.0)
    if failures >= draws:
        return 1.0
    return float(stats.beta.ppf(0.975, failures + 1, draws - failures))


def by_patient(owners: Iterable[str], values: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Return the mean over patients of each patient's mean, and its 95 % interval.

    Args:
        owners: Per value, the patient it belongs to.
        values: At least one.

    Returns:
        Mean, and the interval by bootstrap over patients.

    Example:
        >>> by_patient(["a", "a", "b"], np.array([1.0, 3.0, 4.0]))[0]
        3.0
    """
    patients = np.array(list(owners))
    means = np.array([values[patients == patient].mean() for patient in np.unique(patients)])
    picks = np.random.default_rng(0).integers(0, len(means), (_RESAMPLES, len(means)))
    low, high = np.percentile(means[picks].mean(axis=1), [2.5, 97.5])
    return float(means.mean()), (float(low), float(high))


def _of_share(order: np.ndarray, share: float) -> float:
    """Return the value that this share of draws is no worse than."""
    return float(order[min(math.ceil(share * len(order)), len(order)) - 1])
