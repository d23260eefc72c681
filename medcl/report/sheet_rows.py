"""Rows of a contact sheet, drawn by the same code that feeds the network.

All views of a row are put at one place, so that what a transform does can be told from where a
crop happens to lie.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from medcl.augment.drawing.pose import Pose
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.views import (
    Drawn,
    Source,
    boxes,
    draw,
    draw_locals,
    render,
    render_labels,
)
from medcl.geometry.affine import transform_points
from medcl.report.contact_sheet import Panel, SheetRow
from medcl.report.drawn_words import drawn_words
from medcl.report.grey_windows import GreyWindow, default_windows
from medcl.shapes import LabelMap, ValidityMask, Vector3, VolumeArray

_CORNERS = 8
_Drawing = Callable[[int, bool], Drawn]
"""Draws the view of a step, at random or at the ends of all ranges."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Shown:
    """A volume to be shown.

    Attributes:
        source: Its geometry and range.
        array: Its voxels, ``(C, X, Y, Z)``; the first channel is shown.
        validity: True where voxels were measured, or ``None``.
        labels: Its label map, whose outline is drawn, or ``None``.
    """

    source: Source
    array: VolumeArray
    validity: ValidityMask | None = None
    labels: LabelMap | None = None


def sheet_rows(
    policy: Policy, shown: Shown, *, case: int, seed: int = 0, draws: int = 16
) -> list[SheetRow]:
    """Return the original, a typical, the extreme and the corner view of a volume, per window.

    Where the policy has local views, one row more shows them in the same way, in the first window.
    A view's change is its mean absolute difference from the original. Of so many random draws the
    typical one has the median change and the extreme one the largest; the corner view is the one
    with the largest change of eight draws at the ends of all ranges.

    Args:
        policy: How views are drawn.
        shown: The volume.
        case: Number of the volume on the sheet, from 1.
        seed: Seed of the draws.
        draws: Random draws to choose from, at least 1.

    Returns:
        Rows for `medcl.report.contact_sheet`.
    """
    windows = default_windows(policy)
    source = [shown.source]

    def whole(step: int, corners: bool) -> Drawn:
        return draw(policy, source, seed=seed, step=step, view=0, corners=corners)

    rows = _rows(shown, windows, whole, case=case, draws=draws)
    if policy.local is None:
        return rows

    def local(step: int, corners: bool) -> Drawn:
        return draw_locals(policy, source, seed=seed, step=step, number=0, corners=corners)

    return rows + _rows(shown, windows[:1], local, case=case, draws=draws, note="local views")


def _rows(
    shown: Shown,
    windows: Sequence[GreyWindow],
    drawing: _Drawing,
    *,
    case: int,
    draws: int,
    note: str = "",
) -> list[SheetRow]:
    """Return one row per window of the draws of one kind of view."""
    random = [drawing(step, False) for step in range(draws)]
    ends = [drawing(step, True) for step in range(_CORNERS)]
    place = _place(random[0], shown)
    still = replace(random[0], poses=(Pose(place, np.eye(3)),), intensities={})
    original = picture_of(still, shown)
    pictures = [picture_of(_at(place, drawn), shown) for drawn in random]
    order = np.argsort([_change(picture, original) for picture in pictures], kind="stable")
    corners = [picture_of(_at(place, drawn), shown) for drawn in ends]
    last = int(np.argmax([_change(picture, original) for picture in corners]))
    middle, most = int(order[(len(order) - 1) // 2]), int(order[-1])
    depth = middle_depth(original)
    chosen = (
        ("typical draw", pictures[middle], random[middle]),
        ("most extreme draw", pictures[most], random[most]),
        ("corner of all ranges", corners[last], ends[last]),
    )
    views = tuple(
        (name, replace(picture.panel(depth, drawn), note=drawn_words(drawn.parameters[0])))
        for name, picture, drawn in chosen
    )
    return [
        SheetRow(
            case=case,
            original=original.panel(depth, still),
            views=views,
            spacing_mm=still.grid.spacing_mm[:2],
            window=window,
            # One change has one colour, in whichever window of a volume it is shown.
            reach=min(each.reach for each in windows if each.unit == window.unit),
            note=note,
        )
        for window in windows
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A rendered view: grey values, where they were measured, and its labels if there are any."""

    grey: np.ndarray
    mask: np.ndarray
    labels: np.ndarray | None

    def panel(self, depth: int, drawn: Drawn) -> Panel:
        """Return the axial plane at a depth, in the unit of the volume."""
        plane = self.grey[:, :, depth]
        if isinstance(drawn.window, FixedWindow):
            low, high = drawn.window.low, drawn.window.high
            plane = (plane + 1) / 2 * (high - low) + low
        outline = None if self.labels is None else self.labels[:, :, depth] > 0
        return Panel(plane=plane, mask=self.mask[:, :, depth], outline=outline)


def _place(drawn: Drawn, shown: Shown) -> Vector3:
    """Return where all views are centred: at a label if there is one, else where one was drawn."""
    if shown.labels is None or not shown.labels.any():
        return np.asarray(drawn.poses[0].centre_mm)
    voxels = np.argwhere(shown.labels > 0)
    nearest = voxels[np.argmin(((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1))]
    return np.asarray(transform_points(shown.source.affine, nearest[None].astype(float))[0])


def _at(place: Vector3, drawn: Drawn) -> Drawn:
    return replace(drawn, poses=(replace(drawn.poses[0], centre_mm=place),))


def picture_of(drawn: Drawn, shown: Shown) -> Picture:
    """Return the one view that is drawn of a volume."""
    (box,) = boxes(drawn)
    known = None if shown.validity is None else [shown.validity[box.slices]]
    cut = None if shown.labels is None else shown.labels[box.slices].astype(np.int64)
    lesions = None if cut is None else cut > 0
    views, mask = render(drawn, [shown.array[:, *box.slices]], known, [lesions])
    labels = None if cut is None else render_labels(drawn, [cut])[0].numpy()
    return Picture(views[0, 0].numpy().astype(float), mask[0, 0].numpy(), labels)


def _change(picture: Picture, original: Picture) -> float:
    both = picture.mask & original.mask
    return float(np.abs(picture.grey - original.grey)[both].mean()) if both.any() else 0.0


def middle_depth(original: Picture) -> int:
    """Return the plane with the largest labelled area, else the middle one inside the volume."""
    if original.labels is not None and original.labels.any():
        return int((original.labels > 0).sum(axis=(0, 1)).argmax())
    area = original.mask.sum(axis=(0, 1))
    full = np.flatnonzero(area >= 0.9 * area.max())
    return int(full[np.argmin(np.abs(full - area.size // 2))])
