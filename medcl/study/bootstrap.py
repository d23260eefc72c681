"""Draws of seeds and of test patients, common to all arms and label counts.

Patients and seeds are crossed: every seed is tested on the same patients. One draw of patients
serves all seeds, arms and counts: so differences are paired. Patients are drawn with replacement
within their class, because the number of cases of each class is fixed by design. One fewer than
there are is drawn, which makes the variance of a mean unbiased where plain bootstrap is too small
by ``(n - 1) / n``. Seeds are few, and a mean of 3 drawn from 3 takes only ten values; so their
weights are drawn from a normal distribution of the same variance instead.

References:
    Rao and Wu, "Resampling inference with complex survey data", JASA 83 (1988), the draw of n - 1;
    van der Vaart and Wellner, "Weak Convergence and Empirical Processes" (1996), section 3.6, the
    normal multipliers.

Legend: P cases, S seeds, R resamples.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from medcl.runtime.seeds import generator
from medcl.study.scores import CaseTable

Draws = Float64[np.ndarray, "P R"]
SeedWeights = Float64[np.ndarray, "S R"]


def draw_counts(num: int, resamples: int, rng: np.random.Generator) -> Draws:
    """Return how often each of ``num`` things is drawn in each resample.

    Args:
        num: Things, at least 1. One thing alone is drawn always: it cannot vary.
        resamples: Resamples.
        rng: Where the draws come from.

    Returns:
        Shape ``(num, resamples)``; columns sum to ``num - 1``, or to 1 where ``num`` is 1.

    Example:
        >>> draw_counts(3, 4, np.random.default_rng(0)).sum(axis=0).tolist()
        [2.0, 2.0, 2.0, 2.0]
    """
    draws = max(num - 1, 1)
    counts = rng.multinomial(draws, np.full(num, 1 / num), size=resamples)
    return np.ascontiguousarray(counts.T, dtype=np.float64)


def seed_weights(seeds: Sequence[int], *, resamples: int, seed: int) -> SeedWeights:
    """Return each seed's weight in each resample's mean.

    The same list of seeds always gets the same draws.

    Args:
        seeds: Seeds that are averaged, two or more.
        resamples: Resamples ``R``.
        seed: Of the bootstrap.

    Returns:
        Shape ``(S, R)``; columns sum to 1; a mean has the variance ``s**2 / S`` over resamples,
        where ``s**2`` is the unbiased variance over seeds.
    """
    num = len(seeds)
    rng = generator(seed, "bootstrap seeds", *sorted(seeds))
    multipliers = rng.normal(scale=1 / np.sqrt(num * (num - 1)), size=(num, resamples))
    weights: SeedWeights = 1 / num + multipliers - multipliers.mean(axis=0)
    return weights


def case_weights(cases: CaseTable, *, resamples: int, seed: int) -> Draws:
    """Return how often each case is drawn: as often as its patient.

    Args:
        cases: Test cases, ``P`` of them; patients are drawn, all of a patient's cases come along.
        resamples: Resamples ``R``.
        seed: Of the bootstrap.

    Returns:
        Shape ``(P, R)``.
    """
    rng = generator(seed, "bootstrap patients")
    drawn: dict[str, np.ndarray] = {}
    for _, patients in sorted(_strata(cases).items()):
        counts = draw_counts(len(patients), resamples, rng)
        drawn |= dict(zip(patients, counts, strict=True))
    return np.stack([drawn[patient] for patient in cases.patient_keys])


def _strata(cases: CaseTable) -> dict[tuple[int, ...], list[str]]:
    """Return patients, in the order of the cases, by the set of classes that their cases have."""
    classes: dict[str, set[int]] = {patient: set() for patient in cases.patient_keys}
    if cases.targets is not None:
        for patient, target in zip(cases.patient_keys, cases.targets.tolist(), strict=True):
            classes[patient].add(target)
    strata: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for patient in classes:
        strata[tuple(sorted(classes[patient]))].append(patient)
    return strata
