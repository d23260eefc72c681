"""What is asked, labelled volumes for learning and for testing, and what comes back per volume."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from medcl.errors import LeakageError, RequestError
from medcl.store.rows import VolumeRow
from medcl.store.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """A volume with its class.

    Attributes:
        row: The volume in the catalogue.
        target: Class index, from 0.
    """

    row: VolumeRow
    target: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationTask:
    """Volumes to learn a class from, and volumes to predict it for.

    Attributes:
        store: Where the voxels are.
        num_classes: ``K``.
        train: The labelled subset, of at least one volume.
        test: Of other patients.
    """

    store: Store
    num_classes: int
    train: Sequence[Labelled]
    test: Sequence[Labelled]

    def __post_init__(self) -> None:
        """Refuse an empty subset, a class out of range, and a patient on both sides.

        Raises:
            RequestError: The subset is empty or a class index is out of range.
            LeakageError: A patient is in both parts.
        """
        wrong = [
            c.target for c in (*self.train, *self.test) if not 0 <= c.target < self.num_classes
        ]
        if wrong:
            raise RequestError(
                f"Classes must be from 0 to {self.num_classes - 1}; {len(wrong)} volumes have "
                f"another, such as {wrong[0]}."
            )
        require_apart([case.row for case in self.train], [case.row for case in self.test])


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentationTask:
    """Volumes to learn label maps from, and volumes to predict them for.

    Attributes:
        store: Where voxels and label maps are.
        label_set: Name of the maps in the store.
        num_classes: ``K``, background included; maps hold 0 to ``K - 1``.
        train: The labelled subset, of at least one volume.
        test: Of other patients.
    """

    store: Store
    label_set: str
    num_classes: int
    train: Sequence[VolumeRow]
    test: Sequence[VolumeRow]

    def __post_init__(self) -> None:
        """Refuse an empty subset and a patient on both sides.

        Raises:
            RequestError: The subset is empty.
            LeakageError: A patient is in both parts.
        """
        require_apart(self.train, self.test)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationCase:
    """What was predicted for one test volume.

    Attributes:
        key: Of the volume.
        patient_key: Of its patient.
        target: True class index.
        scores: Probability of each class; they sum to 1.
    """

    key: str
    patient_key: str
    target: int
    scores: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentationCase:
    """How well one test volume was segmented, on its native grid.

    Attributes:
        key: Of the volume.
        patient_key: Of its patient.
        dice: Per foreground class 1, 2, …, as `measure` of the fine-tuning gave them.
    """

    key: str
    patient_key: str
    dice: tuple[float, ...]


def cases_of(
    test: Sequence[Labelled], scores: Float[np.ndarray, "n K"]
) -> list[ClassificationCase]:
    """Return scores as cases.

    Args:
        test: The volumes that were predicted.
        scores: Probability of each class, shape ``(n, K)``, in their order.

    Returns:
        One case per volume.
    """
    return [
        ClassificationCase(
            key=labelled.row.key,
            patient_key=labelled.row.patient_key,
            target=labelled.target,
            scores=tuple(row.tolist()),
        )
        for labelled, row in zip(test, scores, strict=True)
    ]


def require_apart(train: Sequence[VolumeRow], test: Sequence[VolumeRow]) -> None:
    """Refuse to learn from nothing, or from a patient who is tested on.

    Args:
        train: Volumes to learn from.
        test: Volumes to predict for.

    Raises:
        RequestError: ``train`` is empty.
        LeakageError: A patient is in both.
    """
    if not train:
        raise RequestError("The labelled subset must hold at least one volume, and holds none.")
    both = {row.patient_key for row in train} & {row.patient_key for row in test}
    if both:
        raise LeakageError(
            f"No patient may be learnt from and tested on, but {len(both)} are: of {len(train)} "
            f"volumes for learning and {len(test)} for testing."
        )
