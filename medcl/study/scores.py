"""Per-case predictions, one Parquet file per cell: all a figure or an interval is made from.

A file is whole or absent, carries the fingerprint of what decided it, and knows nothing of metrics.
Classification has one row per case (``score_0`` … ``score_{K-1}``), segmentation one row per case
and foreground class (``class``, ``dice``; null where a class is in neither mask).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medcl.errors import InputError
from medcl.runtime.files import atomic_path
from medcl.study.cells import Adaptation, Arm, Cell

_FINGERPRINT = b"medcl.fingerprint"


@dataclass(frozen=True, slots=True, eq=False)
class CaseTable:
    """The test cases of one cell.

    Attributes:
        keys: Of the volumes, each once, length ``P``.
        patient_keys: Of their patients, length ``P``.
        values: Shape ``(P, K)``, float64: the probability of each class, or the Dice of each
            foreground class in ``[0, 1]`` with NaN where the class is in neither mask.
        targets: Class indices, shape ``(P,)``, int64; ``None`` for segmentation.

    Raises:
        InputError: Lengths differ, a key repeats, or a value is out of its range.
    """

    keys: tuple[str, ...]
    patient_keys: tuple[str, ...]
    values: np.ndarray
    targets: np.ndarray | None

    def __post_init__(self) -> None:
        """Refuse what no metric could be made from.

        Raises:
            InputError: Lengths differ, a key repeats, or a value is out of its range.
        """
        rows = len(self.keys)
        if not rows or self.values.ndim != 2 or self.values.shape[1] < 1:
            raise InputError(
                f"A case table needs cases and classes; found shape {self.values.shape}."
            )
        lengths = {rows, len(self.patient_keys), len(self.values)}
        if len(lengths) > 1 or len(set(self.keys)) != rows:
            raise InputError(
                f"Each case needs one key, patient and row of values; found {rows} keys "
                f"({len(set(self.keys))} different), {len(self.patient_keys)} patients, "
                f"{len(self.values)} rows."
            )
        if self.targets is None:
            _check_dice(self.values)
        else:
            _check_scores(self.values, self.targets)


def classification_table(
    keys: Sequence[str],
    patient_keys: Sequence[str],
    *,
    targets: Sequence[int] | np.ndarray,
    scores: Sequence[Sequence[float]] | np.ndarray,
) -> CaseTable:
    """Return the table of classified cases.

    Args:
        keys: Volume keys, length ``P``.
        patient_keys: Patient keys, length ``P``.
        targets: Class indices, length ``P``.
        scores: Class probabilities, shape ``(P, K)`` with ``K >= 2``.

    Returns:
        A validated table.
    """
    return CaseTable(
        tuple(keys),
        tuple(patient_keys),
        np.asarray(scores, dtype=np.float64),
        np.asarray(targets, dtype=np.int64),
    )


def segmentation_table(
    keys: Sequence[str],
    patient_keys: Sequence[str],
    *,
    dice: Sequence[Sequence[float]] | np.ndarray,
) -> CaseTable:
    """Return the table of segmented cases.

    Args:
        keys: Volume keys, length ``P``.
        patient_keys: Patient keys, length ``P``.
        dice: Dice of each foreground class, shape ``(P, K)``, NaN where absent from both masks.

    Returns:
        A validated table.
    """
    return CaseTable(tuple(keys), tuple(patient_keys), np.asarray(dice, dtype=np.float64), None)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A cell with its test cases.

    Attributes:
        cell: What was run.
        cases: What it predicted.
        fingerprint: Of what decided it.
    """

    cell: Cell
    cases: CaseTable
    fingerprint: str


def score_path(folder: Path, cell: Cell) -> Path:
    """Return where a cell's cases are stored."""
    return folder / f"{cell.name}.parquet"


def write_scores(folder: Path, scored: Scored) -> Path:
    """Store a cell's cases atomically.

    Args:
        folder: The study's scores; made if absent.
        scored: The finished cell.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = _to_arrow(scored)
    target = score_path(folder, scored.cell)
    with atomic_path(target) as path:
        pq.write_table(table, path)
    return target


def read_scores(path: Path) -> Scored:
    """Read a cell's cases back and check them.

    Args:
        path: A file written by `write_scores`.

    Returns:
        The cell.

    Raises:
        InputError: The file is damaged, of another kind, or holds impossible values.
    """
    try:
        table = pq.read_table(path, partitioning=None)
        return _from_arrow(table)
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError):
        raise InputError(
            f"{path.name} must be a table of per-case scores; it is damaged or of another kind. "
            f"Remove it and run the study again: only this cell is repeated."
        ) from None


def stored_fingerprint(folder: Path, cell: Cell) -> str | None:
    """Return the fingerprint of a finished cell, or ``None`` if it must be run."""
    try:
        metadata = pq.read_schema(score_path(folder, cell)).metadata or {}
    except (pa.ArrowException, OSError):
        return None
    mark = metadata.get(_FINGERPRINT)
    return mark.decode("ascii", "replace") if mark else None


def load_scores(folder: Path) -> list[Scored]:
    """Read all finished cells of a study.

    Args:
        folder: The study's scores.

    Returns:
        Cells in the order of their names.

    Raises:
        InputError: There is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise InputError("A study's curves need at least one finished cell; found none.")
    return [read_scores(path) for path in paths]


def load_table(folder: Path) -> pa.Table:
    """Return all rows of all cells as one table, for one's own analysis."""
    return pa.concat_tables([_to_arrow(scored) for scored in load_scores(folder)])


def _to_arrow(scored: Scored) -> pa.Table:
    cell, cases = scored.cell, scored.cases
    rows, width = cases.values.shape
    repeat = 1 if cases.targets is not None else width
    columns: dict[str, pa.Array] = {
        "arm": pa.array([cell.arm.name] * rows * repeat),
        "init": pa.array([cell.arm.init] * rows * repeat),
        "adaptation": pa.array([cell.arm.adaptation] * rows * repeat),
        "num_labels": pa.array([cell.num_labels] * rows * repeat, pa.int32()),
        "seed": pa.array([cell.seed] * rows * repeat, pa.int64()),
        "key": pa.array([key for key in cases.keys for _ in range(repeat)]),
        "patient_key": pa.array([key for key in cases.patient_keys for _ in range(repeat)]),
    }
    if cases.targets is not None:
        columns["target"] = pa.array(cases.targets)
        columns |= {f"score_{k}": pa.array(cases.values[:, k]) for k in range(width)}
    else:
        columns["class"] = pa.array(np.tile(np.arange(1, width + 1), rows))
        columns["dice"] = pa.array(cases.values.ravel(), from_pandas=True)
    return pa.table(columns, metadata={_FINGERPRINT: scored.fingerprint})


def _from_arrow(table: pa.Table) -> Scored:
    first = {name: table[name][0].as_py() for name in table.column_names}
    for name in ("init", "adaptation", "num_labels", "seed"):
        if len(table[name].unique()) != 1:
            raise ValueError(name)
    cell = Cell(
        Arm(first["init"], cast(Adaptation, first["adaptation"])),
        first["num_labels"],
        first["seed"],
    )
    keys, patients = table["key"].to_pylist(), table["patient_key"].to_pylist()
    if "target" in table.column_names:
        width = sum(name.startswith("score_") for name in table.column_names)
        scores = np.stack([table[f"score_{k}"].to_numpy() for k in range(width)], axis=1)
        cases = classification_table(
            keys, patients, targets=table["target"].to_numpy(), scores=scores
        )
    else:
        width = len(table["class"].unique())
        dice = table["dice"].to_numpy().reshape(-1, width)
        cases = segmentation_table(keys[::width], patients[::width], dice=dice)
    return Scored(cell, cases, table.schema.metadata[_FINGERPRINT].decode("ascii"))


def _check_dice(values: np.ndarray) -> None:
    known = values[~np.isnan(values)]
    if known.size and not (known.min() >= 0 and known.max() <= 1):
        raise InputError(
            f"Dice must lie between 0 and 1; found {known.min():.3g} to {known.max():.3g}."
        )


def _check_scores(values: np.ndarray, targets: np.ndarray) -> None:
    rows, width = values.shape
    if targets.shape != (rows,) or width < 2 or targets.min() < 0 or targets.max() >= width:
        raise InputError(
            f"Each of {rows} cases needs a class below {width} (and there must be 2 or more); "
            f"found {targets.size} classes between {targets.min()} and {targets.max()}."
        )
    if not np.isfinite(values).all() or values.min() < -1e-6 or values.max() > 1 + 1e-6:
        raise InputError("Class scores must be probabilities between 0 and 1; some are not.")
