"""DICOM segmentation (SEG) → label map on the grid of its images.

Frames are placed by position and orientation in the patient, never by index or order. They are
read with pydicom alone: one path for conformant and other files, and its decoder of frames of
single bits is replaced because it cuts frames that begin inside a byte.

References:
    DICOM PS3.3, C.8.20 (segmentation), C.7.6.16 (functional groups), C.7.6.2.1.1 (position of a
    pixel in the patient).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.utils import iter_pixels

from medcl.errors import InputError
from medcl.geometry.affine import spacing_mm
from medcl.io.dicom_file import refusing
from medcl.io.dicom_geometry import DUPLICATE_MM, JITTER_FRACTION, JITTER_MM
from medcl.io.dicom_values import number, numbers, text
from medcl.io.label_grid import (
    LabelGrid,
    ReferencedSegments,
    Segment,
    check_classes,
    code_of,
    items,
    open_object,
    whole_number,
)
from medcl.io.limits import MAX_PLANE_PIXELS
from medcl.io.lps import flip_world
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.shapes import Affine, LabelMap, Vector3

SOP_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
"""*SOP Class UID* of Segmentation Storage and Label Map Segmentation Storage."""

MAX_FRAMES = 500_000
"""Most frames of one segmentation: every segment may have one per slice."""

_LABEL_MAP = "LABELMAP"
_TYPES = ("BINARY", "FRACTIONAL", _LABEL_MAP)
_SYNTAX = "1.2.840.10008.1.2"
_NATIVE = {_SYNTAX, _SYNTAX + ".1"}
_LOSSLESS = {
    _SYNTAX + end for end in (".5", ".4.57", ".4.70", ".4.80", ".4.90", ".4.201", ".4.202")
}
_MAX_NUMBER = 2**16 - 1
_CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class _Layout:
    """What all frames share."""

    kind: str
    rows: int
    columns: int
    num_frames: int
    bits: int
    syntax: str
    full_value: float


def read_segments(path: Path) -> ReferencedSegments:
    """Return what a segmentation describes.

    Args:
        path: A DICOM SEG file: BINARY, FRACTIONAL or LABELMAP.

    Returns:
        Its segments with *Segment Number*, *Segment Label* and *Segmented Property Type Code*, and
        the series they were drawn on.

    Raises:
        RefusedSeries: The file is missing, too large or damaged.
        InputError: It is no segmentation.

    References:
        DICOM PS3.3, C.8.20.4 (segment description), C.12.4 (common instance reference).

    Example:
        >>> read_segments(Path("no-such-file"))
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: UNREADABLE: The file: FileNotFoundError.
    """
    dataset = _open(path)
    with refusing("The segmentation"):
        return ReferencedSegments(
            series_uids=_series_uids(dataset),
            frame_of_reference=text(dataset, "FrameOfReferenceUID"),
            segments=_segments(dataset),
        )


def label_map(
    path: Path, *, affine: Affine, shape: tuple[int, int, int], classes: Mapping[int, int]
) -> LabelMap:
    """Return segments of a segmentation as a label map of the images' grid; nothing is resampled.

    The pixels of the segmentation must be voxels of the grid. Its axes may be turned or flipped,
    it may cover a part only, and slices may have no frame: what no frame covers is background. A
    frame may lie as far off the grid as a slice of a series may: along each axis 5 % of a voxel
    and at most 0.1 mm, but always 0.01 mm. A FRACTIONAL segment is where the fraction is 0.5 or
    more, be it probability or occupancy.

    Whether the frame of reference is that of the images is for the caller to check.

    Args:
        path: A DICOM SEG file: BINARY, FRACTIONAL or LABELMAP, compressed without loss or not.
        affine: Voxel index of the grid → RAS+ mm.
        shape: Voxels of the grid along each axis.
        classes: *Segment Number* → class, from 0 up. Other segments are left out, like those of
            class 0. Several segments may have one class: it is where any of them is.

    Returns:
        Classes, shape ``shape``, 0 where there is none; uint8, or uint16 or int32 where a class
        needs them.

    Raises:
        RefusedSeries: The file is missing, too large, damaged, or has no place in the patient.
        InputError: It is no segmentation, has no such segment, does not lie on the grid, or
            segments of different classes overlap.

    References:
        DICOM PS3.3, C.8.20.2 (segmentation type, maximum fractional value), C.7.6.16.2.3 and
        C.7.6.16.2.4 (plane position, plane orientation).

    Example:
        >>> label_map(Path("no-such-file"), affine=np.eye(4), shape=(9, 9, 9), classes={1: 1})
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: UNREADABLE: The file: FileNotFoundError.
    """
    dataset = _open(path)
    with refusing("The segmentation"):
        segments = _segments(dataset)
        layout = _layout(dataset)
        drawn_segments, steps = _frames(dataset, layout)
    check_classes(classes, segments)
    wanted = [i for i, one in enumerate(drawn_segments) if one is None or one in classes]
    places = _places(steps[wanted], layout, affine)
    grid = LabelGrid(shape, set(classes.values()))
    table = np.zeros(_MAX_NUMBER + 1, grid.dtype)
    table[list(classes)] = list(classes.values())
    planes = _planes(dataset, layout, wanted)
    for frame, place, pixels in zip(wanted, places, planes, strict=True):
        _paint(grid, _classes(pixels, drawn_segments[frame], layout, table), place)
    return grid.finished()


def _open(path: Path) -> FileDataset:
    return open_object(path, sop_classes=SOP_CLASSES, kind="DICOM segmentation (SEG)")


def _series_uids(dataset: Dataset) -> tuple[str, ...]:
    studies = items(dataset, "StudiesContainingOtherReferencedInstancesSequence")
    found = [
        text(series, "SeriesInstanceUID")
        for holder in (dataset, *studies)
        for series in items(holder, "ReferencedSeriesSequence")
    ]
    return tuple(dict.fromkeys(uid for uid in found if uid))


def _segments(dataset: Dataset) -> tuple[Segment, ...]:
    segments = tuple(
        Segment(
            number=whole_number(item, "SegmentNumber"),
            name=text(item, "SegmentLabel"),
            code=code_of(item, "SegmentedPropertyTypeCodeSequence"),
        )
        for item in items(dataset, "SegmentSequence")
    )
    if not all(0 <= segment.number <= _MAX_NUMBER for segment in segments):
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED, f"Segment numbers outside of 0 to {_MAX_NUMBER}."
        )
    return segments


def _layout(dataset: FileDataset) -> _Layout:
    layout = _Layout(
        kind=text(dataset, "SegmentationType").upper(),
        rows=whole_number(dataset, "Rows"),
        columns=whole_number(dataset, "Columns"),
        num_frames=whole_number(dataset, "NumberOfFrames"),
        bits=whole_number(dataset, "BitsAllocated"),
        syntax=text(dataset.file_meta, "TransferSyntaxUID") or _SYNTAX,
        full_value=number(dataset, "MaximumFractionalValue") or 255.0,
    )
    if layout.syntax not in _NATIVE | _LOSSLESS:
        raise RefusedSeries(
            ReasonCode.UNSUPPORTED_SYNTAX, "The transfer syntax is lossy or has no codec here."
        )
    if layout.kind not in _TYPES or layout.bits not in (1, 8, 16) or layout.full_value < 0:
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"{layout.bits} bits per pixel; a segmentation must have 1, 8 or 16 and be of type "
            "BINARY, FRACTIONAL or LABELMAP.",
        )
    _check_size(layout)
    return layout


def _check_size(layout: _Layout) -> None:
    plane_pixels = layout.rows * layout.columns
    if not 0 < plane_pixels <= MAX_PLANE_PIXELS or not 0 <= layout.num_frames <= MAX_FRAMES:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED,
            f"{layout.num_frames} frames of {layout.rows} x {layout.columns} pixels; at most "
            f"{MAX_FRAMES} of 1 to {MAX_PLANE_PIXELS} are read.",
        )


def _frames(dataset: Dataset, layout: _Layout) -> tuple[list[int | None], np.ndarray]:
    """Return which segment each frame draws, ``None`` for all, and where the frames lie.

    Returns:
        Segment numbers; and for each frame the columns of `_steps`, shape ``(frames, 3, 3)``.

    Raises:
        RefusedSeries: Frames are not described, or have no place in the patient.
    """
    own = items(dataset, "PerFrameFunctionalGroupsSequence")
    if len(own) != layout.num_frames:
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"{layout.num_frames} frames, but {len(own)} descriptions of frames.",
        )
    shared = (items(dataset, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    steps = [found for groups in own if (found := _steps(groups, shared)) is not None]
    if len(steps) < len(own):
        raise RefusedSeries(
            ReasonCode.NO_GEOMETRY,
            f"{len(own) - len(steps)} of {len(own)} frames have no position, orientation or pixel "
            "spacing in the patient.",
        )
    segments = [None if layout.kind == _LABEL_MAP else _segment(groups, shared) for groups in own]
    return segments, np.reshape(np.array(steps), (-1, 3, 3))


def _group(own: Dataset, shared: Dataset, keyword: str) -> Dataset:
    """Return a functional group: the frame's own, else that of all frames, else an empty one."""
    found = items(own, keyword) or items(shared, keyword)
    return found[0] if found else Dataset()


def _segment(own: Dataset, shared: Dataset) -> int:
    group = _group(own, shared, "SegmentIdentificationSequence")
    return whole_number(group, "ReferencedSegmentNumber")


def _steps(own: Dataset, shared: Dataset) -> np.ndarray | None:
    """Return as columns: step to the next column, to the next row, first pixel; LPS+ mm."""
    place = _group(own, shared, "PlanePositionSequence")
    position = numbers(place, "ImagePositionPatient", 3)
    turn = _group(own, shared, "PlaneOrientationSequence")
    orientation = numbers(turn, "ImageOrientationPatient", 6)
    measures = _group(own, shared, "PixelMeasuresSequence")
    spacing = numbers(measures, "PixelSpacing", 2)
    if position is None or orientation is None or spacing is None or min(spacing) <= 0:
        return None
    along_row, along_column = np.reshape(np.array(orientation), (2, 3))
    return np.stack([along_row * spacing[1], along_column * spacing[0], position], axis=1)


def _places(steps_mm: np.ndarray, layout: _Layout, affine: Affine) -> np.ndarray:
    """Return the steps of frames in voxels, whole numbers, shape ``(frames, 3, 3)``.

    Raises:
        InputError: Pixels of a frame are no voxels of the grid.
    """
    to_voxel = np.linalg.inv(flip_world(affine))
    # What overflows is no finite distance from the grid and is refused as such.
    with np.errstate(over="ignore", invalid="ignore"):
        steps = to_voxel[:3, :3] @ steps_mm
        steps[:, :, 2] += to_voxel[:3, 3]
        whole = np.rint(steps)
        off = steps - whole
    unsigned = np.abs(whole[:, :, :2])
    is_turned = (unsigned.sum(axis=1) == 1).all(axis=1) & (unsigned.max(axis=2).sum(axis=1) == 2)
    if not is_turned.all():
        raise InputError(
            "A segmentation must lie on the grid of its images; the pixels of "
            f"{np.count_nonzero(~is_turned)} of {len(whole)} frames have another size or "
            "direction than the voxels."
        )
    _check_distance(off, layout, spacing_mm(affine))
    return np.asarray(whole)


def _check_distance(off: np.ndarray, layout: _Layout, voxel_mm: Vector3) -> None:
    ends = _CORNERS * (layout.columns - 1, layout.rows - 1)
    corners = off @ np.column_stack([ends, np.ones(len(ends))]).T
    off_mm = np.abs(corners).max(axis=2) * voxel_mm
    tolerance_mm = np.maximum(np.minimum(JITTER_FRACTION * voxel_mm, JITTER_MM), DUPLICATE_MM)
    is_off = ~(off_mm <= tolerance_mm).all(axis=1)
    if is_off.any():
        raise InputError(
            f"A segmentation must lie on the grid of its images; {np.count_nonzero(is_off)} of "
            f"{len(off)} frames do not, found {off_mm.max():.3f} mm off."
        )


def _planes(dataset: FileDataset, layout: _Layout, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the stored pixels of some frames, shape ``(rows, columns)``.

    Raises:
        RefusedSeries: Pixels are missing or cannot be decoded.
    """
    found = 0
    with refusing("The pixels"):
        is_native = layout.syntax in _NATIVE
        planes = _native(dataset, layout, wanted) if is_native else _decoded(dataset, wanted)
        for plane in planes:
            if plane.shape != (layout.rows, layout.columns) or plane.dtype.kind != "u":
                raise RefusedSeries(
                    ReasonCode.DECODE_FAILED,
                    f"Pixels of shape {plane.shape} and type {plane.dtype} under a header of "
                    f"{layout.rows} x {layout.columns}.",
                )
            found += 1
            yield plane
    if found < len(wanted):
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED, f"{found} of {len(wanted)} frames have pixels."
        )


def _native(dataset: FileDataset, layout: _Layout, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield frames of plain pixels; single bits are packed without a gap between frames.

    Raises:
        RefusedSeries: The pixels are cut short.

    References:
        DICOM PS3.5, 8.1.1 and Annex D (the first pixel is the least significant bit of a byte).
    """
    stored = np.frombuffer(dataset.get("PixelData") or b"", np.uint8)
    frame_bits = layout.rows * layout.columns * layout.bits
    num_bytes = -(-frame_bits * layout.num_frames // 8)
    if len(stored) < num_bytes:
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED, f"{len(stored)} of {num_bytes} bytes of pixels."
        )
    for index in wanted:
        start, end = index * frame_bits, (index + 1) * frame_bits
        content = stored[start // 8 : -(-end // 8)]
        if layout.bits == 1:
            plane = np.unpackbits(content, bitorder="little")[start % 8 :][:frame_bits]
        else:
            plane = content.view(f"<u{layout.bits // 8}")
        yield plane.reshape(layout.rows, layout.columns)


def _decoded(dataset: FileDataset, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    # One after the other: to find a single frame, all before it would be searched every time.
    chosen = set(wanted)
    for index, plane in enumerate(iter_pixels(dataset, raw=True) if chosen else ()):
        if index in chosen:
            chosen.remove(index)
            yield np.asarray(plane)
        if not chosen:
            return


def _classes(
    pixels: np.ndarray, segment: int | None, layout: _Layout, table: np.ndarray
) -> np.ndarray:
    """Return the stored pixels of a frame as classes; the table has one for each segment."""
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
