"""DICOM structure set (RTSTRUCT) → layers of a label map on the grid of its images.

Contours are points in the patient. They are mapped into voxel coordinates and filled slice by
slice; which image a contour names is not asked, because its points say where it lies.

References:
    DICOM PS3.3, C.8.8.5 (structure set), C.8.8.6 (ROI contour), C.8.8.8 (RT ROI observations).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from pydicom.dataset import Dataset, FileDataset

from medcl.errors import InputError
from medcl.geometry.affine import spacing_mm, transform_points
from medcl.io.dicom.values import text
from medcl.io.labels.grid import LabelGrid
from medcl.io.labels.object import LabelObject, Segment, check_classes, code_of, items, whole_number
from medcl.io.labels.polygons import DECIMALS, fill
from medcl.io.labels.rt_contours import Outline, closed_contours, is_closed
from medcl.io.lps import flip_world
from medcl.io.refusing import refusing
from medcl.shapes import Vector3

OFF_SLICE_FRACTION = 0.1
"""How far the points of a contour may lie off their slice, as a fraction of the distance between
slices."""

_FEWEST_SKIPPED = 3


def describe_structure_set(dataset: FileDataset) -> LabelObject:
    """Return what a structure set describes.

    Args:
        dataset: Of `medcl.io.labels.object.open_object`.

    Returns:
        Its structures with *ROI Number*, *ROI Name*, their frame of reference and, where the
        observations give one, *RT ROI Identification Code*; how many contours of each enclose
        nothing; and the series they were drawn on.

    Raises:
        RefusedSeries: The object is damaged.
    """
    with refusing("The structure set"):
        return LabelObject(
            kind="structure_set", series_uids=_series_uids(dataset), segments=_segments(dataset)
        )


def paint_structure_set(dataset: FileDataset, grid: LabelGrid, classes: Mapping[int, int]) -> None:
    """Paint structures onto a grid.

    A voxel belongs to a structure if its centre lies inside its contours by the even-odd rule:
    contours of one structure on one slice are combined by XOR, so that a contour inside another
    one is a hole. A centre on an edge belongs to the side of higher indices. Points and open
    contours enclose nothing and are left out.

    Contours must lie on slices along one voxel axis, whichever it is. Nothing is interpolated: a
    structure that was drawn on every second slice only is refused.

    Whether the frame of reference is that of the images is for the caller to check.

    Args:
        dataset: Of `medcl.io.labels.object.open_object`.
        grid: Is painted.
        classes: *ROI Number* → class of the grid. Other structures are left out, like those of
            class 0. Several structures may have one class: it is where any of them is.

    Raises:
        RefusedSeries: The object is damaged or draws too much.
        InputError: It has no such structure, or its contours do not lie on slices of the grid.

    References:
        DICOM PS3.3, C.8.8.6.1 (contour geometric type), C.8.8.6.3 (inner and outer contours).
    """
    with refusing("The structure set"):
        segments = _segments(dataset)
        contours = closed_contours(dataset, classes)
    check_classes(classes, segments)
    shape, affine = grid.grid.shape, grid.grid.affine
    to_voxel = np.linalg.inv(flip_world(affine))
    for roi, outlines_mm in contours.items():
        outlines = [np.round(transform_points(to_voxel, one), DECIMALS) for one in outlines_mm]
        axis, planes = _by_plane(outlines, shape, spacing_mm(affine))
        size = tuple(np.delete(shape, axis).tolist())
        layer = np.uint16(grid.layer_of(classes[roi]))
        for plane, polygons in planes.items():
            grid.paint(fill(polygons, size) * layer, axis=axis, plane=plane, corner=(0, 0))


def _series_uids(dataset: Dataset) -> tuple[str, ...]:
    found = [
        text(series, "SeriesInstanceUID")
        for frame in items(dataset, "ReferencedFrameOfReferenceSequence")
        for study in items(frame, "RTReferencedStudySequence")
        for series in items(study, "RTReferencedSeriesSequence")
    ]
    return tuple(dict.fromkeys(uid for uid in found if uid))


def _segments(dataset: Dataset) -> tuple[Segment, ...]:
    codes = {
        whole_number(item, "ReferencedROINumber"): code_of(item, "RTROIIdentificationCodeSequence")
        for item in items(dataset, "RTROIObservationsSequence")
    }
    counts = {True: Counter[int](), False: Counter[int]()}
    for roi in items(dataset, "ROIContourSequence"):
        for contour in items(roi, "ContourSequence"):
            counts[is_closed(contour)][whole_number(roi, "ReferencedROINumber")] += 1
    frame = _frame_of_set(dataset)
    return tuple(
        Segment(
            number=(number := whole_number(item, "ROINumber")),
            name=text(item, "ROIName"),
            code=codes.get(number, ("", ""))[0],
            meaning=codes.get(number, ("", ""))[1],
            frame_of_reference=text(item, "ReferencedFrameOfReferenceUID") or frame,
            num_ignored=counts[False][number],
            is_empty=not counts[True][number],
        )
        for item in items(dataset, "StructureSetROISequence")
    )


def _frame_of_set(dataset: Dataset) -> str:
    """Return the frame of reference of the set as a whole, empty where it names none or several."""
    found = {
        text(item, "FrameOfReferenceUID")
        for item in (dataset, *items(dataset, "ReferencedFrameOfReferenceSequence"))
    } - {""}
    return found.pop() if len(found) == 1 else ""


def _by_plane(
    outlines: Sequence[Outline], shape: tuple[int, int, int], voxel_mm: Vector3
) -> tuple[int, dict[int, list[np.ndarray]]]:
    """Return the slice axis, and for each slice the outlines on it, without that axis.

    Raises:
        InputError: The outlines do not lie on slices of the grid.
    """
    rise = np.array([np.ptp(outline, axis=0) for outline in outlines]).max(axis=0)
    axis = int(rise.argmin())
    _check_inside(outlines, shape, voxel_mm)
    nearest = np.array([np.rint(outline[:, axis].mean()) for outline in outlines])
    off = np.array(
        [
            np.abs(outline[:, axis] - plane).max()
            for outline, plane in zip(outlines, nearest, strict=True)
        ]
    )
    num_off = np.count_nonzero(off > OFF_SLICE_FRACTION)
    if num_off:
        raise InputError(
            f"Contours must lie on slices of the image; {num_off} of {len(off)} of one structure "
            f"do not, by up to {off.max() * voxel_mm[axis]:.3f} mm."
        )
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for plane, outline in zip(nearest.astype(int).tolist(), outlines, strict=True):
        found[plane].append(np.delete(outline, axis, axis=1))
    _check_no_slices_skipped(found)
    _check_no_repeats(found)
    return axis, found


def _check_inside(
    outlines: Sequence[Outline], shape: tuple[int, int, int], voxel_mm: Vector3
) -> None:
    lowest = np.array([outline.min(axis=0) for outline in outlines])
    highest = np.array([outline.max(axis=0) for outline in outlines])
    # Faces of the outermost voxels lie half a voxel beyond their centres.
    off = np.maximum(-0.5 - highest, lowest - (np.array(shape) - 0.5)) * voxel_mm
    num_off = np.count_nonzero((off > 0).any(axis=1))
    if num_off:
        raise InputError(
            f"Contours must lie inside the image; {num_off} of {len(outlines)} of one "
            f"structure lie outside of its {shape} voxels, up to {off.max():.3f} mm away."
        )


def _check_no_slices_skipped(planes: Mapping[int, object]) -> None:
    steps = set(np.diff(sorted(planes)).tolist())
    if len(planes) >= _FEWEST_SKIPPED and len(steps) == 1 and min(steps) > 1:
        raise InputError(
            f"A structure must be drawn on every slice that it meets; one is drawn on every "
            f"{min(steps)}. slice only, on {len(planes)} slices. Interpolate it where it was drawn."
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
