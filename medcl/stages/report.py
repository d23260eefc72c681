"""`medcl report`: stored scores of a study → curves, page, tables, MLflow; a pure rebuild."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import medcl
from medcl.errors import InputError
from medcl.report.figures import curve_figure, png
from medcl.report.study_page import Circumstances, csv_table, markdown_summary, study_page
from medcl.runtime.files import write_bytes
from medcl.stages.progress import ProgressSink
from medcl.stages.summary import Figure, StageSummary, Table, Written
from medcl.study.cells import Arm, arm_named, usual_reference
from medcl.study.curves import LabelEfficiency, label_efficiency
from medcl.study.scores import Scored, load_scores
from medcl.study.verdict import METRIC_NAMES, ranged, signed, verdict
from medcl.study.weighted import Metric
from medcl.tracking.after_work import sentence_if_missed
from medcl.tracking.study_runs import Shown, charts, log_cells, log_curves, log_summary
from medcl.tracking.tracker import Tracker

SCORES = "scores"
PAPERS = "study.json"
CONTACT_SHEET = "contact_sheet.png"
AUDIT = "audit.txt"
PAGE = "report.html"
FIGURE = "label_efficiency.png"
TABLE = "label_efficiency.csv"

_METRICS: Mapping[str, Sequence[Metric]] = {
    "classification": ("auc", "balanced_accuracy", "average_precision"),
    "segmentation": ("dice",),
}


def run(folder: Path, *, progress: ProgressSink) -> StageSummary:
    """Rebuild everything that is shown of a study from its stored scores.

    Args:
        folder: Of a study.
        progress: Shows how far it is.

    Returns:
        The curves as a table, the verdict, and where the page is.
    """
    papers = _papers(folder)
    scores = _scores(folder, papers)
    bootstrap = papers["settings"]["bootstrap"]
    metrics = _METRICS[papers["kind"]]
    reference = _reference(papers["settings"], scores)
    with progress.task("Curves", total=len(metrics), unit="metrics") as advance:
        results = []
        for metric in metrics:
            results.append(
                label_efficiency(
                    scores,
                    metric=metric,
                    reference=reference,
                    resamples=bootstrap["resamples"],
                    level=bootstrap["confidence"],
                )
            )
            advance()
    content = study_page(
        title=f"Label efficiency: {papers['label_set']}",
        results=results,
        circumstances=_circumstances(folder, papers, results[0]),
    ).encode()
    made = {
        PAGE: content,
        FIGURE: png(curve_figure(results[0])),
        TABLE: csv_table(results),
    }
    for name, data in made.items():
        write_bytes(folder / name, data)
    with progress.task("MLflow", total=1, unit="study") as advance:
        shown, missed = _track(folder, papers, scores, results, made)
        advance()
    return _summary(folder, results, shown, missed)


def _papers(folder: Path) -> dict[str, Any]:
    try:
        papers = json.loads((folder / PAPERS).read_text())
    except (OSError, ValueError):
        papers = None
    if not isinstance(papers, dict):
        raise InputError(f"The folder of a study must hold {PAPERS}; it is missing or damaged.")
    return papers


def _scores(folder: Path, papers: Mapping[str, Any]) -> list[Scored]:
    """Return the cells the study asks for; cells of an earlier, larger grid are left aside.

    Raises:
        InputError: None of them is finished.
    """
    asked = set(papers["cells"])
    scores = [scored for scored in load_scores(folder / SCORES) if scored.cell.name in asked]
    if not scores:
        raise InputError(f"None of the study's {len(asked)} cells is finished; run the study.")
    return scores


def _reference(settings: Mapping[str, Any], scores: Sequence[Scored]) -> Arm | None:
    """Return the arm that the settings name, else the usual one of those that were run.

    Raises:
        RequestError: The settings name an arm that they do not have.
    """
    chosen = settings.get("reference_arm")  # papers of before know no such setting
    if chosen is None:
        return usual_reference(scored.cell.arm for scored in scores)
    return arm_named(chosen, (Arm(arm["init"], arm["adaptation"]) for arm in settings["arms"]))


def _circumstances(folder: Path, papers: Mapping[str, Any], main: LabelEfficiency) -> Circumstances:
    sheet, audit = folder / CONTACT_SHEET, folder / AUDIT
    return Circumstances(
        counts=_counts(papers),
        audit=audit.read_text().splitlines() if audit.exists() else (),
        contact_sheet=sheet.read_bytes() if sheet.exists() else b"",
        settings=json.dumps(shown_settings(papers["settings"]), indent=2, sort_keys=True),
        commands=("medcl study settings.yaml", f"medcl report {folder.name}"),
        failures=_failures(folder, papers, main),
        footer=(
            f"medcl {medcl.__version__}; store {papers['store'][:12]}; "
            f"policy {papers['policy'][:12]}; no value of a patient stands on this page."
        ),
    )


def _failures(folder: Path, papers: Mapping[str, Any], main: LabelEfficiency) -> list[str]:
    missing = len(papers["cells"]) - len(list((folder / SCORES).glob("*.parquet")))
    found = [f"{missing} cells are not finished."] if missing > 0 else []
    chosen = papers["settings"].get("reference_arm")
    if chosen is not None and main.reference is None:
        found.append(
            f"No cell of the reference arm {chosen} is finished: nothing is compared with it."
        )
    return found


def _counts(papers: Mapping[str, Any]) -> dict[str, int | str]:
    counts: dict[str, int | str] = {"label set": papers["label_set"], "task": papers["task"]}
    for side, words in (("train", "to learn from"), ("test", "tested")):
        found = papers["data"][side]
        counts[f"patients {words}"] = found["patients"]
        counts[f"volumes {words}"] = found["volumes"]
        for target, number in found["classes"].items():
            counts[f"volumes {words}, class {target}"] = number
    return counts


def shown_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without any path: folders may bear names."""
    shown = {name: value for name, value in settings.items() if name not in {"store", "runs"}}
    shown["encoders"] = sorted(settings.get("encoders", ()))
    return shown


def _track(
    folder: Path,
    papers: Mapping[str, Any],
    scores: Sequence[Scored],
    results: Sequence[LabelEfficiency],
    made: Mapping[str, bytes],
) -> tuple[Shown | None, list[str]]:
    """Send a study to MLflow.

    Returns:
        Where its chart is, or else a sentence why it is not there.
    """
    settings = papers["settings"]["tracking"]
    if not settings["enabled"]:
        return None, []
    tracker = Tracker.open(folder.parent, project=settings["experiment"])
    name = papers["name"]
    shown: Shown | None = None

    def send() -> None:
        nonlocal shown
        log_cells(tracker, scores, study=name)
        log_curves(tracker, results, study=name)
        log_summary(
            tracker,
            study=name,
            description=markdown_summary(results[0]),
            attachments=made,
            params={"data": papers["data"], "settings": shown_settings(papers["settings"])},
            digest=papers["store"],
            reference=results[0].reference,
        )
        shown = charts(tracker)

    missed = sentence_if_missed(send, again=f"`medcl report {folder}`")
    return shown, missed


def _summary(
    folder: Path, results: Sequence[LabelEfficiency], shown: Shown | None, missed: Sequence[str]
) -> StageSummary:
    main = results[0]
    rows: list[tuple[Figure, ...]] = [
        (
            curve.arm.name,
            point.num_labels,
            ranged(point.value),
            signed(point.difference)
            if point.difference
            else ("reference" if curve.arm == main.reference else "-"),
            point.value.n_seeds,
        )
        for curve in main.curves
        for point in curve.points
    ]
    figures: dict[str, Figure] = {
        "metric": main.metric,
        "test_patients": main.num_patients,
        "reference_arm": main.reference.name if main.reference else None,
    }
    for curve in main.curves:
        for point in curve.points:
            name = f"{curve.arm.name}_n{point.num_labels}"
            figures[name] = round(point.value.mean, 4)
            if (gain := point.difference) is not None:
                figures[f"{name}_gain"] = round(gain.mean, 4)
                figures[f"{name}_gain_ci_low"] = round(gain.ci_low, 4)
                figures[f"{name}_gain_ci_high"] = round(gain.ci_high, 4)
    against = f"difference to {main.reference.name}" if main.reference else "difference"
    place = [f"In MLflow the curves are at {shown.address}"] if shown else []
    return StageSummary(
        stage="study",
        figures=figures,
        tables=[
            Table(
                ("arm", "labels", METRIC_NAMES[main.metric], against, "seeds"),
                rows,
                title="Label efficiency (mean over seeds, interval over seeds and test patients)",
            )
        ],
        notes=["", *verdict(main).headlines, *place, *missed],
        written=[
            Written("report", folder / PAGE),
            Written("figure", folder / FIGURE),
            Written("table", folder / TABLE),
        ],
        next_command=shown.command if shown else None,
    )
