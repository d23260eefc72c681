"""A contact sheet of views: what the network is shown, beside what the scanner made."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from medcl.runtime.files import atomic_path

Plane = Float[np.ndarray, "X Y"]
PlaneMask = Bool[np.ndarray, "X Y"]

_PAPER, _INK, _MUTED, _OUTSIDE = "#111111", "#f2f2f2", "#b0b0b0", "#26323d"
_COLUMNS = ("original", "view a", "view b", "a - original")
_BARS_MM = (200, 100, 50, 20, 10, 5, 2, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GreyWindow:
    """A range of grey values.

    Attributes:
        name: Such as ``soft tissue 40/400``.
        low: Value shown black.
        high: Value shown white.
        unit: Unit of both, such as HU.
    """

    name: str
    low: float
    high: float
    unit: str = ""


SOFT_TISSUE = GreyWindow(name="soft tissue 40/400", low=-160.0, high=240.0, unit="HU")
LUNG = GreyWindow(name="lung -600/1500", low=-1350.0, high=150.0, unit="HU")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SheetRow:
    """Axial planes of one volume in one window, indexed left → right, back → front of the patient.

    Attributes:
        case: Number of the volume on this sheet, from 1.
        original: Plane at the place of view a, unchanged.
        view_a: Plane of the first view.
        view_b: Plane of the second view, at its own place.
        masks: True where each of the three was measured.
        spacing_mm: Pixel spacing along both axes.
        window: How grey values are shown.
        note: A few words under the name, such as how the views were drawn.
    """

    case: int
    original: Plane
    view_a: Plane
    view_b: Plane
    masks: tuple[PlaneMask, PlaneMask, PlaneMask]
    spacing_mm: tuple[float, float]
    window: GreyWindow
    note: str = ""


def write_contact_sheet(path: Path, rows: Sequence[SheetRow], *, title: str) -> None:
    """Write rows of original, two views and what the first one changed, as a PNG.

    Planes lie as radiologists read them: the patient's right on the left, the front at the top.
    Nothing names a patient: volumes are ``case 1``, ``case 2``, …

    Args:
        path: The PNG to make or replace; its folder must exist.
        rows: One per volume and window; about 20 stay readable.
        title: Line at the top, such as the policy's name.
    """
    figure = contact_sheet(rows, title=title)
    with atomic_path(path) as beside:
        figure.savefig(beside, format="png", dpi=110, facecolor=_PAPER, metadata={"Software": None})


def contact_sheet(rows: Sequence[SheetRow], *, title: str) -> Figure:
    """Return the figure that `write_contact_sheet` writes.

    Args:
        rows: One per volume and window.
        title: Line at the top.

    Returns:
        A figure with four pictures per row.

    Raises:
        ValueError: There is no row.
    """
    if not rows:
        raise ValueError("A contact sheet needs at least one row, got none.")
    height = 2.8 * len(rows) + 1.15
    figure = Figure(figsize=(12.6, height), facecolor=_PAPER)
    FigureCanvasAgg(figure)
    _head(figure, title, height)
    grid = figure.subplots(len(rows), 4, squeeze=False)
    figure.subplots_adjust(
        left=0.15, right=0.9, top=1 - 1.0 / height, bottom=0.15 / height, wspace=0.04, hspace=0.08
    )
    for axes, row in zip(grid, rows, strict=True):
        _draw_row(figure, list(axes), row)
    for axis, name in zip(grid[0], _COLUMNS, strict=True):
        axis.set_title(name, color=_INK, fontsize=11)
    return figure


def _head(figure: Figure, title: str, height: float) -> None:
    figure.text(0.012, 1 - 0.16 / height, title, color=_INK, fontsize=13, weight="bold", va="top")
    legend = "axial planes; R: patient's right, front at the top; slate: outside of the volume"
    figure.text(0.012, 1 - 0.46 / height, legend, color=_MUTED, fontsize=9, va="top")


def _draw_row(figure: Figure, axes: list[Axes], row: SheetRow) -> None:
    low, high = row.window.low, row.window.high
    planes = (row.original, row.view_a, row.view_b)
    pictures = [
        _show(axis, plane, mask, row, ("gray", low, high))
        for axis, plane, mask in zip(axes, planes, row.masks, strict=False)
    ]
    reach = (high - low) / 4
    both = row.masks[0] & row.masks[1]
    colours = ("RdBu_r", -reach, reach)
    change = _show(axes[3], row.view_a - row.original, both, row, colours)
    for axis in axes:
        _scale_bar(axis, row)
    _colour_bar(figure, axes[3], pictures[0], f"grey {row.window.unit}", 0.012)
    _colour_bar(figure, axes[3], change, f"change {row.window.unit}", 0.056)
    _caption(figure, axes[0], row)


def _show(
    axis: Axes, plane: Plane, mask: PlaneMask, row: SheetRow, colours: tuple[str, float, float]
) -> AxesImage:
    """Return the drawn picture: right of the patient on the left, front at the top."""
    name, low, high = colours
    hidden = np.ma.masked_array(plane, ~mask)[::-1, ::-1].T
    width, height = np.multiply(plane.shape, row.spacing_mm)
    picture = axis.imshow(
        hidden,
        cmap=name,
        vmin=low,
        vmax=high,
        extent=(0.0, width, height, 0.0),
        interpolation="nearest",
    )
    axis.set_facecolor(_OUTSIDE)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    outline: dict[str, Any] = {"color": _INK, "fontsize": 10, "weight": "bold", "va": "center"}
    shade = {"boxstyle": "round,pad=0.15", "facecolor": "#000000b0", "edgecolor": "none"}
    axis.text(0.03, 0.5, "R", transform=axis.transAxes, bbox=shade, **outline)
    axis.text(0.97, 0.5, "L", transform=axis.transAxes, bbox=shade, ha="right", **outline)
    return picture


def _scale_bar(axis: Axes, row: SheetRow) -> None:
    width, height = np.multiply(row.original.shape, row.spacing_mm)
    length = next((mm for mm in _BARS_MM if mm <= width / 3), _BARS_MM[-1])
    shade = {"boxstyle": "square,pad=0.3", "facecolor": "#000000b0", "edgecolor": "none"}
    right, low = 0.96 * width, 0.95 * height
    label: dict[str, Any] = {
        "color": _INK,
        "fontsize": 8,
        "ha": "right",
        "va": "bottom",
        "bbox": shade,
    }
    axis.text(right, low - 0.025 * height, f"{length} mm", **label)
    # White on black, so that it is seen on bone and on air.
    for colour, thickness in (("black", 5.0), (_INK, 2.5)):
        axis.plot([right - length, right], [low, low], color=colour, linewidth=thickness)
    axis.set_xlim(0.0, width)
    axis.set_ylim(height, 0.0)


def _colour_bar(figure: Figure, axis: Axes, picture: AxesImage, name: str, offset: float) -> None:
    box = axis.get_position()
    frame = (box.x1 + offset, box.y0 + 0.05 * box.height, 0.007, 0.78 * box.height)
    place = figure.add_axes(frame)
    bar = figure.colorbar(picture, cax=place, ticks=list(picture.get_clim()), format="%g")
    bar.ax.tick_params(colors=_MUTED, labelsize=7, length=0, pad=2)
    bar.outline.set_visible(False)
    place.set_title(name.strip().replace(" ", "\n", 1), color=_MUTED, fontsize=7, pad=3)


def _caption(figure: Figure, axis: Axes, row: SheetRow) -> None:
    top, height = axis.get_position().y1, figure.get_figheight()
    window = row.window
    shown = f"{window.low:g} to {window.high:g} {window.unit}" if window.unit else ""
    lines = [f"case {row.case}", window.name, shown, *row.note.split("\n")]
    for step, text in enumerate(filter(None, lines)):
        figure.text(
            0.012,
            top - (0.05 + 0.19 * step) / height,
            text,
            color=_INK if step == 0 else _MUTED,
            fontsize=11 if step == 0 else 8.5,
            va="top",
        )
