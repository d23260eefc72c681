"""Which files of a folder are DICOM label objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medcl.errors import InputError
from medcl.io.labels.object import LabelObject
from medcl.stages.label_intake import LabelIntake
from medcl.stages.label_tables import stem


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FoundObject:
    """A label object in the folder.

    Attributes:
        number: Which object of the folder, from 1, by path.
        path: Its file.
        split: Split of its volume, if any.
        content: What it describes.
    """

    number: int
    path: Path
    split: str | None
    content: LabelObject


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Surveyed:
    """What a folder holds.

    Attributes:
        objects: Label objects.
        refused: Number of an object that cannot be read → why.
        num_others: Files that are no label objects.
    """

    objects: Sequence[FoundObject]
    refused: Mapping[int, str]
    num_others: int


def survey(paths: Sequence[Path], folder: Path, intake: LabelIntake) -> Surveyed:
    """Look into files.

    Args:
        paths: Files, sorted.
        folder: Which holds them; splits name files below it.
        intake: The label set.

    Returns:
        What they are. DICOM files that cannot be parsed count as refused objects.
    """
    objects: list[FoundObject] = []
    refused: dict[int, str] = {}
    num_others = 0
    with intake.progress.task("Looking for label objects", total=len(paths), unit="files") as done:
        for path in paths:
            number = len(objects) + len(refused) + 1
            try:
                content = intake.reader.describe(path)
            except InputError as error:
                refused[number] = str(error)
            else:
                if content is None:
                    num_others += 1
                else:
                    split = intake.splits.get(stem(path.relative_to(folder).as_posix()))
                    objects.append(FoundObject(number, path, split, content))
            done()
    return Surveyed(objects, refused, num_others)
