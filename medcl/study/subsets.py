"""Label subsets: n = 5 lies within n = 10 lies within n = 20, counted in labelled patients.

One order of patients per seed; a subset is its beginning. So subsets are nested, the same for all
arms, and a pure function of (seed, labels).
"""

from collections import deque
from collections.abc import Iterable, Sequence

from medcl.errors import InputError
from medcl.study.split import (
    LabelledVolume,
    classes_of_patients,
    patients_by_stratum,
    shuffled,
    words_of_patients,
)


def subset(
    volumes: Sequence[LabelledVolume], *, num_patients: int, seed: int, min_per_class: int = 1
) -> tuple[LabelledVolume, ...]:
    """Return all volumes of the first ``num_patients`` patients of this seed's order.

    Args:
        volumes: Training volumes; with targets the subset is stratified, without it is not.
        num_patients: Labelled patients.
        seed: Each seed has another order.
        min_per_class: Patients of each class that every subset holds, at least 1.

    Returns:
        Volumes in the order of the input.

    Raises:
        InputError: There are fewer patients, or a class has too few of them.

    Example:
        >>> volumes = [LabelledVolume(f"v{i}", f"p{i}", i % 2) for i in range(40)]
        >>> five = subset(volumes, num_patients=5, seed=0)
        >>> ten = subset(volumes, num_patients=10, seed=0)
        >>> set(five) < set(ten), sum(volume.target for volume in ten)
        (True, 5)
    """
    check_counts(volumes, [num_patients], min_per_class=min_per_class)
    chosen = set(_order(volumes, seed, min_per_class, num_patients)[:num_patients])
    return tuple(volume for volume in volumes if volume.patient_key in chosen)


def check_counts(
    volumes: Sequence[LabelledVolume],
    counts: Sequence[int],
    *,
    min_per_class: int = 1,
    seeds: Iterable[int] = (),
) -> None:
    """Refuse, before any work is done, counts of labels that the patients cannot give.

    Args:
        volumes: Training volumes.
        counts: Asked counts of labelled patients.
        min_per_class: As in `subset`.
        seeds: Of the subsets; where patients have several classes, how few of them hold each
            class depends on whom a seed takes first.

    Raises:
        InputError: Volumes with and without targets are mixed, a class has too few patients, or a
            count is out of range.
    """
    without = sum(volume.target is None for volume in volumes)
    if without not in {0, len(volumes)}:
        raise InputError(
            f"Either all volumes have a class or none; found {without} of {len(volumes)} without."
        )
    classes = classes_of_patients(volumes)
    for target in sorted({target for targets in classes.values() for target in targets}):
        carriers = sum(target in targets for targets in classes.values())
        if carriers < min_per_class:
            raise InputError(
                f"Class {target} has too few cases: every subset must hold {min_per_class} of its "
                f"patients, and the training part has {carriers}."
            )
    for count in counts:
        if not 1 <= count <= len(classes):
            raise InputError(
                f"A label count must lie between 1 and the {len(classes)} patients of the training "
                f"part; asked for {count}."
            )
        _check_room(classes, count, min_per_class)
    for seed in seeds:
        _order(volumes, seed, min_per_class, min(counts))


def _check_room(classes: dict[str, set[int]], count: int, min_per_class: int) -> None:
    most = max((len(targets) for targets in classes.values()), default=0)
    num_classes = len({target for targets in classes.values() for target in targets})
    if count * most < num_classes * min_per_class:
        raise InputError(
            f"{count} labelled patients cannot hold {min_per_class} of each of {num_classes} "
            f"classes. Ask for more labels."
        )


def _order(
    volumes: Sequence[LabelledVolume], seed: int, min_per_class: int, smallest: int
) -> list[str]:
    """Return the order of patients; the first ``smallest`` must serve ``min_per_class``.

    Raises:
        InputError: They do not.
    """
    classes, words = classes_of_patients(volumes), words_of_patients(volumes)
    strata = {
        stratum: shuffled(patients, words, seed, "subset")
        for stratum, patients in patients_by_stratum(volumes).items()
    }
    first = _first_of_each_class(classes, shuffled(classes, words, seed, "subset"), min_per_class)
    if smallest < len(first):
        raise InputError(
            f"{smallest} labelled patients cannot hold {min_per_class} of each class: at least "
            f"{len(first)} patients are needed with seed {seed}."
        )
    return _proportional(strata, first)


def _first_of_each_class(
    classes: dict[str, set[int]], patients: Iterable[str], min_per_class: int
) -> list[str]:
    carriers: dict[int, list[str]] = {}
    for patient in patients:
        for target in classes[patient]:
            carriers.setdefault(target, []).append(patient)
    chosen: dict[str, None] = {}
    for target in sorted(carriers, key=lambda t: (len(carriers[t]), t)):
        has = sum(target in classes[patient] for patient in chosen)
        others = [patient for patient in carriers[target] if patient not in chosen]
        chosen |= dict.fromkeys(others[: max(0, min_per_class - has)])
    return list(chosen)


def _proportional(strata: dict[int | None, list[str]], first: list[str]) -> list[str]:
    """Return ``first`` continued so that every beginning holds each stratum's share of patients."""
    total = sum(len(patients) for patients in strata.values())
    placed = set(first)
    waiting = {
        stratum: deque(patient for patient in patients if patient not in placed)
        for stratum, patients in strata.items()
    }
    taken = {stratum: len(strata[stratum]) - len(waiting[stratum]) for stratum in strata}
    order = list(first)
    while len(order) < total:
        size = len(order) + 1
        open_strata = [stratum for stratum in strata if waiting[stratum]]
        behind = max(open_strata, key=lambda s: size * len(strata[s]) / total - taken[s])
        order.append(waiting[behind].popleft())
        taken[behind] += 1
    return order
