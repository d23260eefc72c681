"""`medcl labels add`: labels a hospital has, under its own names, → a label set of the store."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from medcl.errors import InputError
from medcl.ingest.identity import Keyring
from medcl.io.kinds import file_kind
from medcl.runtime.confinement import ChildLimits
from medcl.stages.label_intake import LabelIntake
from medcl.stages.label_maps import add_maps, is_nifti_name
from medcl.stages.label_objects import add_objects
from medcl.stages.label_reading import LabelReader
from medcl.stages.label_survey import Surveyed, survey
from medcl.stages.label_tables import add_classes, splits_of
from medcl.stages.name_tables import FileKey
from medcl.stages.progress import ProgressSink
from medcl.stages.segment_classes import ClassWords
from medcl.stages.source_places import require_ingested_place
from medcl.stages.summary import StageSummary, Table
from medcl.store.store import Store


def add(
    labels: Path,
    *,
    store: Path,
    name: str,
    key_file: Path,
    source: Path | None,
    splits: Path | None,
    progress: ProgressSink,
    words: ClassWords | None = None,
) -> StageSummary:
    """Add a label set.

    A CSV file has a column ``label`` (whole numbers from 0), one column of ``key``, ``patient_id``,
    ``study_uid`` or ``file`` (path below the ingested folder; NIfTI), and if wanted
    ``issuer`` beside ``patient_id`` and ``split``. A folder holds NIfTI label maps under the same
    names as the ingested volumes, or DICOM SEG and RTSTRUCT files, which name their series
    themselves; one DICOM file is taken too.

    Args:
        labels: The CSV file, the folder, or a DICOM file.
        store: Folder of the store.
        name: Of the label set.
        key_file: The site's secret.
        source: Folder that was ingested and that names of files are in; without it they must begin
            with that folder's name.
        splits: CSV file with columns ``file`` (with or without its ending) and ``split``, for a
            folder of label maps; a table of classes has its own column ``split``.
        progress: Shows how far it is.
        words: Which segments of DICOM files have which class.

    Returns:
        How many volumes have which class.

    Raises:
        InputError: The labels cannot be read, name volumes the store does not hold, or lie on
            another grid; or the source is not the folder that was ingested under its name.
    """
    keyring = Keyring.from_file(key_file)
    prefix = "" if source is None else f"{source.resolve().name}/"

    def file_key(relative: str) -> str:
        return keyring.file_key(prefix + relative)

    with (
        Store.open(store, key_fingerprint=keyring.fingerprint) as opened,
        LabelReader(ChildLimits()) as reader,
    ):
        if source is not None:
            require_ingested_place(source, opened, keyring)
        intake = LabelIntake(opened, name, keyring, splits_of(splits), reader, progress)
        if labels.is_dir():
            return _from_folder(labels, intake, file_key, words)
        if labels.is_file() and file_kind(labels) in {"dicom", "bare_dicom"}:
            return _from_objects(survey([labels], labels.parent, intake), intake, words)
        if labels.is_file():
            _require_no_words(words)
            return _summary(name, add_classes(labels, opened, name, keyring, file_key))
    raise InputError(
        "The labels must be a CSV file, a DICOM label object, or a folder of NIfTI label maps or "
        "of DICOM label objects; they are none of these."
    )


def _from_folder(
    folder: Path, intake: LabelIntake, file_key: FileKey, words: ClassWords | None
) -> StageSummary:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    maps = [path for path in paths if is_nifti_name(path)]
    surveyed = survey([path for path in paths if not is_nifti_name(path)], folder, intake)
    if maps and surveyed.objects:
        raise InputError(
            f"A folder must hold NIfTI label maps or DICOM label objects; it holds {len(maps)} "
            f"and {len(surveyed.objects)}. Add them as two label sets."
        )
    if not maps:
        return _from_objects(surveyed, intake, words)
    _require_no_words(words)
    add_maps(maps, folder, intake, file_key)
    rows = intake.store.label_maps(intake.name)
    return _summary(intake.name, (value for row in rows for value in row.classes), len(rows))


def _from_objects(
    surveyed: Surveyed, intake: LabelIntake, words: ClassWords | None
) -> StageSummary:
    added = add_objects(surveyed, intake, words or ClassWords())
    rows = intake.store.label_maps(intake.name)
    summary = _summary(intake.name, (value for row in rows for value in row.classes), len(rows))
    return replace(
        summary,
        figures={
            **summary.figures,
            "volumes_labelled_now": added.num_volumes,
            "objects": len(surveyed.objects) + len(surveyed.refused),
            "objects_refused": len(added.refused),
            "other_files": surveyed.num_others,
        },
        tables=[*summary.tables, *_refusals(added.refused)],
        notes=added.notes,
    )


def _refusals(refused: Mapping[int, str]) -> list[Table]:
    if not refused:
        return []
    title = "Refused objects, numbered in the order of their paths"
    return [Table(("object", "reason"), sorted(refused.items()), title=title)]


def _require_no_words(words: ClassWords | None) -> None:
    if words is not None and words.classes:
        raise InputError("Names of classes are for DICOM label objects; these labels are numbers.")


def _summary(name: str, classes: Iterable[int], num_volumes: int | None = None) -> StageSummary:
    tally = Counter(classes)
    return StageSummary(
        stage="labels add",
        figures={
            "label_set": name,
            "volumes": tally.total() if num_volumes is None else num_volumes,
        },
        tables=[Table(("class", "volumes"), sorted(tally.items()), title=f"Label set {name}")],
        next_command="medcl pretrain CONFIG.yaml",
    )
