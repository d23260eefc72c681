"""Closed contours of a DICOM structure set, as points in the patient.

References:
    DICOM PS3.3, C.8.8.6 (ROI contour).
"""

from collections import defaultdict
from collections.abc import Collection

import numpy as np
from jaxtyping import Float64
from pydicom.dataset import Dataset

from medcl.io.dicom.values import number, text
from medcl.io.labels.object import items, whole_number
from medcl.io.refusal import ReasonCode, RefusedSeries

Outline = Float64[np.ndarray, "_ 3"]
"""Points of one contour; contours differ in how many they have."""

MAX_POINTS = 10_000_000
"""Most points of all contours that are drawn."""

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_OPEN = ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")
_CONTOUR_DATA = 0x30060050
_FURTHEST_MM = 1e6
_LONGEST_NUMBER = 64


def is_closed(contour: Dataset) -> bool:
    """Return whether a contour encloses anything."""
    return _kind(contour) in _CLOSED


def closed_contours(dataset: Dataset, rois: Collection[int]) -> dict[int, list[Outline]]:
    """Return the points of closed contours by ROI number, LPS+ mm; none where a ROI has none.

    Args:
        dataset: The structure set.
        rois: *ROI Number* of the structures that are wanted.

    Returns:
        One array per contour; points, open lines and empty contours are left out.

    Raises:
        RefusedSeries: The contours are missing altogether: the file is cut.
        ValueError: A contour is damaged.
    """
    if "ROIContourSequence" not in dataset:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "A structure set without contours.")
    found: dict[int, list[Outline]] = defaultdict(list)
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


def _points(contour: Dataset, num_left: int) -> Outline:
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


def _kind(contour: Dataset) -> str:
    return text(contour, "ContourGeometricType").upper()
