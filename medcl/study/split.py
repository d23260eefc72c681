"""Which patients are tested: drawn once, or taken from the label set's own split."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from medcl.errors import InputError, LeakageError
from medcl.runtime.seeds import derive_seed


@dataclass(frozen=True, slots=True)
class LabelledVolume:
    """One volume with its label.

    Attributes:
        key: The volume's key.
        patient_key: Its patient's key: the unit of all counting.
        target: Class index from 0, or ``None`` where the label is a label map.
        split: ``train``, ``val`` or ``test`` where the label set has its own split.
        word: Addresses the volume in every draw; by default its key.
    """

    key: str
    patient_key: str
    target: int | None = None
    split: str | None = None
    word: str = ""

    def __post_init__(self) -> None:
        """Take the key for the word, where none is given."""
        if not self.word:
            object.__setattr__(self, "word", self.key)


@dataclass(frozen=True, slots=True)
class Split:
    """Two sets of volumes without a common patient.

    Attributes:
        train: Volumes from which labelled subsets are drawn.
        test: Volumes that are only ever tested.
        num_set_aside: Volumes in neither: a label set's own validation part. Tuning on it would
            cost more labels than the curve's axis says.
    """

    train: tuple[LabelledVolume, ...]
    test: tuple[LabelledVolume, ...]
    num_set_aside: int = 0


def split(volumes: Sequence[LabelledVolume], *, test_fraction: float = 0.3, seed: int = 0) -> Split:
    """Part the patients once for a whole study.

    Args:
        volumes: All labelled volumes. If any has a ``split``, all must, and it is obeyed.
        test_fraction: Share of each stratum's patients to be tested, in (0, 1); at least one
            patient of each stratum is tested and one left for training.
        seed: Which patients; independent of the seeds of the subsets.

    Returns:
        The two sets, in the order of the input.

    Raises:
        InputError: Fewer than two patients in all or in a class, or a fraction or a split that
            cannot be.
        LeakageError: The given split puts one patient on both sides.

    Example:
        >>> volumes = [LabelledVolume(f"v{i}", f"p{i // 2}", i // 2 % 2) for i in range(40)]
        >>> parts = split(volumes, test_fraction=0.3)
        >>> len(parts.train), len(parts.test)
        (28, 12)
    """
    if len({volume.key for volume in volumes}) != len(volumes):
        raise InputError("Each labelled volume must appear once; a key is repeated.")
    if any(volume.split is not None for volume in volumes):
        return _given(volumes)
    if not 0 < test_fraction < 1:
        raise InputError(f"The test fraction must lie between 0 and 1; found {test_fraction}.")
    words = words_of_patients(volumes)
    tested: set[str] = set()
    for stratum, patients in patients_by_stratum(volumes).items():
        if len(patients) < 2:
            where = "" if stratum is None else f" of class {stratum}"
            raise InputError(
                f"At least 2 patients{where} are needed, one to learn from and one to test; "
                f"found {len(patients)}."
            )
        count = min(max(1, math.floor(test_fraction * len(patients) + 0.5)), len(patients) - 1)
        tested.update(shuffled(patients, words, seed, "test")[:count])
    return Split(
        train=tuple(volume for volume in volumes if volume.patient_key not in tested),
        test=tuple(volume for volume in volumes if volume.patient_key in tested),
    )


def require_classes(parts: Split) -> None:
    """Refuse, before any work is done, classes that cannot be both learnt and tested.

    Args:
        parts: Volumes with targets; sides of label maps are passed.

    Raises:
        InputError: All volumes are of one class, or a class has no patient on one of the sides.

    Example:
        >>> require_classes(split([LabelledVolume(f"v{i}", f"p{i}", i % 2) for i in range(9)]))
    """
    learnt, tested = (_carriers(side) for side in (parts.train, parts.test))
    found = learnt.keys() | tested.keys()
    if not found:
        return
    if len(found) == 1:
        patients = len({volume.patient_key for volume in (*parts.train, *parts.test)})
        raise InputError(
            f"A classification must have at least two classes, but all {patients} labelled "
            f"patients of the cohort are of class {found.pop()}."
        )
    for target in range(max(found) + 1):
        if not (learnt[target] and tested[target]):
            raise InputError(
                f"Every class from 0 to {max(found)} must have patients to learn from and patients "
                f"to test; class {target} has {learnt[target]} and {tested[target]}."
            )


def _carriers(volumes: Iterable[LabelledVolume]) -> Counter[int]:
    """Return the number of patients of each class."""
    classes = classes_of_patients(volumes)
    return Counter(target for targets in classes.values() for target in targets)


def patients_by_stratum(volumes: Iterable[LabelledVolume]) -> dict[int | None, list[str]]:
    """Return patients by class; one who has several belongs to the class that fewest have.

    Args:
        volumes: Labelled volumes; without targets all patients share the stratum ``None``.

    Returns:
        Patient keys in the order of their words, rarest class first.
    """
    volumes = list(volumes)
    classes, words = classes_of_patients(volumes), words_of_patients(volumes)
    carriers = _carriers(volumes)
    strata: dict[int | None, list[str]] = defaultdict(list)
    for patient in sorted(classes, key=words.__getitem__):
        rarest = min(classes[patient], key=lambda t: (carriers[t], t), default=None)
        strata[rarest].append(patient)
    return dict(sorted(strata.items(), key=lambda item: (len(item[1]), item[0] or 0)))


def classes_of_patients(volumes: Iterable[LabelledVolume]) -> dict[str, set[int]]:
    """Return the classes each patient's volumes have; none for label maps."""
    classes: dict[str, set[int]] = {}
    for volume in volumes:
        of_patient = classes.setdefault(volume.patient_key, set())
        if volume.target is not None:
            of_patient.add(volume.target)
    return classes


def words_of_patients(volumes: Iterable[LabelledVolume]) -> dict[str, str]:
    """Return what addresses each patient in every draw: the first word of the volumes."""
    words: dict[str, str] = {}
    for volume in volumes:
        words[volume.patient_key] = min(volume.word, words.get(volume.patient_key, volume.word))
    return words


def shuffled(
    patients: Iterable[str], words: Mapping[str, str], seed: int, purpose: str
) -> list[str]:
    """Return patients in an order that depends on seed and word alone, not on who else is there."""
    return sorted(
        patients, key=lambda patient: (derive_seed(seed, purpose, words[patient]), patient)
    )


def _given(volumes: Sequence[LabelledVolume]) -> Split:
    found = Counter(str(volume.split) for volume in volumes)
    unknown = sum(count for name, count in found.items() if name not in {"train", "val", "test"})
    if unknown or not found["train"] or not found["test"]:
        raise InputError(
            "A label set's own split must name train, val or test for every volume, and both train "
            f"and test must occur; found train {found['train']}, test {found['test']}, other or "
            f"none {unknown}."
        )
    parts = {
        name: tuple(volume for volume in volumes if volume.split == name)
        for name in ("train", "val", "test")
    }
    tested = {volume.patient_key for volume in parts["test"]}
    both = tested & {volume.patient_key for volume in parts["train"]}
    if both:
        raise LeakageError(
            f"No patient may be in train and test; the label set's split has {len(both)} of "
            f"{len(tested)} test patients in both."
        )
    return Split(parts["train"], parts["test"], len(parts["val"]))
