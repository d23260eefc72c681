"""A contact sheet of views: what the network is shown, beside what the scanner made."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage, imread, imsave

from medcl.report.grey_windows import GreyWindow

Plane = Float[np.ndarray, "X Y"]
PlaneMask = Bool[np.ndarray, "X Y"]

_PAPER, _INK, _MUTED, _OUTSIDE, _LINE = "#111111", "#f2f2f2", "#b0b0b0", "#26323d", "#ffd400"
_BARS_MM = (200, 100, 50, 20, 10, 5, 2, 1)
_WIDTH_IN, _PICTURE_IN, _LEFT_IN, _GAP_IN = 12.6, 2.62, 0.95, 0.1
_HEAD_IN, _TITLE_IN, _NOTE_IN = 0.78, 0.3, 0.72
_SMALL_PT, _NOTE_LETTERS = 10, 32
"""On paper a sheet is 180 mm wide, a little more than half of what it is here."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Panel:
    """An axial plane, indexed left → right, back → front of the patient.

    Attributes:
        plane: Grey values.
        mask: True where they were measured.
        outline: True inside of what is outlined, or ``None``.
        note: A few words below, such as what was drawn.
    """

    plane: Plane
    mask: PlaneMask
    outline: PlaneMask | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SheetRow:
    """One volume in one window: the original and views of the same place.

    Attributes:
        case: Number of the volume on this sheet, from 1.
        original: Unchanged.
        views: Names and planes; the same number in every row of a sheet.
        spacing_mm: Pixel spacing along both axes.
        window: How grey values are shown.
        reach: Up to which change colours reach; 0 for what suits the window.
        note: Which views these are, if not the usual ones.
    """

    case: int
    original: Panel
    views: tuple[tuple[str, Panel], ...]
    spacing_mm: tuple[float, float]
    window: GreyWindow
    reach: float = 0.0
    note: str = ""


def sheet_png(rows: Sequence[SheetRow], *, title: str) -> bytes:
    """Return rows of original, views, and what each of them changed, as a PNG.

    Planes lie as radiologists read them: the patient's right on the left, the front at the top.
    Nothing names a patient: volumes are ``case 1``, ``case 2``, …

    Args:
        rows: One per volume and window; about 20 stay readable.
        title: Line at the top, such as the policy's name.

    Returns:
        The file; equal rows give equal bytes.
    """
    buffer = io.BytesIO()
    figure = contact_sheet(rows, title=title)
    unsigned: dict[str, Any] = {"Software": None}
    figure.savefig(buffer, format="png", dpi=100, facecolor=_PAPER, metadata=unsigned)
    return buffer.getvalue()


def stacked_png(sheets: Sequence[bytes]) -> bytes:
    """Return several sheets of one width as one PNG, below one another.

    Args:
        sheets: At least one, from `sheet_png`.

    Returns:
        The file.
    """
    pixels = np.concatenate([imread(io.BytesIO(sheet), format="png") for sheet in sheets])
    buffer = io.BytesIO()
    unsigned: dict[str, Any] = {"Software": None}
    imsave(buffer, pixels, format="png", metadata=unsigned)
    return buffer.getvalue()


def contact_sheet(rows: Sequence[SheetRow], *, title: str) -> Figure:
    """Return the figure that `sheet_png` saves.

    Args:
        rows: One per volume and window.
        title: Line at the top.

    Returns:
        A figure; per row the original and its views, and below the views what they changed.

    Raises:
        ValueError: There is no row, or rows have different numbers of views.
    """
    if not rows:
        raise ValueError("A contact sheet needs at least one row, got none.")
    if len({len(row.views) for row in rows}) != 1:
        raise ValueError("Every row of a contact sheet must have the same number of views.")
    tall = _PICTURE_IN * _aspect(rows[0])
    block = _TITLE_IN + 2 * tall + _GAP_IN + _NOTE_IN
    height = _HEAD_IN + block * len(rows)
    figure = Figure(figsize=(_WIDTH_IN, height), facecolor=_PAPER)
    FigureCanvasAgg(figure)
    _head(figure, title, height)
    for place, row in enumerate(rows):
        top = height - _HEAD_IN - block * place - _TITLE_IN
        _draw_row(_Page(figure, height, top, tall), row)
    return figure


@dataclass(frozen=True, slots=True)
class _Page:
    """Where a row lies on a figure, in inches from its lower left corner."""

    figure: Figure
    height: float
    top: float
    tall: float

    def axes(self, line: int, column: int) -> Axes:
        """Return the axes of a picture."""
        left = _LEFT_IN + column * (_PICTURE_IN + _GAP_IN)
        low = self.top - (line + 1) * self.tall - line * _GAP_IN
        frame = (left / _WIDTH_IN, low / self.height)
        return self.figure.add_axes((*frame, _PICTURE_IN / _WIDTH_IN, self.tall / self.height))


def _aspect(row: SheetRow) -> float:
    width, height = np.multiply(row.original.plane.shape, row.spacing_mm)
    return float(np.clip(height / width, 0.4, 1.6))


def _head(figure: Figure, title: str, height: float) -> None:
    figure.text(0.012, 1 - 0.12 / height, title, color=_INK, fontsize=13, weight="bold", va="top")
    legend = (
        "axial planes at one place; R: patient's right, front at the top; slate: outside of the "
        "volume; yellow: labelled structure"
    )
    figure.text(0.012, 1 - 0.42 / height, legend, color=_MUTED, fontsize=11, va="top")


def _draw_row(page: _Page, row: SheetRow) -> None:
    low, high = row.window.low, row.window.high
    reach = row.reach or row.window.reach
    first = page.axes(0, 0)
    grey = _show(first, row.original, row, ("gray", low, high))
    first.set_title("original", color=_INK, fontsize=12, pad=4)
    change: AxesImage | None = None
    lowest = first
    for column, (name, panel) in enumerate(row.views, start=1):
        upper, lowest = page.axes(0, column), page.axes(1, column)
        _show(upper, panel, row, ("gray", low, high))
        upper.set_title(name, color=_INK, fontsize=12, pad=4)
        both = Panel(
            plane=panel.plane - row.original.plane,
            mask=panel.mask & row.original.mask,
            outline=row.original.outline,
        )
        change = _show(lowest, both, row, ("RdBu_r", -reach, reach))
        note = textwrap.fill(panel.note, _NOTE_LETTERS)
        lowest.set_xlabel(note, color=_MUTED, fontsize=_SMALL_PT, labelpad=3)
    _colour_bar(page, 0, grey, f"grey {row.window.unit}")
    if change is not None:
        _colour_bar(page, 1, change, f"change {row.window.unit}")
        _caption(page, row)


def _show(axis: Axes, panel: Panel, row: SheetRow, colours: tuple[str, float, float]) -> AxesImage:
    name, low, high = colours
    width, height = np.multiply(panel.plane.shape, row.spacing_mm)
    picture = axis.imshow(
        np.ma.masked_array(panel.plane, ~panel.mask).T[::-1, ::-1],
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
    if panel.outline is not None and panel.outline.any() and not panel.outline.all():
        inside = panel.outline.T[::-1, ::-1].astype(float)
        places = [
            (np.arange(count) + 0.5) * size / count
            for count, size in ((inside.shape[1], width), (inside.shape[0], height))
        ]
        axis.contour(*places, inside, levels=[0.5], colors=[_LINE], linewidths=1.0)
    outline: dict[str, Any] = {"color": _INK, "fontsize": 9, "weight": "bold", "va": "center"}
    shade = {"boxstyle": "round,pad=0.15", "facecolor": "#000000b0", "edgecolor": "none"}
    axis.text(0.03, 0.5, "R", transform=axis.transAxes, bbox=shade, **outline)
    axis.text(0.97, 0.5, "L", transform=axis.transAxes, bbox=shade, ha="right", **outline)
    _scale_bar(axis, width, height)
    return picture


def _scale_bar(axis: Axes, width: float, height: float) -> None:
    length = next((mm for mm in _BARS_MM if mm <= width / 3), _BARS_MM[-1])
    shade = {"boxstyle": "square,pad=0.3", "facecolor": "#000000b0", "edgecolor": "none"}
    right, low = 0.96 * width, 0.95 * height
    label: dict[str, Any] = {
        "color": _INK,
        "fontsize": _SMALL_PT,
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


def _colour_bar(page: _Page, line: int, picture: AxesImage, name: str) -> None:
    low = page.top - (line + 1) * page.tall - line * _GAP_IN
    frame = (0.62 / _WIDTH_IN, (low + 0.08 * page.tall) / page.height)
    if line:  # below the original, beside the first picture of change
        frame = ((_LEFT_IN + _PICTURE_IN - 0.3) / _WIDTH_IN, frame[1])
    place = page.figure.add_axes((*frame, 0.09 / _WIDTH_IN, 0.68 * page.tall / page.height))
    bar = page.figure.colorbar(picture, cax=place, ticks=list(picture.get_clim()), format="%g")
    place.yaxis.set_ticks_position("left")
    bar.ax.tick_params(colors=_MUTED, labelsize=_SMALL_PT, length=0, pad=2)
    bar.outline.set_visible(False)
    title = name.strip().replace(" ", "\n", 1)
    place.set_title(title, color=_MUTED, fontsize=_SMALL_PT, pad=9)  # above the upper number


def _caption(page: _Page, row: SheetRow) -> None:
    window = row.window
    shown = f"{window.low:g} to {window.high:g} {window.unit}".strip()
    top = page.top - page.tall - _GAP_IN - 0.06
    lines = [f"case {row.case}", window.name, shown, row.note, "right: view", "less original"]
    for step, text in enumerate(filter(None, lines)):
        page.figure.text(
            _LEFT_IN / _WIDTH_IN,
            (top - 0.21 * step) / page.height,
            text,
            color=_INK if step == 0 else _MUTED,
            fontsize=12 if step == 0 else _SMALL_PT,
            va="top",
        )
