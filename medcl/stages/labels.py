"""`medcl labels add`: labels a hospital has, under its own names, → a label set of the store.

A table of classes names patients, studies, series or files as the hospital does. The names are
turned into keys with the site's secret right here; none of them is kept.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from medcl.errors import InputError
from medcl.ingest.identity import Keyring
from medcl.io.nifti import read_label_map
from medcl.io.refusal import RefusedSeries
from medcl.stages.progress import ProgressSink
from medcl.stages.summary import StageSummary, Table
from medcl.store.rows import LabelRow
from medcl.store.store import Store

FileKey = Callable[[str], str]
"""From the path of a file below the ingested folder to its key."""

_SUBJECTS = ("key", "patient_id", "study_uid", "file")
_LARGEST_TABLE_BYTES = 64 * 2**20
_MAX_CLASSES = 1000


def add(
    labels: Path,
    *,
    store: Path,
    name: str,
    key_file: Path,
    source: Path | None,
    splits: Path | None,
    progress: ProgressSink,
) -> StageSummary:
    """Add a label set.

    A CSV file has a column ``label`` (whole numbers from 0), one column of ``key``, ``patient_id``,
    ``study_uid`` or ``file`` (path below the ingested folder; NIfTI), and if wanted
    ``issuer`` beside ``patient_id`` and ``split``. A folder holds NIfTI label maps under the same
    names as the ingested volumes.

    Args:
        labels: The CSV file or the folder.
        store: Folder of the store.
        name: Of the label set.
        key_file: The site's secret.
        source: Folder that was ingested and that names of files are in; without it they must begin
            with that folder's name.
        splits: CSV file with columns ``file`` (with or without its ending) and ``split``, for a
            folder of label maps; a table of classes has its own column ``split``.
        progress: Shows how far it is.

    Returns:
        How many volumes have which class.

    Raises:
        InputError: The labels cannot be read, name volumes the store does not hold, or lie on
            another grid.
    """
    keyring = Keyring.from_file(key_file)
    prefix = "" if source is None else f"{source.resolve().name}/"

    def file_key(relative: str) -> str:
        return keyring.file_key(prefix + relative)

    with Store.open(store, key_fingerprint=keyring.fingerprint) as opened:
        if labels.is_dir():
            return _add_maps(labels, opened, name, file_key, _splits(splits), progress)
        if labels.is_file():
            return _add_classes(labels, opened, name, keyring, file_key)
    raise InputError("The labels must be a CSV file or a folder of NIfTI label maps; neither is.")


def _add_classes(
    table: Path, store: Store, name: str, keyring: Keyring, file_key: FileKey
) -> StageSummary:
    rows = _read_table(table)
    subject = _subject(rows[0])
    keys_of = _finder(subject, store, keyring, file_key)
    labels: dict[str, LabelRow] = {}
    unknown = 0
    for number, row in enumerate(rows, start=2):
        value = _value(row.get("label"), number)
        keys = keys_of(row)
        unknown += not keys
        for key in keys:
            found = labels.setdefault(key, LabelRow(key, value, row.get("split") or None))
            if found.value != value:
                raise InputError(
                    f"Line {number} gives a volume another label than an earlier line does."
                )
    if unknown:
        raise InputError(
            f"Every line must be about a volume of the store; {unknown} of {len(rows)} lines are "
            f"not (column {subject}). Nothing was added."
        )
    store.add_labels(name, labels.values())
    return _summary(name, len(labels), (label.value for label in labels.values()))


def _read_table(table: Path) -> list[dict[str, str]]:
    rows = list(csv.DictReader(io.StringIO(_text(table))))
    if not rows or "label" not in rows[0]:
        raise InputError(
            f"A table of labels needs a heading with a column label and at least one line; "
            f"found {len(rows)} lines{'' if not rows else ' and no such column'}."
        )
    return rows


def _text(table: Path) -> str:
    if table.stat().st_size > _LARGEST_TABLE_BYTES:
        raise InputError(f"A table must be below {_LARGEST_TABLE_BYTES >> 20} MiB.")
    try:
        return table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("A table must be UTF-8 text; this file is not.") from None


def _subject(row: Mapping[str, str]) -> str:
    found = [column for column in _SUBJECTS if column in row]
    if len(found) != 1:
        raise InputError(
            f"A table of labels must have exactly one of the columns {', '.join(_SUBJECTS)}; "
            f"it has {len(found)}."
        )
    return found[0]


def _finder(
    subject: str, store: Store, keyring: Keyring, file_key: FileKey
) -> Callable[[Mapping[str, str]], Sequence[str]]:
    """Return a function from a line of the table to the keys of the volumes it is about."""
    by: dict[str, list[str]] = defaultdict(list)
    for row in store.rows():
        owner = {"patient_id": row.patient_key, "study_uid": row.study_key}.get(subject, row.key)
        by[owner].append(row.key)

    def find(line: Mapping[str, str]) -> Sequence[str]:
        text = (line.get(subject) or "").strip()
        match subject:
            case "patient_id":
                return by.get(keyring.patient_key(line.get("issuer") or "", text), [])
            case "study_uid":
                return by.get(keyring.study_key(text), [])
            case "file":
                return by.get(file_key(text), [])
        return by.get(text, [])

    return find


def _value(text: str | None, number: int) -> int:
    text = (text or "").strip()
    if not text.isdecimal() or int(text) >= _MAX_CLASSES:
        raise InputError(
            f"Line {number}: label must be a whole number from 0 to {_MAX_CLASSES - 1}."
        )
    return int(text)


def _add_maps(
    folder: Path,
    store: Store,
    name: str,
    file_key: FileKey,
    splits: Mapping[str, str],
    progress: ProgressSink,
) -> StageSummary:
    paths = sorted(path for path in folder.rglob("*") if path.name.endswith((".nii", ".nii.gz")))
    if not paths:
        raise InputError("The folder of label maps must hold NIfTI files; it holds none.")
    known = {row.key for row in store.rows()}
    keys = [file_key(path.relative_to(folder).as_posix()) for path in paths]
    unknown = sum(key not in known for key in keys)
    if unknown:
        raise InputError(
            f"Every label map must bear the name of an ingested file; {unknown} of {len(paths)} "
            f"do not. Name the ingested folder with --source. Nothing was added."
        )
    names = [_stem(path.relative_to(folder).as_posix()) for path in paths]
    if splits and set(names) - splits.keys():
        raise InputError(
            f"Every label map must have a line in the table of splits; "
            f"{len(set(names) - splits.keys())} of {len(names)} have none. Nothing was added."
        )
    with progress.task("Label maps", total=len(paths), unit="maps") as advance:
        for number, (path, key) in enumerate(zip(paths, keys, strict=True), start=1):
            try:
                array, affine = read_label_map(path)
                split = splits.get(names[number - 1])
                store.add_label_map(name, key, array, affine=affine, split=split)
            except (InputError, RefusedSeries) as error:
                raise InputError(f"Label map {number} of {len(paths)}: {error}") from None
            advance()
    maps = store.label_maps(name)
    return _summary(name, len(maps), (value for row in maps for value in row.classes))


def _splits(table: Path | None) -> Mapping[str, str]:
    """Return the split of each file name without its ending.

    Raises:
        InputError: The table has no columns file and split.
    """
    if table is None:
        return {}
    if not table.is_file():
        raise InputError("The table of splits is not there.")
    rows = list(csv.DictReader(io.StringIO(_text(table))))
    if not rows or not {"file", "split"} <= rows[0].keys():
        raise InputError("A table of splits needs a heading with the columns file and split.")
    return {_stem(row["file"]): row["split"] for row in rows}


def _stem(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".nii")


def _summary(name: str, num_volumes: int, classes: Iterable[int]) -> StageSummary:
    tally = Counter(classes)
    return StageSummary(
        stage="labels add",
        figures={"label_set": name, "volumes": num_volumes},
        tables=[
            Table(
                ("class", "volumes"),
                sorted(tally.items()),
                title=f"Label set {name}",
            )
        ],
        next_command="medcl pretrain CONFIG.yaml",
    )
