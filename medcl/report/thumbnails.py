"""Small pictures of a volume in fixed clinical windows, as a radiologist holds it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from medcl.geometry import affine as affines
from medcl.geometry.boxes import Box
from medcl.report.grey_windows import LUNG, SOFT_TISSUE, UPTAKE, GreyWindow
from medcl.report.png import grey_png
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

_UPTAKE = GreyWindow(
    name="SUV 0 to 10, high is dark", low=UPTAKE.high, high=UPTAKE.low, unit=UPTAKE.unit
)

_LONGEST_PX = 160
_FLATTEST = 0.15
_AXIAL, _CORONAL = "axial", "coronal"
_ACROSS = {_AXIAL: "IS", _CORONAL: "PA"}

Plane = Float[np.ndarray, "H W"]
Known = Bool[np.ndarray, "H W"]


class Thumbnail(NamedTuple):
    """One picture.

    Attributes:
        png: The file; its pixels are square in mm.
        words: Plane and window.
    """

    png: bytes
    words: str


def thumbnails(store: Store, row: VolumeRow) -> list[Thumbnail]:
    """Return pictures of the middle of a volume.

    CT is shown in soft tissue and lung windows, PET in SUV 0 to 10 with high uptake dark, all
    else from its 1 % to its 99 % quantile. Unmeasured voxels are black.

    Args:
        store: Where it is.
        row: Which volume; its first channel is shown.

    Returns:
        Axial and coronal pictures, the patient's right on the left, the front or head at the top.
    """
    pictures: list[Thumbnail] = []
    for name in (_AXIAL, _CORONAL):
        plane, known = _middle(store, row, name)
        if name == _CORONAL and len(plane) < _FLATTEST * plane.shape[1]:
            continue
        for window in _windows(row) if name == _AXIAL else _windows(row)[:1]:
            shown = np.clip((plane - window.low) / (window.high - window.low), 0, 1)
            grey = np.rint(255 * np.where(known, shown, 0)).astype(np.uint8)
            pictures.append(Thumbnail(grey_png(grey), f"{name}, {window.name}"))
    return pictures


def _windows(row: VolumeRow) -> tuple[GreyWindow, ...]:
    if row.unit == "HU":
        return SOFT_TISSUE, LUNG
    if row.unit == "SUVbw":
        return (_UPTAKE,)
    low, high = row.statistics.p01, row.statistics.p99
    return (GreyWindow(name="1 % to 99 %", low=low, high=high if high > low else low + 1),)


def _middle(store: Store, row: VolumeRow, name: str) -> tuple[Plane, Known]:
    """Return values and where they were measured, in a middle plane, sides in proportion."""
    codes = affines.axis_codes(row.affine)
    across = next(axis for axis, code in enumerate(codes) if code in _ACROSS[name])
    columns = next(axis for axis, code in enumerate(codes) if code in "LR")
    rows = 3 - across - columns
    lower, upper = [0, 0, 0], list(row.shape)
    lower[across] = row.shape[across] // 2
    upper[across] = lower[across] + 1
    box = Box((lower[0], lower[1], lower[2]), (upper[0], upper[1], upper[2]))
    values = store.read_box(row.key, box)[0]
    validity = store.read_validity(row.key, box)
    known = np.isfinite(values) if validity is None else validity & np.isfinite(values)
    sides_mm = row.extent_mm[rows], row.extent_mm[columns]
    # The nearest voxel, not a mean of several: thick slices shall look as thick as they are.
    picks = [
        (np.arange(pixels) + 0.5) * length // pixels
        for pixels, length in zip(
            _pixels(sides_mm), (row.shape[rows], row.shape[columns]), strict=True
        )
    ]
    where = np.ix_(*(pick.astype(int) for pick in picks))
    # Front or head at the top, the patient's right on the left.
    turn = (
        slice(None, None, -1 if codes[rows] in "AS" else 1),
        slice(None, None, -1 if codes[columns] == "R" else 1),
    )
    plane, measured = (
        np.moveaxis(one, (rows, columns, across), (0, 1, 2))[..., 0][turn][where]
        for one in (np.nan_to_num(values), known)
    )
    return plane, measured


def _pixels(sides_mm: tuple[float, float]) -> list[int]:
    """Return height and width of a picture, the longer side 160 pixels."""
    return [max(1, round(_LONGEST_PX * side / max(sides_mm))) for side in sides_mm]
