"""`medcl store`: list what a store holds, re-hash it, write a volume back."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from medcl.errors import CorruptionError, InputError
from medcl.stages.progress import ProgressSink
from medcl.stages.summary import Figure, StageSummary, Table, Written
from medcl.store.rows import Counts
from medcl.store.store import Store

Record = Mapping[str, object]


def volumes(folder: Path) -> list[Record]:
    """Return one record per volume, JSON values, by key.

    Args:
        folder: Of a store.

    Returns:
        Key, patient key, modality, unit, shape, spacing in mm, affine, hash.
    """
    return [
        {
            "key": row.key,
            "patient_key": row.patient_key,
            "modality": row.modality,
            "unit": row.unit,
            "shape": list(row.shape),
            "spacing_mm": [round(value, 6) for value in row.spacing_mm],
            "affine": row.affine.tolist(),
            "sha256": row.sha256,
        }
        for row in Store.open(folder).rows()
    ]


def refused(folder: Path) -> list[Record]:
    """Return one record per refused series or file: reason code, counts, what was found."""
    return [
        {
            "key": row.key,
            "code": row.code.value,
            "num_files": row.num_files,
            "detail": row.detail,
        }
        for row in Store.open(folder).refusals()
    ]


def as_table(records: Sequence[Record]) -> Table:
    """Return records for people: no affine, lists joined by x."""
    if not records:
        return Table(("nothing",), ())
    columns = [name for name in records[0] if name != "affine"]
    return Table(columns, [[_cell(record[name]) for name in columns] for record in records])


def accounting(counts: Counts) -> Table:
    """Return discovered = accepted + refused by reason, of all that ever wrote to the store."""
    rows: list[tuple[str, int, int]] = [("accepted", *counts.accepted)]
    for code, tally in sorted(counts.refused_by_reason.items()):
        rows.append((code.value, *tally))
    rows.append(("discovered", *counts.discovered))
    return Table(
        ("outcome", "series", "files"), rows, title="Every file accounted for, over all calls"
    )


def verify(folder: Path, *, progress: ProgressSink) -> StageSummary:
    """Hash every file again.

    Args:
        folder: Of a store.
        progress: Shows how far it is.

    Returns:
        How many volumes are whole.

    Raises:
        CorruptionError: A file is missing or is not what was written.
    """
    store = Store.open(folder)
    with progress.task("Hashing", unit="volumes") as advance:
        damaged = store.verify()
        advance(len(store.rows()))
    if damaged:
        raise CorruptionError(
            f"All {len(store.rows())} volumes must be as they were written; {len(damaged)} are "
            f"not: {', '.join(damaged[:5])}{', …' if len(damaged) > 5 else ''}. Remove their files "
            "below volumes/ and ingest their sources again: that writes them anew."
        )
    return StageSummary(
        stage="store verify",
        figures={"volumes": len(store.rows()), "damaged": 0},
        notes=[f"All {len(store.rows())} volumes are as they were written."],
    )


def export(folder: Path, *, key: str, target: Path) -> StageSummary:
    """Write a volume back as NIfTI.

    Args:
        folder: Of a store.
        key: Of a volume.
        target: File to write, ending in .nii or .nii.gz.

    Returns:
        What was written.

    Raises:
        InputError: The target is no NIfTI name, or its folder is missing.
    """
    if not target.name.endswith((".nii", ".nii.gz")):
        raise InputError("The file to write must be called something.nii or something.nii.gz.")
    if not target.absolute().parent.is_dir():
        raise InputError("The folder of the file to write does not exist.")
    Store.open(folder).export_nifti(key, target)
    return StageSummary(
        stage="store export", figures={"key": key}, written=[Written("volume", target)]
    )


def _cell(value: object) -> Figure:
    if isinstance(value, list):
        return " x ".join(f"{entry:g}" for entry in value)
    return value if isinstance(value, str | int | float) else str(value)
