"""Where the frames of a DICOM segmentation lie: in the patient, and on the grid of a volume.

Frames are placed by position and orientation in the patient, never by index or order.

References:
    DICOM PS3.3, C.7.6.16.2.1 to C.7.6.16.2.4 (pixel measures, plane position, plane orientation),
    C.8.20.3 (segmentation functional groups), C.7.6.2.1.1 (position of a pixel).
"""

import numpy as np
from pydicom.dataset import Dataset

from medcl.errors import InputError
from medcl.geometry.affine import spacing_mm
from medcl.io.dicom.geometry import DUPLICATE_MM, JITTER_FRACTION, JITTER_MM
from medcl.io.dicom.values import numbers
from medcl.io.labels.object import items, whole_number
from medcl.io.labels.seg_pixels import LABEL_MAP, Layout
from medcl.io.lps import flip_world
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.shapes import Affine, Vector3

_CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])


def frames_of(dataset: Dataset, layout: Layout) -> tuple[list[int | None], np.ndarray]:
    """Return which segment each frame draws, ``None`` for all, and where the frames lie.

    Args:
        dataset: The segmentation.
        layout: What its frames share.

    Returns:
        Segment numbers; and for each frame, as columns, the step to the next column, the step to
        the next row, and the first pixel, LPS+ mm, shape ``(frames, 3, 3)``.

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
    segments = [None if layout.kind == LABEL_MAP else _segment(groups, shared) for groups in own]
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


def places_of(steps_mm: np.ndarray, layout: Layout, affine: Affine) -> np.ndarray:
    """Return the steps of frames in voxels, whole numbers, shape ``(frames, 3, 3)``.

    A frame may lie as far off the grid as a slice of a series may: along each axis 5 % of a voxel
    and at most 0.1 mm, but always 0.01 mm.

    Args:
        steps_mm: Of `frames_of`, some of the frames.
        layout: What the frames share.
        affine: Voxel index of the grid → RAS+ mm.

    Returns:
        The same columns in voxels.

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


def _check_distance(off: np.ndarray, layout: Layout, voxel_mm: Vector3) -> None:
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
