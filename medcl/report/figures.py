"""The label-efficiency curve as a figure, drawn without a display and readable without colour."""

import io
from collections.abc import Mapping

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from medcl.study.curves import Curve, LabelEfficiency
from medcl.study.verdict import METRIC_NAMES

COLOURS = ("#4d4d4d", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette; grey is for the first curve, the reference where there is one."""

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_CHANCE: Mapping[str, float] = {"auc": 0.5}


def curve_figure(result: LabelEfficiency) -> Figure:
    """Draw mean and interval of every arm over the number of labelled patients.

    Args:
        result: The curves of one metric.

    Returns:
        A figure with a logarithmic axis of labels, each curve named at its right end.
    """
    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for position, curve in enumerate(result.curves):
        _draw(axes, curve, position, len(result.curves))
    _name_curves(axes, result)
    _dress(axes, result)
    return figure


def png(figure: Figure, *, dots_per_inch: int = 160) -> bytes:
    """Return a figure as PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch, metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG, text as shapes, so that it looks the same everywhere."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "medcl", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _draw(axes: Axes, curve: Curve, position: int, num_curves: int) -> None:
    colour, marker = COLOURS[position % len(COLOURS)], _MARKERS[position % len(_MARKERS)]
    shift = 1 + 0.025 * (position - (num_curves - 1) / 2)  # intervals stand side by side
    counts = np.array([point.num_labels for point in curve.points]) * shift
    means = np.array([point.value.mean for point in curve.points])
    low = np.array([point.value.ci_low for point in curve.points])
    high = np.array([point.value.ci_high for point in curve.points])
    axes.fill_between(counts, low, high, color=colour, alpha=0.10, linewidth=0)
    axes.vlines(counts, low, high, color=colour, linewidth=1.4, alpha=0.8)
    axes.plot(counts, means, color=colour, marker=marker, markersize=5.5, linewidth=2)


def _name_curves(axes: Axes, result: LabelEfficiency) -> None:
    """Write each name at the right end of its curve, moved apart where two would overlap."""
    curves = result.curves
    ends = np.array([curve.points[-1].value.mean for curve in curves])
    bottom, top = axes.get_ylim()
    heights = _apart(ends, gap=0.055 * (top - bottom))
    for position, (curve, height) in enumerate(zip(curves, heights, strict=True)):
        axes.annotate(
            f"{curve.arm.label} (reference)" if curve.arm == result.reference else curve.arm.label,
            xy=(1.0, float(ends[position])),
            xycoords=("axes fraction", "data"),
            xytext=(1.015, float(height)),
            textcoords=("axes fraction", "data"),
            color=COLOURS[position % len(COLOURS)],
            va="center",
            fontsize=9.5,
            annotation_clip=False,
        )


def _apart(heights: np.ndarray, *, gap: float) -> np.ndarray:
    """Return heights in the same order, at least ``gap`` from one another."""
    order = np.argsort(heights, kind="stable")
    spread = heights[order].copy()
    for i in range(1, len(spread)):
        spread[i] = max(spread[i], spread[i - 1] + gap)
    spread -= spread.mean() - heights.mean()
    placed = np.empty_like(spread)
    placed[order] = spread
    return placed


def _dress(axes: Axes, result: LabelEfficiency) -> None:
    counts = sorted({point.num_labels for curve in result.curves for point in curve.points})
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlabel("labelled patients (logarithmic)")
    axes.set_ylabel(f"{METRIC_NAMES[result.metric]} on {result.num_patients} test patients")
    chance = _CHANCE.get(result.metric)
    if chance is not None and axes.get_ylim()[0] < chance:
        axes.axhline(chance, color="#999999", linestyle=":", linewidth=1)
        axes.annotate("chance", (counts[0], chance), fontsize=8, color="#777777", va="bottom")
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors="#333333", length=3)
