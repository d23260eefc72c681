"""NIfTI label maps that bear the names of ingested files → a label set of the store."""

from collections.abc import Sequence
from pathlib import Path

from medcl.errors import InputError
from medcl.stages.label_intake import LabelIntake
from medcl.stages.label_tables import stem
from medcl.stages.name_tables import FileKey


def is_nifti_name(path: Path) -> bool:
    """Return whether a file is named as NIfTI label maps are."""
    return path.name.endswith((".nii", ".nii.gz"))


def add_maps(paths: Sequence[Path], folder: Path, intake: LabelIntake, file_key: FileKey) -> None:
    """Add label maps to a label set.

    Args:
        paths: The files, at least one.
        folder: Which holds them.
        intake: The label set.
        file_key: Of the ingested file that a label map is named after.

    Raises:
        InputError: A file bears the name of no ingested file, has no split, cannot be read, or
            lies on another grid.
    """
    known = {row.key for row in intake.store.rows()}
    keys = [file_key(path.relative_to(folder).as_posix()) for path in paths]
    unknown = sum(key not in known for key in keys)
    if unknown:
        raise InputError(
            f"Every label map must bear the name of an ingested file; {unknown} of {len(paths)} "
            f"do not. Name the ingested folder with --source. Nothing was added."
        )
    splits, names = intake.splits, [stem(path.relative_to(folder).as_posix()) for path in paths]
    if splits and set(names) - splits.keys():
        raise InputError(
            f"Every label map must have a line in the table of splits; "
            f"{len(set(names) - splits.keys())} of {len(names)} have none. Nothing was added."
        )
    with intake.progress.task("Label maps", total=len(paths), unit="maps") as advance:
        for number, (path, key) in enumerate(zip(paths, keys, strict=True), start=1):
            try:
                array, affine = intake.reader.nifti(path)
                split = splits.get(names[number - 1])
                intake.store.add_label_map(intake.name, key, array, affine=affine, split=split)
            except InputError as error:
                raise InputError(f"Label map {number} of {len(paths)}: {error}") from None
            advance()
