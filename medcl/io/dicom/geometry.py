"""Where the slices of a series lie, from position and orientation alone.

*Instance Number* and *Slice Location* may be empty, wrong or repeated; they are never used. The
tag for gantry tilt is not meant for mathematics either: tilt is read from the positions.

References:
    DICOM PS3.3, C.7.6.2.1.1 (position of a pixel in the patient), C.10.7.1.3 (order of the two
    pixel spacings).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.limits import MAX_SLICES, MAX_VOXELS
from medcl.io.lps import flip_world
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.shapes import Affine, Points, Vector3

MIN_SLICES = 3
"""Fewest slices that are called a volume."""

ORIENTATION_TOLERANCE = 1e-3
"""Largest difference of a direction cosine between two slices, no unit (about 0.06 degrees)."""

PIXEL_SPACING_TOLERANCE = 1e-4
"""Largest relative difference of pixel spacing between two slices, no unit."""

DUPLICATE_MM = 0.01
"""Slices nearer than this lie at one position, mm."""

JITTER_FRACTION = 0.05
"""Largest departure of a slice from the even grid, as a fraction of the spacing ..."""

JITTER_MM = 0.1
"""... and in mm; the smaller of both holds, but never less than `DUPLICATE_MM`."""

GAP_TOLERANCE = 0.1
"""A distance this near to a multiple of the spacing is a gap, as a fraction of the spacing."""

TILT_DEGREES = 0.25
"""Largest angle between the line of the slice corners and the slice normal, degrees."""


LARGEST_TILT_DEGREES = 40.0
"""Scanners tilt by up to 30 degrees; what slides further is no tilted gantry."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Slices in order.

    Attributes:
        order: Index of the input slice for each plane, along the slice normal.
        affine: Voxel index (column, row, plane) → RAS+ mm.
        jitter_mm: Largest departure of a slice from the even grid, mm.
        tilt_degrees: Angle between the line of the slice corners and the slice normal, degrees; a
            tilted stack has a sheared affine.
    """

    order: tuple[int, ...]
    affine: Affine
    jitter_mm: float
    tilt_degrees: float


def stack_slices(headers: Sequence[SliceHeader], *, may_tilt: bool = False) -> Stack:
    """Order slices along their normal and place them on an even grid.

    Args:
        headers: Slices that `medcl.io.dicom.checks.check_slice` accepts, in any order.
        may_tilt: Keep a stack whose slices slide sideways evenly, as under a tilted gantry.

    Returns:
        Order and affine.

    Raises:
        RefusedSeries: The slices are too few, too many, differ in size or orientation, repeat,
            have gaps, uneven distances or a tilt.
    """
    _check_count(len(headers), headers[0].rows * headers[0].columns if headers else 0)
    _check_same_size(headers)
    row, column = np.reshape(np.array(headers[0].orientation, dtype=float), (2, 3))
    _check_parallel(headers)
    normal = np.cross(row, column)
    normal /= np.linalg.norm(normal)
    corners_mm = np.array([header.position_mm for header in headers], dtype=float)
    order = np.argsort(corners_mm @ normal, kind="stable")
    corners_mm = corners_mm[order]
    jitter_mm = _check_even(corners_mm @ normal)
    tilt_degrees = _tilt_degrees(corners_mm, normal, may_tilt=may_tilt)
    spacing = headers[0].pixel_spacing_mm or (0.0, 0.0)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row * spacing[1], column * spacing[0]
    affine[:3, 2] = (corners_mm[-1] - corners_mm[0]) / (len(headers) - 1)
    affine[:3, 3] = corners_mm[0]
    return Stack(tuple(order.tolist()), flip_world(affine), jitter_mm, tilt_degrees)


def _check_count(num_slices: int, plane_pixels: int) -> None:
    if num_slices < MIN_SLICES:
        raise RefusedSeries(
            ReasonCode.TOO_FEW_SLICES, f"{num_slices} slices; at least {MIN_SLICES} are needed."
        )
    if num_slices > MAX_SLICES or num_slices * plane_pixels > MAX_VOXELS:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED,
            f"{num_slices} slices of {plane_pixels} pixels; at most {MAX_SLICES} slices and "
            f"{MAX_VOXELS} voxels are read.",
        )


def _check_same_size(headers: Sequence[SliceHeader]) -> None:
    sizes = {(header.rows, header.columns) for header in headers}
    spacings = np.array([header.pixel_spacing_mm for header in headers], dtype=float)
    spread = float((np.ptp(spacings, axis=0) / spacings.min(axis=0)).max())
    if len(sizes) > 1 or spread > PIXEL_SPACING_TOLERANCE:
        raise RefusedSeries(
            ReasonCode.MIXED_SIZE,
            f"{len(headers)} slices of {len(sizes)} sizes; pixel spacing differs by {spread:.2%}.",
        )


def _check_parallel(headers: Sequence[SliceHeader]) -> None:
    cosines = np.array([header.orientation for header in headers], dtype=float)
    spread = float(np.ptp(cosines, axis=0).max())
    if spread > ORIENTATION_TOLERANCE:
        raise RefusedSeries(
            ReasonCode.MIXED_ORIENTATION,
            f"{len(headers)} slices; direction cosines differ by up to {spread:.3g}.",
        )


def _check_even(depths_mm: np.ndarray) -> float:
    steps = np.diff(depths_mm)
    repeats = int((steps < DUPLICATE_MM).sum())
    if repeats:
        raise RefusedSeries(
            ReasonCode.DUPLICATE_SLICES,
            f"{repeats} of {len(depths_mm)} slices lie where another one lies.",
        )
    # The smallest step starts the estimate because a median may be a gap in a short series.
    spacing = float(np.median(steps[steps < 1.5 * steps.min()]))
    _check_gaps(steps, spacing)
    even = np.linspace(depths_mm[0], depths_mm[-1], len(depths_mm))
    from_grid, from_spacing = np.abs(depths_mm - even).max(), np.abs(steps - spacing).max()
    jitter_mm = float(max(from_grid, from_spacing))
    if jitter_mm > max(min(JITTER_FRACTION * spacing, JITTER_MM), DUPLICATE_MM):
        raise RefusedSeries(
            ReasonCode.IRREGULAR_SPACING,
            f"Slices depart by up to {jitter_mm:.3f} mm from an even distance of {spacing:.3f} mm.",
        )
    return jitter_mm


def _check_gaps(steps: np.ndarray, spacing: float) -> None:
    multiples = np.round(steps / spacing)
    if multiples.max() > 1 and np.abs(steps / spacing - multiples).max() < GAP_TOLERANCE:
        raise RefusedSeries(
            ReasonCode.MISSING_SLICES,
            f"{int(multiples.sum()) - len(steps)} slices are missing among {len(steps) + 1}, "
            f"{spacing:.3f} mm apart.",
        )


def _tilt_degrees(corners_mm: Points, normal: Vector3, *, may_tilt: bool) -> float:
    """Return the tilt of the line of corners, 0 where it is within the tolerance of upright.

    Raises:
        RefusedSeries: It is tilted and may not be, or slides unevenly.
    """
    from_first = corners_mm - corners_mm[0]
    along = from_first @ normal
    sideways = from_first - np.outer(along, normal)
    furthest_mm = float(np.linalg.norm(sideways, axis=1).max())
    degrees = float(np.degrees(np.arctan2(furthest_mm, along[-1])))
    if degrees <= TILT_DEGREES:
        return 0.0
    unevenness_mm = float(
        np.linalg.norm(sideways - np.outer(along / along[-1], sideways[-1]), axis=1).max()
    )
    if may_tilt and degrees <= LARGEST_TILT_DEGREES and unevenness_mm <= JITTER_MM:
        return degrees
    raise RefusedSeries(
        ReasonCode.GANTRY_TILT,
        f"Slices slide sideways by {furthest_mm:.3f} mm over {along[-1]:.3f} mm "
        f"({degrees:.2f} degrees), {unevenness_mm:.3f} mm off an even slide.",
    )
