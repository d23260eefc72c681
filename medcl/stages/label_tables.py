"""Tables of labels: CSV files in which a hospital names patients, studies, series or files.

The names are turned into keys with the site's secret right here; none of them is kept.
"""

from collections.abc import Mapping
from pathlib import Path

from medcl.errors import InputError
from medcl.ingest.identity import Keyring
from medcl.stages.name_tables import (
    FileKey,
    Line,
    finder,
    lines_named,
    read_lines,
    subject_of,
)
from medcl.store.rows import LabelRow
from medcl.store.store import Store

_MAX_CLASSES = 1000
_SOURCE_HINT = "; --source must name the folder that was ingested"


def add_classes(
    table: Path, store: Store, name: str, keyring: Keyring, file_key: FileKey
) -> list[int]:
    """Add a table of classes to a label set.

    Args:
        table: The CSV file.
        store: Is written to.
        name: Of the label set.
        keyring: The site's keys.
        file_key: Of the files that the table may name.

    Returns:
        The class of every labelled volume.

    Raises:
        InputError: The table cannot be read, contradicts itself, or names what the store does not
            hold; nothing was added then.
    """
    rows = _read_table(table)
    subject = subject_of(rows[0])
    volumes_of = finder(subject, store, keyring, file_key)
    labels: dict[str, LabelRow] = {}
    unknown: list[int] = []
    for number, row in enumerate(rows, start=2):
        value = _value(row.get("label"), number)
        keys = [volume.key for volume in volumes_of(row)]
        if not keys:
            unknown.append(number)
        for key in keys:
            found = labels.setdefault(key, LabelRow(key, value, row.get("split") or None))
            if found.value != value:
                raise InputError(
                    f"Line {number} gives a volume another label than an earlier line does."
                )
    if unknown:
        raise InputError(
            f"Every line must be about a volume of the store; {len(unknown)} of {len(rows)} lines "
            f"are not (column {subject}, {lines_named(unknown)})"
            f"{_SOURCE_HINT if subject == 'file' else ''}. Nothing was added."
        )
    store.add_labels(name, labels.values())
    return [label.value for label in labels.values()]


def splits_of(table: Path | None) -> Mapping[str, str]:
    """Return the split of each file name without its ending.

    Args:
        table: A CSV file with the columns file and split; ``None`` for none.

    Returns:
        Splits by `stem`.

    Raises:
        InputError: The table has no columns file and split.
    """
    if table is None:
        return {}
    if not table.is_file():
        raise InputError("The table of splits is not there.")
    rows = read_lines(table)
    if not rows or not {"file", "split"} <= rows[0].keys():
        raise InputError("A table of splits needs a heading with the columns file and split.")
    return {stem(row["file"]): row["split"] for row in rows}


def stem(name: str) -> str:
    """Return the name of a label file without its ending.

    Example:
        >>> stem("a/b.nii.gz"), stem("a/c.dcm"), stem("a/1.2.3")
        ('a/b', 'a/c', 'a/1.2.3')
    """
    return name.removesuffix(".gz").removesuffix(".nii").removesuffix(".dcm")


def _read_table(table: Path) -> list[Line]:
    rows = read_lines(table)
    if not rows or "label" not in rows[0]:
        raise InputError(
            f"A table of labels needs commas between columns, a heading with a column label and at "
            f"least one line; found {len(rows)} lines{'' if not rows else ' and no such column'}."
        )
    return rows


def _value(text: str | None, number: int) -> int:
    text = (text or "").strip()
    if not text.isdecimal() or int(text) >= _MAX_CLASSES:
        raise InputError(
            f"Line {number}: label must be a whole number from 0 to {_MAX_CLASSES - 1}."
        )
    return int(text)
