"""The report of a study: the verdict first, then the curve, the table, and what it rests on."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medcl.report import page
from medcl.report.figures import curve_figure, svg
from medcl.report.page import Section
from medcl.study.curves import Curve, LabelEfficiency, Point
from medcl.study.verdict import METRIC_NAMES, judgement, ranged, signed, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a study rests on; no value of a patient, no path.

    Attributes:
        counts: What data went in, as numbers by name.
        audit: Sentences of the safety audit of the views.
        contact_sheet: PNG of the views the network was shown; empty if there is none.
        settings: The complete settings, as text.
        commands: What to type to get the same page.
        failures: One sentence per cell that failed.
        footer: Versions and the like.
    """

    counts: Mapping[str, int | str] = field(default_factory=dict)
    audit: Sequence[str] = ()
    contact_sheet: bytes = b""
    settings: str = ""
    commands: Sequence[str] = ()
    failures: Sequence[str] = ()
    footer: str = ""


def study_page(
    *, title: str, results: Sequence[LabelEfficiency], circumstances: Circumstances
) -> str:
    """Return the self-contained HTML report.

    Args:
        title: Of the study.
        results: Curves, one per metric; the first is the study's own metric.
        circumstances: What it rests on.

    Returns:
        HTML.
    """
    main, said = results[0], verdict(results[0])
    sections = [
        Section(
            "What was found",
            page.paragraphs(said.headlines, kind="headline")
            + page.paragraphs(said.cautions, kind="caution")
            + page.paragraphs(circumstances.failures, kind="caution"),
        ),
        Section("Label efficiency", _picture(main) + results_table(main)),
        Section("Point by point", _details(said.details)),
        Section("Other metrics", "".join(_other(result) for result in results[1:])),
        *_grounds(circumstances),
    ]
    lead = (
        f"{METRIC_NAMES[main.metric]} against the number of labelled patients; "
        f"{len(main.curves)} methods, the same {main.num_patients} test patients for all."
    )
    return page.page(title=title, lead=lead, sections=sections, footer=circumstances.footer)


def results_table(result: LabelEfficiency) -> str:
    """Return the figures behind the curve as an HTML table."""
    rows: list[list[object]] = []
    groups: list[int] = []
    for curve in result.curves:
        groups.append(len(rows))
        rows += [_row(curve, point, result) for point in curve.points]
    header = ["method", "labelled", f"{METRIC_NAMES[result.metric]} [interval]", "seeds"]
    return page.table([*header, _against(result), ""], rows, new_group=groups)


def markdown_summary(result: LabelEfficiency) -> str:
    """Return verdict and table as Markdown, for a run's description.

    Args:
        result: The curves of the study's own metric.

    Returns:
        Markdown.
    """
    said = verdict(result)
    lines = [f"- {text}" for text in said.headlines]
    against = _against(result)
    lines += ["", f"| method | labels | {METRIC_NAMES[result.metric]} | seeds | {against} | |"]
    lines += ["|---|---:|---|---:|---|---|"]
    for curve in result.curves:
        for point in curve.points:
            row = " | ".join(str(cell) for cell in _row(curve, point, result))
            lines.append(f"| {row} |")
    return "\n".join([*lines, "", *said.cautions])


def csv_table(results: Sequence[LabelEfficiency]) -> bytes:
    """Return every point of every metric as CSV.

    Args:
        results: Curves, one per metric.

    Returns:
        UTF-8 text, one row per metric, arm and number of labels.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    estimate = ["mean", "ci_low", "ci_high", "n_seeds"]
    gain = [f"difference_{name}" for name in estimate]
    writer.writerow(
        ["metric", "arm", "init", "adaptation", "num_labels", *estimate, "reference_arm", *gain]
    )
    for result in results:
        reference = result.reference.name if result.reference else ""
        for curve in result.curves:
            for point in curve.points:
                arm, value, other = curve.arm, point.value, point.difference
                writer.writerow(
                    [result.metric, arm.name, arm.init, arm.adaptation, point.num_labels]
                    + [value.mean, value.ci_low, value.ci_high, value.n_seeds, reference]
                    + (
                        [other.mean, other.ci_low, other.ci_high, other.n_seeds]
                        if other
                        else [""] * 4
                    )
                )
    return text.getvalue().encode()


def _against(result: LabelEfficiency) -> str:
    return f"difference to {result.reference.label}" if result.reference else "difference"


def _row(curve: Curve, point: Point, result: LabelEfficiency) -> list[object]:
    gain, is_reference = point.difference, curve.arm == result.reference
    return [
        curve.arm.label,
        point.num_labels,
        ranged(point.value),
        point.value.n_seeds,
        signed(gain) if gain else "reference" if is_reference else "",
        judgement(gain) if gain else "",
    ]


def _picture(result: LabelEfficiency) -> str:
    return page.image(
        svg(curve_figure(result)),
        kind="svg+xml",
        description=f"{METRIC_NAMES[result.metric]} of each method against the number of labelled "
        "patients, with intervals; the table below has the figures.",
    )


def _details(sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    items = "".join(f"<li>{page.escape(text)}</li>" for text in sentences)
    return page.folded(f"{len(sentences)} sentences", f"<ul>{items}</ul>")


def _other(result: LabelEfficiency) -> str:
    return page.folded(METRIC_NAMES[result.metric], _picture(result) + results_table(result))


def _grounds(given: Circumstances) -> list[Section]:
    sheet = (
        page.image(
            given.contact_sheet,
            kind="png",
            description="Original slices beside the views that the network was shown.",
        )
        if given.contact_sheet
        else ""
    )
    settings = page.preformatted(given.settings) if given.settings else ""
    commands = page.preformatted("\n".join(given.commands)) if given.commands else ""
    return [
        Section("Views the network was shown", page.paragraphs(given.audit) + sheet),
        Section("What data went in", page.pairs(given.counts)),
        Section("Settings", page.folded("all settings", settings) if settings else ""),
        Section("How to get this page again", commands),
    ]
