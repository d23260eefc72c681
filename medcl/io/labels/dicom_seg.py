"""DICOM segmentation (SEG) → layers of a label map on the grid of its images.

It is read with pydicom alone: one path for conformant and other files.

References:
    DICOM PS3.3, C.8.20 (segmentation), C.12.4 (common instance reference).
"""

from collections.abc import Mapping

import numpy as np
from pydicom.dataset import Dataset, FileDataset

from medcl.io.dicom.values import text
from medcl.io.labels.grid import LabelGrid
from medcl.io.labels.object import LabelObject, Segment, check_classes, code_of, items, whole_number
from medcl.io.labels.seg_frames import frames_of, places_of
from medcl.io.labels.seg_pixels import Layout, layout_of, planes_of
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.refusing import refusing

_MAX_NUMBER = 2**16 - 1


def describe_segmentation(dataset: FileDataset) -> LabelObject:
    """Return what a segmentation describes.

    Args:
        dataset: Of `medcl.io.labels.object.open_object`.

    Returns:
        Its segments with *Segment Number*, *Segment Label* and *Segmented Property Type Code*, and
        the series they were drawn on.

    Raises:
        RefusedSeries: The object is damaged.
    """
    with refusing("The segmentation"):
        return LabelObject(
            kind="segmentation", series_uids=_series_uids(dataset), segments=_segments(dataset)
        )


def paint_segmentation(dataset: FileDataset, grid: LabelGrid, classes: Mapping[int, int]) -> None:
    """Paint segments onto a grid; nothing is resampled.

    The pixels of the segmentation must be voxels of the grid. Its axes may be turned or flipped,
    it may cover a part only, and slices may have no frame: what no frame covers is background. A
    FRACTIONAL segment is where the fraction is 0.5 or more, be it probability or occupancy.

    Whether the frame of reference is that of the images is for the caller to check.

    Args:
        dataset: Of `medcl.io.labels.object.open_object`: BINARY, FRACTIONAL or LABELMAP, compressed
            without loss or not.
        grid: Is painted.
        classes: *Segment Number* → class of the grid. Other segments are left out, like those of
            class 0. Several segments may have one class: it is where any of them is.

    Raises:
        RefusedSeries: The object is damaged, or has no place in the patient.
        InputError: It has no such segment or does not lie on the grid.
    """
    with refusing("The segmentation"):
        segments = _segments(dataset)
        layout = layout_of(dataset)
        drawn_segments, steps = frames_of(dataset, layout)
    check_classes(classes, segments)
    wanted = [i for i, one in enumerate(drawn_segments) if one is None or one in classes]
    places = places_of(steps[wanted], layout, grid.grid.affine)
    table = np.zeros(_MAX_NUMBER + 1, np.uint16)
    for segment, label in classes.items():
        table[segment] = grid.layer_of(label)
    planes = planes_of(dataset, layout, wanted)
    for frame, place, pixels in zip(wanted, places, planes, strict=True):
        _paint(grid, _layers(pixels, drawn_segments[frame], layout, table), place)


def _series_uids(dataset: Dataset) -> tuple[str, ...]:
    studies = items(dataset, "StudiesContainingOtherReferencedInstancesSequence")
    found = [
        text(series, "SeriesInstanceUID")
        for holder in (dataset, *studies)
        for series in items(holder, "ReferencedSeriesSequence")
    ]
    return tuple(dict.fromkeys(uid for uid in found if uid))


def _segments(dataset: Dataset) -> tuple[Segment, ...]:
    frame = text(dataset, "FrameOfReferenceUID")
    segments = tuple(
        Segment(
            number=whole_number(item, "SegmentNumber"),
            name=text(item, "SegmentLabel"),
            code=(coded := code_of(item, "SegmentedPropertyTypeCodeSequence"))[0],
            meaning=coded[1],
            frame_of_reference=frame,
        )
        for item in items(dataset, "SegmentSequence")
    )
    if not all(0 <= segment.number <= _MAX_NUMBER for segment in segments):
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED, f"Segment numbers outside of 0 to {_MAX_NUMBER}."
        )
    return segments


def _layers(
    pixels: np.ndarray, segment: int | None, layout: Layout, table: np.ndarray
) -> np.ndarray:
    """Return the stored pixels of a frame as layers; the table has one for each segment."""
    if segment is None:
        return np.asarray(table[pixels])
    least = layout.full_value / 2 if layout.kind == "FRACTIONAL" else 1
    return np.asarray((pixels >= least) * table[segment])


def _paint(grid: LabelGrid, drawn: np.ndarray, steps: np.ndarray) -> None:
    """Paint a frame, its axes put into the order and direction of the grid's."""
    along_row, along_column, first = steps.T
    last = first + along_row * (drawn.shape[1] - 1) + along_column * (drawn.shape[0] - 1)
    lowest = np.minimum(first, last)
    row_axis, column_axis = int(np.abs(along_row).argmax()), int(np.abs(along_column).argmax())
    drawn = drawn[:: int(along_column[column_axis]), :: int(along_row[row_axis])]
    lower, upper = sorted((row_axis, column_axis))
    across = 3 - lower - upper
    grid.paint(
        drawn.T if row_axis < column_axis else drawn,
        axis=across,
        plane=int(lowest[across]),
        corner=(int(lowest[lower]), int(lowest[upper])),
    )
