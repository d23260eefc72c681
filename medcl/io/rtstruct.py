"""DICOM structure set (RTSTRUCT) → label map on the grid of its images.

Contours are points in the patient. They are mapped into voxel coordinates and filled slice by
slice; which image a contour names is not asked, because its points say where it lies.

References:
    DICOM PS3.3, C.8.8.5 (structure set), C.8.8.6 (ROI contour), C.8.8.8 (RT ROI observations).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64
from pydicom.dataset import Dataset, FileDataset

from medcl.errors import InputError
from medcl.geometry.affine import spacing_mm, transform_points
from medcl.io.dicom_file import refusing
from medcl.io.dicom_values import number, text
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
from medcl.io.lps import flip_world
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.shapes import Affine, LabelMap, Points, Vector3

SOP_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.481.3"})
"""*SOP Class UID* of RT Structure Set Storage."""

MAX_POINTS = 10_000_000
"""Most points of all contours that are drawn."""

MAX_CROSSINGS = 2**22
"""Most crossings of the contours of one structure and slice with rows of voxels."""

FLAT_FRACTION = 0.1
"""How far the points of one contour, and the contours of one slice, may lie apart along the slice
axis, as a fraction of the distance between slices."""

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_OPEN = ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")
_CONTOUR_DATA = 0x30060050
_FURTHEST_MM = 1e6
_LONGEST_NUMBER = 64
_DECIMALS = 6


def read_segments(path: Path) -> ReferencedSegments:
    """Return what a structure set describes.

    Args:
        path: A DICOM RTSTRUCT file.

    Returns:
        Its structures with *ROI Number*, *ROI Name* and, where the observations give one, *RT ROI
        Identification Code*; how many contours of each enclose nothing; and the series they were
        drawn on.

    Raises:
        RefusedSeries: The file is missing, too large or damaged.
        InputError: It is no structure set.

    References:
        DICOM PS3.3, C.8.8.5 (structure set), C.8.8.8 (RT ROI observations).

    Example:
        >>> read_segments(Path("no-such-file"))
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: UNREADABLE: The file: FileNotFoundError.
    """
    dataset = _open(path)
    with refusing("The structure set"):
        frames = _frames_of_reference(dataset)
        return ReferencedSegments(
            series_uids=_series_uids(dataset),
            frame_of_reference=frames.pop() if len(frames) == 1 else "",
            segments=_segments(dataset),
        )


def label_map(
    path: Path, *, affine: Affine, shape: tuple[int, int, int], classes: Mapping[int, int]
) -> LabelMap:
    """Return structures of a structure set as a label map of the images' grid.

    A voxel belongs to a structure if its centre lies inside its contours by the even-odd rule:
    contours of one structure on one slice are combined by XOR, so that a contour inside another
    one is a hole. A centre on an edge belongs to the side of higher indices. Points and open
    contours enclose nothing and are left out.

    Contours must be flat along one voxel axis, whichever it is, and belong to the nearest slice,
    at most half a voxel away. Nothing is interpolated: where contours were drawn on every second
    slice only, the slices between are background.

    Whether the frame of reference is that of the images is for the caller to check.

    Args:
        path: A DICOM RTSTRUCT file.
        affine: Voxel index of the grid → RAS+ mm.
        shape: Voxels of the grid along each axis.
        classes: *ROI Number* → class, from 0 up. Other structures are left out, like those of
            class 0. Several structures may have one class: it is where any of them is.

    Returns:
        Classes, shape ``shape``, 0 where there is none; uint8, or uint16 or int32 where a class
        needs them.

    Raises:
        RefusedSeries: The file is missing, too large or damaged.
        InputError: It is no structure set, has no such structure, its contours do not lie on
            slices of the grid, or structures of different classes overlap.

    References:
        DICOM PS3.3, C.8.8.6.1 (contour geometric type), C.8.8.6.3 (inner and outer contours).

    Example:
        >>> label_map(Path("no-such-file"), affine=np.eye(4), shape=(9, 9, 9), classes={1: 1})
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: UNREADABLE: The file: FileNotFoundError.
    """
    dataset = _open(path)
    with refusing("The structure set"):
        segments = _segments(dataset)
        frames = _frames_of_reference(dataset, classes)
        contours = _contours(dataset, classes)
    check_classes(classes, segments)
    if len(frames) > 1:
        raise InputError(
            f"Structures of one map must share a frame of reference; found {len(frames)}."
        )
    grid = LabelGrid(shape, set(classes.values()))
    to_voxel = np.linalg.inv(flip_world(affine))
    for roi, outlines_mm in contours.items():
        # Rounded, so that an edge drawn through voxel centres is one in spite of the arithmetic.
        outlines = [np.round(transform_points(to_voxel, one), _DECIMALS) for one in outlines_mm]
        axis, planes = _by_plane(outlines, shape, spacing_mm(affine))
        size = tuple(np.delete(shape, axis).tolist())
        for plane, polygons in planes.items():
            drawn = fill(polygons, size) * grid.dtype(classes[roi])
            grid.paint(drawn, axis=axis, plane=plane, corner=(0, 0))
    return grid.finished()


def fill(
    polygons: Sequence[Float64[np.ndarray, "P 2"]], shape: tuple[int, int]
) -> Bool[np.ndarray, "X Y"]:
    """Return which voxel centres lie inside polygons by the even-odd rule.

    Along each row of voxels, every crossing with an edge turns inside into outside and back. A
    centre on an edge counts as lying just beyond it, towards higher indices: polygons that share
    an edge leave no gap and do not overlap.

    Args:
        polygons: Corners in voxel coordinates (whole numbers are centres), at least one polygon;
            the last corner is joined to the first.
        shape: Voxels along both axes; polygons may reach beyond them.

    Returns:
        True inside an odd number of outlines.

    Raises:
        RefusedSeries: The outlines cross rows of voxels too often.

    Example:
        >>> square = np.array([[0.5, 0.5], [2.5, 0.5], [2.5, 2.5], [0.5, 2.5]])
        >>> fill([square], (4, 4)).astype(int).tolist()
        [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    start = np.concatenate(polygons)
    end = np.concatenate([np.roll(polygon, -1, axis=0) for polygon in polygons])
    lowest, highest = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    first = np.clip(np.ceil(lowest), 0, shape[0]).astype(np.int64)
    num_rows = np.clip(np.ceil(highest), 0, shape[0]).astype(np.int64) - first
    if num_rows.sum() > MAX_CROSSINGS:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED,
            f"Contours of a slice cross {num_rows.sum()} rows; at most {MAX_CROSSINGS} are drawn.",
        )
    edge = np.repeat(np.arange(len(start)), num_rows)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(num_rows) - num_rows - first, num_rows)
    share = (row - start[edge, 0]) / (end[edge, 0] - start[edge, 0])
    crossing = start[edge, 1] + share * (end[edge, 1] - start[edge, 1])
    column = np.clip(np.ceil(np.round(crossing, _DECIMALS)), 0, shape[1]).astype(np.int64)
    turns = np.zeros((shape[0], shape[1] + 1), np.uint8)
    # A byte may overflow here; whether it is odd does not change.
    np.add.at(turns, (row, column), 1)
    return np.asarray(np.bitwise_xor.accumulate(turns & 1, axis=1)[:, :-1] == 1)


def _open(path: Path) -> FileDataset:
    return open_object(path, sop_classes=SOP_CLASSES, kind="DICOM structure set (RTSTRUCT)")


def _series_uids(dataset: Dataset) -> tuple[str, ...]:
    found = [
        text(series, "SeriesInstanceUID")
        for frame in items(dataset, "ReferencedFrameOfReferenceSequence")
        for study in items(frame, "RTReferencedStudySequence")
        for series in items(study, "RTReferencedSeriesSequence")
    ]
    return tuple(dict.fromkeys(uid for uid in found if uid))


def _frames_of_reference(dataset: Dataset, rois: Collection[int] | None = None) -> set[str]:
    """Return the frames of reference of some structures, or of all; else those of the set."""
    found = {
        text(item, "ReferencedFrameOfReferenceUID")
        for item in items(dataset, "StructureSetROISequence")
        if rois is None or whole_number(item, "ROINumber") in rois
    }
    of_set = {
        text(item, "FrameOfReferenceUID")
        for item in (dataset, *items(dataset, "ReferencedFrameOfReferenceSequence"))
    }
    return found - {""} or of_set - {""}


def _segments(dataset: Dataset) -> tuple[Segment, ...]:
    codes = {
        whole_number(item, "ReferencedROINumber"): code_of(item, "RTROIIdentificationCodeSequence")
        for item in items(dataset, "RTROIObservationsSequence")
    }
    num_ignored = Counter(
        whole_number(roi, "ReferencedROINumber")
        for roi in items(dataset, "ROIContourSequence")
        for contour in items(roi, "ContourSequence")
        if _kind(contour) not in _CLOSED
    )
    return tuple(
        Segment(
            number=(roi := whole_number(item, "ROINumber")),
            name=text(item, "ROIName"),
            code=codes.get(roi, ""),
            num_ignored=num_ignored[roi],
        )
        for item in items(dataset, "StructureSetROISequence")
    )


def _kind(contour: Dataset) -> str:
    return text(contour, "ContourGeometricType").upper()


def _contours(dataset: Dataset, rois: Collection[int]) -> dict[int, list[Points]]:
    """Return the points of closed contours by ROI number, LPS+ mm; none where a ROI has none.

    Raises:
        RefusedSeries: The contours are missing altogether: the file is cut.
        ValueError: A contour is damaged.
    """
    if "ROIContourSequence" not in dataset:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "A structure set without contours.")
    found: dict[int, list[Points]] = defaultdict(list)
    num_left = MAX_POINTS
    for item in items(dataset, "ROIContourSequence"):
        roi = whole_number(item, "ReferencedROINumber")
        for contour in items(item, "ContourSequence") if roi in rois else []:
            if _kind(contour) not in _CLOSED + _OPEN:
                raise ValueError("unknown kind of contour")
            points = _points(contour, num_left) if _kind(contour) in _CLOSED else None
            if points is not None and len(points):
                num_left -= len(points)
                found[roi].append(points)
    return found


def _points(contour: Dataset, num_left: int) -> Points:
    """Return the points of a contour.

    The text is read as it stands in the file: pydicom's own numbers take many times as long.

    Raises:
        RefusedSeries: There are too many.
        ValueError: They are no numbers, too large ones, or not as many as the contour says.
    """
    content = bytes(contour.get_item(_CONTOUR_DATA).value or b"").rstrip(b" \0")
    if content.count(b"\\") > 3 * num_left:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED, f"More than {MAX_POINTS} points; fewer are drawn."
        )
    words = content.split(b"\\") if content else []
    if max(map(len, words), default=0) > _LONGEST_NUMBER:
        raise ValueError("no number")
    points = np.fromiter(map(float, words), np.float64, len(words)).reshape(-1, 3)
    expected = number(contour, "NumberOfContourPoints")
    if expected != len(points) and (expected is not None or not len(points)):
        raise ValueError("another number of points")
    if not (np.abs(points) <= _FURTHEST_MM).all():
        raise ValueError("points beyond any patient")
    return points


def _by_plane(
    outlines: Sequence[Points], shape: tuple[int, int, int], voxel_mm: Vector3
) -> tuple[int, dict[int, list[np.ndarray]]]:
    """Return the slice axis, and for each slice the outlines on it, without that axis.

    Raises:
        InputError: The outlines do not lie on slices of the grid.
    """
    rise = np.array([np.ptp(outline, axis=0) for outline in outlines]).max(axis=0)
    axis = int(rise.argmin())
    if rise[axis] > FLAT_FRACTION:
        raise InputError(
            "Contours must lie flat on slices of the image; those of one structure rise by up to "
            f"{rise[axis] * voxel_mm[axis]:.3f} mm."
        )
    heights = np.array([outline[:, axis].mean() for outline in outlines])
    _check_inside(outlines, shape, voxel_mm)
    planes = np.clip(np.rint(heights), 0, shape[axis] - 1).astype(int)
    _check_one_plane_each(heights, planes, voxel_mm[axis])
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for plane, outline in zip(planes.tolist(), outlines, strict=True):
        found[plane].append(np.delete(outline, axis, axis=1))
    _check_no_repeats(found)
    return axis, found


def _check_inside(
    outlines: Sequence[Points], shape: tuple[int, int, int], voxel_mm: Vector3
) -> None:
    lowest = np.array([outline.min(axis=0) for outline in outlines])
    highest = np.array([outline.max(axis=0) for outline in outlines])
    # Faces of the outermost voxels lie half a voxel beyond their centres.
    off = np.maximum(-0.5 - highest, lowest - (np.array(shape) - 0.5)) * voxel_mm
    num_off = np.count_nonzero((off > 0).any(axis=1))
    if num_off:
        raise InputError(
            f"Contours must lie on slices of the image; {num_off} of {len(outlines)} of one "
            f"structure lie outside of its {shape} voxels, up to {off.max():.3f} mm away."
        )


def _check_one_plane_each(heights: np.ndarray, planes: np.ndarray, slice_mm: float) -> None:
    """Check that the contours of a slice share a plane: XOR of two planes would make holes.

    Raises:
        InputError: They do not.
    """
    order = np.lexsort((heights, planes))
    starts = np.flatnonzero(np.diff(planes[order], prepend=-1))
    heights = heights[order]
    spread = np.maximum.reduceat(heights, starts) - np.minimum.reduceat(heights, starts)
    num_spread = np.count_nonzero(spread > FLAT_FRACTION)
    if num_spread:
        raise InputError(
            f"Contours must lie on slices of the image; {num_spread} slices have contours of one "
            f"structure on several planes, up to {spread.max() * slice_mm:.3f} mm apart."
        )


def _check_no_repeats(planes: Mapping[int, Sequence[np.ndarray]]) -> None:
    num_repeats = sum(
        len(one) - len({outline.tobytes() for outline in one}) for one in planes.values()
    )
    if num_repeats:
        raise InputError(
            f"A contour must stand once on a slice; {num_repeats} are repeated and would cancel "
            "out."
        )
