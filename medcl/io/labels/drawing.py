"""Label objects of any kind → what they describe, and one label map of a volume."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from medcl.io.labels.dicom_seg import describe_segmentation, paint_segmentation
from medcl.io.labels.grid import Grid, LabelGrid
from medcl.io.labels.object import LabelObject, label_kind, open_object
from medcl.io.labels.rtstruct import describe_structure_set, paint_structure_set
from medcl.shapes import LabelMap


def describe(path: Path) -> LabelObject | None:
    """Return what a DICOM SEG or RTSTRUCT file describes, or ``None`` for any other file.

    Args:
        path: A regular file; its name is not looked at.

    Returns:
        Its segments, and the series they were drawn on.

    Raises:
        RefusedSeries: The file is missing, too large or damaged.

    Example:
        >>> describe(Path("no-such-file"))
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: UNREADABLE: The file: FileNotFoundError.
    """
    kind = label_kind(path)
    if kind is None:
        return None
    dataset = open_object(path, kind)
    if kind == "segmentation":
        return describe_segmentation(dataset)
    return describe_structure_set(dataset)


def draw(
    objects: Sequence[tuple[Path, Mapping[int, int]]],
    grid: Grid,
    classes: Sequence[int],
    *,
    later_covers_earlier: bool = False,
) -> LabelMap:
    """Return one label map of a volume, drawn from all of its objects.

    Args:
        objects: Files, each with number of segment → class.
        grid: Of the volume.
        classes: Every class that the objects may draw.
        later_covers_earlier: Where classes overlap the one that stands later in ``classes`` holds;
            else overlaps are refused.

    Returns:
        Classes, shape ``grid.shape``, 0 where there is none; uint8, or uint16 where needed.

    Raises:
        RefusedSeries: A file is missing, too large, damaged, or has no place in the patient.
        InputError: A file is no label object or does not lie on the grid, or classes overlap.

    References:
        DICOM PS3.3, C.8.20 (segmentation), C.8.8.6 (ROI contour).

    Example:
        >>> import numpy as np
        >>> draw([], Grid(shape=(2, 2, 1), affine=np.eye(4)), [1]).tolist()
        [[[0], [0]], [[0], [0]]]
    """
    canvas = LabelGrid(grid, classes, later_covers_earlier=later_covers_earlier)
    for path, wanted in objects:
        if label_kind(path) == "structure_set":
            paint_structure_set(open_object(path, "structure_set"), canvas, wanted)
        else:
            paint_segmentation(open_object(path, "segmentation"), canvas, wanted)
    return canvas.finished()
