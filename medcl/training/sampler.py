"""Which volumes stand in a batch: a pure function of (seed, step)."""

from collections import defaultdict
from collections.abc import Sequence

from medcl.errors import RequestError
from medcl.runtime import seeds
from medcl.store.rows import VolumeRow


class PatientSampler:
    """Batches of distinct patients.

    An epoch is a seeded permutation of the *patients*, cut into batches; a rest smaller than a
    batch is left out, another one each epoch. A patient with many series comes up as often as one
    with a single series; which of the series is seen is drawn anew at each visit. So no two rows of
    a batch come from one patient, and none is a false negative of another.

    Attributes:
        num_patients: Patients among the rows.
        batch_size: Rows per batch.
        batches_per_epoch: Batches that one permutation fills.
    """

    def __init__(self, rows: Sequence[VolumeRow], *, batch_size: int, seed: int) -> None:
        """Group the rows by patient, in an order that does not depend on theirs.

        Args:
            rows: Volumes to draw from.
            batch_size: Patients per batch over all processes.
            seed: Of the permutations.

        Raises:
            RequestError: There are fewer patients than a batch holds.
        """
        by_patient: dict[str, list[VolumeRow]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: (row.word, row.key)):
            by_patient[row.patient_key].append(row)
        if len(by_patient) < batch_size:
            raise RequestError(
                f"A batch must hold {batch_size} different patients, but the selected "
                f"{len(rows)} volumes come from {len(by_patient)}. Lower batch_size or add some."
            )
        # The rows were sorted, so patients stand in the order of their first words.
        self._volumes = list(by_patient.values())
        self._seed = seed
        self.num_patients = len(by_patient)
        self.batch_size = batch_size
        self.batches_per_epoch = self.num_patients // batch_size

    @property
    def volumes(self) -> list[VolumeRow]:
        """Every volume that may stand in a batch."""
        return [row for volumes in self._volumes for row in volumes]

    def batch(self, step: int) -> list[VolumeRow]:
        """Return the rows of one step.

        Args:
            step: Steps taken so far.

        Returns:
            ``batch_size`` rows of distinct patients.
        """
        epoch, place = divmod(step, self.batches_per_epoch)
        order = seeds.generator(self._seed, "patients", epoch).permutation(self.num_patients)
        patients = order[place * self.batch_size : (place + 1) * self.batch_size]
        return [self._volume(int(patient), epoch) for patient in patients]

    def _volume(self, patient: int, epoch: int) -> VolumeRow:
        volumes = self._volumes[patient]
        draw = seeds.generator(self._seed, "volume", epoch, volumes[0].word)
        return volumes[int(draw.integers(len(volumes)))]


def share(rank: int, ranks: int, *, batch_size: int) -> slice:
    """Return the rows of a global batch that one process works on.

    Args:
        rank: Number of the process.
        ranks: How many processes there are.
        batch_size: Rows of the global batch.

    Returns:
        A slice; in order of rank the slices make up the batch.

    Raises:
        RequestError: The batch cannot be cut into equal shares of at least one row.

    Example:
        >>> share(1, 2, batch_size=8)
        slice(4, 8, None)
    """
    if batch_size % ranks:
        raise RequestError(f"batch_size {batch_size} must be a multiple of {ranks} processes.")
    rows = batch_size // ranks
    return slice(rank * rows, (rank + 1) * rows)
