"""DICOM SEG and RTSTRUCT files → label maps on the grids of the volumes they were drawn on.

```
files ──survey──▶ objects ──choose──▶ classes ──volume_of──▶ volumes ──draw──▶ label maps
```

Where an object with wanted segments is refused its volume gets no label map: one without an organ
would teach that the organ is not there.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medcl.errors import InputError
from medcl.io.labels.grid import Grid
from medcl.shapes import LabelMap
from medcl.stages.label_intake import LabelIntake
from medcl.stages.label_places import SeriesBook, volume_of
from medcl.stages.label_survey import FoundObject, Surveyed
from medcl.stages.segment_classes import Chosen, ClassWords, choose, require_numbers_agree
from medcl.store.rows import VolumeRow


@dataclass(frozen=True, slots=True)
class Added:
    """What became of label objects.

    Attributes:
        num_volumes: Volumes that were labelled.
        refused: Number of object → why.
        notes: Sentences for people.
    """

    num_volumes: int
    refused: Mapping[int, str]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _Placed:
    """An object with its classes and its volume."""

    found: FoundObject
    chosen: Chosen
    row: VolumeRow


def add_objects(surveyed: Surveyed, intake: LabelIntake, words: ClassWords) -> Added:
    """Add the label maps that objects draw to a label set.

    Args:
        surveyed: What the folder holds.
        intake: The label set.
        words: Which segments have which class.

    Returns:
        What became of each object.

    Raises:
        InputError: There is no object, no split for one, classes are not clear, or not a single
            volume could be labelled.
    """
    _require_objects(surveyed, intake)
    if not words.classes:
        require_numbers_agree(found.content for found in surveyed.objects)
    refused = dict(surveyed.refused)
    placed, spoilt = _place_all(surveyed.objects, intake, words, refused)
    labelled: list[Sequence[_Placed]] = []
    with intake.progress.task("Drawing", total=len(placed), unit="maps") as advance:
        for key, objects in placed.items():
            try:
                labels, split = _drawn(objects, intake, words, is_spoilt=key in spoilt)
            except InputError as error:
                refused.update(dict.fromkeys((one.found.number for one in objects), str(error)))
            else:
                # A store that cannot be written to is no fault of one object: it ends the whole.
                affine = objects[0].row.affine
                intake.store.add_label_map(intake.name, key, labels, affine=affine, split=split)
                labelled.append(objects)
            advance()
    if not labelled:
        first = min(refused)
        raise InputError(
            f"No volume was labelled; {len(refused)} objects are refused. "
            f"Object {first}: {refused[first]}"
        )
    return Added(len(labelled), refused, _notes(labelled, words))


def _place_all(
    objects: Sequence[FoundObject],
    intake: LabelIntake,
    words: ClassWords,
    refused: dict[int, str],
) -> tuple[dict[str, list[_Placed]], set[str]]:
    """Return objects by the key of their volume, and the keys of volumes that must get no map.

    Args:
        objects: All that were found.
        intake: The label set.
        words: Which segments have which class.
        refused: Takes the reasons of those that have no place.

    Returns:
        Both.
    """
    placed: dict[str, list[_Placed]] = defaultdict(list)
    spoilt: set[str] = set()
    book = SeriesBook(intake.store.rows())
    for found in objects:
        rows = book.rows_of(found.content, intake)
        try:
            chosen = choose(found.content, words)
            if not chosen.classes:
                refused[found.number] = "None of its drawn segments bears the name of a class."
                continue
            row = volume_of(found, chosen, rows, intake, words)
        except InputError as error:
            refused[found.number] = str(error)
            spoilt |= {row.key for row in rows}
        else:
            placed[row.key].append(_Placed(found, chosen, row))
    return placed, spoilt


def _require_objects(surveyed: Surveyed, intake: LabelIntake) -> None:
    if not surveyed.objects and not surveyed.refused:
        raise InputError(
            f"The labels must hold NIfTI label maps or DICOM label objects (SEG, RTSTRUCT); none "
            f"of {surveyed.num_others} files is one."
        )
    without = sum(found.split is None for found in surveyed.objects)
    if intake.splits and without:
        raise InputError(
            f"Every label object must have a line in the table of splits; {without} of "
            f"{len(surveyed.objects)} have none. Nothing was added."
        )


def _drawn(
    objects: Sequence[_Placed], intake: LabelIntake, words: ClassWords, *, is_spoilt: bool
) -> tuple[LabelMap, str | None]:
    """Return the label map of a volume and its split.

    Raises:
        InputError: Objects are refused, draw the same twice, or do not fit.
    """
    row = objects[0].row
    if is_spoilt:
        raise InputError("Another object of this volume is refused; a map of the rest would lie.")
    repeated = sum(len(one.chosen.words) for one in objects) - len(
        frozenset().union(*(one.chosen.words for one in objects))
    )
    if repeated:
        raise InputError(
            f"A structure of a volume must be drawn by one object; {repeated} are drawn by several "
            f"of {len(objects)}. Keep one object of each."
        )
    splits = {one.found.split for one in objects}
    if len(splits) > 1:
        raise InputError(f"The objects of one volume must share a split; found {len(splits)}.")
    labels = intake.reader.draw(
        [(one.found.path, one.chosen.classes) for one in objects],
        Grid(shape=row.shape, affine=row.affine),
        words.order(label for one in objects for label in one.chosen.classes.values()),
        later_covers_earlier=words.later_covers_earlier,
    )
    return labels, splits.pop()


def _notes(labelled: Sequence[Sequence[_Placed]], words: ClassWords) -> list[str]:
    everything = [one for objects in labelled for one in objects]
    left_out = sum(len(one.found.content.segments) - len(one.chosen.classes) for one in everything)
    ignored = sum(
        segment.num_ignored
        for one in everything
        for segment in one.found.content.segments
        if segment.number in one.chosen.classes
    )
    every = set(words.classes.values())
    partial = sum(
        not every <= {label for one in objects for label in one.chosen.classes.values()}
        for objects in labelled
    )
    found = (
        (
            left_out,
            f"{left_out} segments bear no name of a class, or were not drawn, and are left out.",
        ),
        (ignored, f"{ignored} points and open contours enclose nothing and are left out."),
        (partial, f"{partial} of {len(labelled)} volumes lack some of the classes."),
    )
    return [sentence for count, sentence in found if count]
