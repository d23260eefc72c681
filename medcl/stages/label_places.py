"""Which volume of the store a label object was drawn on.

An object names its series by UID; the store knows series by key, which is made of the UID right
here.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from medcl.errors import InputError
from medcl.io.labels.grid import Grid
from medcl.io.labels.object import LabelObject
from medcl.stages.label_intake import LabelIntake
from medcl.stages.label_survey import FoundObject
from medcl.stages.segment_classes import Chosen, ClassWords
from medcl.store.rows import VolumeRow


class SeriesBook:
    """The volumes of a store by series."""

    def __init__(self, rows: Iterable[VolumeRow]) -> None:
        """Sort volumes by the key of their series."""
        self._rows: dict[str, list[VolumeRow]] = defaultdict(list)
        for row in rows:
            if row.series_key is not None:
                self._rows[row.series_key].append(row)

    def rows_of(self, content: LabelObject, intake: LabelIntake) -> list[VolumeRow]:
        """Return the volumes of the series that an object names."""
        keys = map(intake.keyring.series_key, content.series_uids)
        return [row for key in keys for row in self._rows.get(key, [])]


def volume_of(
    found: FoundObject,
    chosen: Chosen,
    rows: Sequence[VolumeRow],
    intake: LabelIntake,
    words: ClassWords,
) -> VolumeRow:
    """Return the volume that an object was drawn on.

    Args:
        found: The object.
        chosen: Its segments that are drawn.
        rows: Volumes of its series.
        intake: The label set.
        words: Which segments have which class.

    Returns:
        The one volume of the series in the object's frame of reference; where there are several,
        the one on whose grid it lies.

    Raises:
        InputError: There is none, or there are several.
    """
    if not rows:
        raise InputError(
            f"An object must name a series of the store; none of the "
            f"{len(found.content.series_uids)} that it names is there."
        )
    fitting = _in_frame(found.content, chosen, rows, intake)
    if len(fitting) > 1:
        fitting = _on_grid(found, chosen, fitting, intake, words)
    return fitting[0]


def _in_frame(
    content: LabelObject, chosen: Chosen, rows: Sequence[VolumeRow], intake: LabelIntake
) -> list[VolumeRow]:
    """Return the volumes in the frame of reference of an object, as far as both name one.

    Raises:
        InputError: There is none, or the chosen segments lie in several frames.
    """
    drawn = [segment for segment in content.segments if segment.number in chosen.classes]
    frames = {segment.frame_of_reference for segment in drawn} - {""}
    if len(frames) > 1:
        raise InputError(
            f"Segments of one map must share a frame of reference; found {len(frames)}."
        )
    keys = {None, *map(intake.keyring.frame_key, frames)}
    fitting = [row for row in rows if not frames or row.frame_key in keys]
    if not fitting:
        raise InputError(
            "An object must lie in the frame of reference of its series; it lies in another one."
        )
    return fitting


def _on_grid(
    found: FoundObject,
    chosen: Chosen,
    rows: Sequence[VolumeRow],
    intake: LabelIntake,
    words: ClassWords,
) -> list[VolumeRow]:
    """Return the one volume of a series on whose grid an object lies.

    Raises:
        InputError: It lies on the grids of none, or of several.
    """
    fitting: list[VolumeRow] = []
    error = InputError("No volume of the series fits.")
    for row in rows:
        try:
            intake.reader.draw(
                [(found.path, chosen.classes)],
                Grid(shape=row.shape, affine=row.affine),
                words.order(chosen.classes.values()),
                later_covers_earlier=words.later_covers_earlier,
            )
        except InputError as refusal:
            error = refusal
        else:
            fitting.append(row)
    if not fitting:
        raise error
    if len(fitting) > 1:
        raise InputError(
            f"An object must fit one volume; {len(fitting)} volumes of its series share its grid."
        )
    return fitting
