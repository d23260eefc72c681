"""A study in MLflow: one run per curve, one per cell, one summary; made anew at every rebuild.

The curve runs are what a reviewer opens: their metrics have ``step = number of labelled patients``,
so the stock line chart of the experiment ``<project>/label-efficiency`` is the label-efficiency
curve. Everything is a pure function of the stored scores: a rebuild makes new runs and then deletes
the old ones, so no step is ever there twice.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcl.study.cells import Arm
from medcl.study.curves import Curve, LabelEfficiency
from medcl.study.interval import Estimate
from medcl.study.scores import Scored
from medcl.study.weighted import Metric, metric_of
from medcl.tracking.place import interface
from medcl.tracking.tracker import Measurement, Tracker, tag_value

CURVES = "label-efficiency"
CELLS = "finetune"


def log_curves(tracker: Tracker, results: Sequence[LabelEfficiency], *, study: str) -> list[str]:
    """Make one run per arm, with every metric's mean, interval and gain by number of labels.

    Metrics are ``label_efficiency/<metric>_mean``, ``_ci_low``, ``_ci_high``,
    ``_gain_vs_<reference arm>`` (with its interval), such as ``auc_gain_vs_scratch_finetune``, and
    ``label_efficiency/n_seeds``. Gains over different references are different metrics, so they
    never share a chart. The reference stands in each run's tags and params too.

    Args:
        tracker: Where to.
        results: One per metric, of the same arms.
        study: Name that a rebuild finds its old runs by.

    Returns:
        The new runs' ids.
    """
    experiment = tracker.experiment(CURVES)
    tags = {"kind": "curve", "study": tag_value(study)}
    old = tracker.find(experiment, **tags)
    against = _reference_entry(results[0].reference)
    now = int(time.time() * 1000)
    run_ids = []
    for arm in [curve.arm for curve in results[0].curves]:
        own = [(r, curve) for r in results for curve in r.curves if curve.arm == arm]
        named = _prefixed({**tags, "arm": arm.name, **against})
        with tracker.run(experiment, arm.label, named) as run_id:
            tracker.log(
                run_id,
                [m for result, curve in own for m in _of_curve(result, curve, now)],
                params={"init": arm.init, "adaptation": arm.adaptation, "study": study, **against},
            )
        run_ids.append(run_id)
    _delete(tracker, old)
    return run_ids


@dataclass(frozen=True, slots=True)
class Shown:
    """Where the curves are to be seen.

    Attributes:
        address: Of the charts, or where MLflow has no pages that medcl knows, the place's name.
        command: What to type so that it answers; ``None`` where a server runs already.
    """

    address: str
    command: str | None


def charts(tracker: Tracker) -> Shown:
    """Return where the curves are, without any secret that the tracking URI holds.

    The address opens them as charts; MLflow's interface may else open on its pages for language
    models.
    """
    address, command = interface(tracker.uri)
    experiment = tracker.experiment(CURVES)
    link = f"/#/experiments/{experiment}/runs?workflowType=machine_learning&compareRunsMode=CHART"
    return Shown(address + link if address.startswith("http") else address, command)


def log_cells(tracker: Tracker, scores: Sequence[Scored], *, study: str) -> int:
    """Make one parent run for the study and one child per cell; a known cell is left alone.

    Args:
        tracker: Where to.
        scores: Finished cells.
        study: Name of the study.

    Returns:
        Number of new children.
    """
    experiment = tracker.experiment(CELLS)
    name = tag_value(study)
    parents = tracker.find(experiment, kind="study", study=name)
    parent = str(parents[0].info.run_id) if parents else None
    current = {f"{scored.cell.name} {scored.fingerprint}": scored for scored in scores}
    known: set[str] = set()
    stale = []
    for child in tracker.find(experiment, kind="cell", study=name):
        mark = child.data.tags.get("medcl.cell")
        # One that was stopped half-way lacks its figures.
        if mark in current and mark not in known and child.info.status == "FINISHED":
            known.add(mark)
        else:
            stale.append(child)
    _delete(tracker, stale)
    new = {mark: scored for mark, scored in current.items() if mark not in known}
    of_study = _prefixed({"kind": "study", "study": name})
    with tracker.run(experiment, study, of_study, known=parent) as run_id:
        for mark, scored in new.items():
            _log_cell(tracker, experiment, scored, run_id, {"study": name, "cell": mark})
    return len(new)


def log_summary(
    tracker: Tracker,
    *,
    study: str,
    description: str,
    attachments: Mapping[str, bytes],
    params: Mapping[str, object],
    digest: str,
    reference: Arm | None,
) -> str:
    """Make the run that a reviewer reads first.

    Args:
        tracker: Where to.
        study: Name of the study.
        description: Markdown, shown at the top of the run.
        attachments: Files by name: figure, report, tables.
        params: Settings and counts; never a path.
        digest: Of the store that went in; the dataset is named by it alone.
        reference: The arm that others were compared with; ``None`` where it was not run.

    Returns:
        The run's id.
    """
    from mlflow.entities import Dataset, DatasetInput

    experiment = tracker.experiment(CURVES)
    tags = {"kind": "summary", "study": tag_value(study)}
    old = tracker.find(experiment, **tags)
    against = _reference_entry(reference)
    note = {**_prefixed({**tags, **against}), "mlflow.note.content": description[:8000]}
    dataset = Dataset(
        name="medcl store", digest=digest[:36], source_type="medcl", source='{"kind": "store"}'
    )
    with (
        tracker.run(experiment, f"summary: {study}", note) as run_id,
        tempfile.TemporaryDirectory() as folder,
    ):
        tracker.log(run_id, params={**params, **against})
        tracker.client.log_inputs(run_id, datasets=[DatasetInput(dataset, [])])
        for name, content in attachments.items():
            path = Path(folder) / Path(name).name
            path.write_bytes(content)
            tracker.client.log_artifact(run_id, str(path))
    _delete(tracker, old)
    return run_id


def _log_cell(
    tracker: Tracker, experiment: str, scored: Scored, parent: str, tags: Mapping[str, str]
) -> None:
    cell, cases = scored.cell, scored.cases
    named = _prefixed({"kind": "cell", **tags}) | {"mlflow.parentRunId": parent}
    metrics: list[Metric] = (
        ["dice"] if cases.targets is None else ["auc", "balanced_accuracy", "average_precision"]
    )
    now = int(time.time() * 1000)
    with tracker.run(experiment, cell.name, named) as run_id:
        tracker.log(
            run_id,
            [
                Measurement(
                    f"test/{name}",
                    metric_of(name, cases.values, cases.targets),
                    cell.num_labels,
                    now,
                )
                for name in metrics
            ],
            params={
                "init": cell.arm.init,
                "adaptation": cell.arm.adaptation,
                "num_labels": cell.num_labels,
                "seed": cell.seed,
                "test_cases": len(cases.keys),
            },
        )


def _of_curve(result: LabelEfficiency, curve: Curve, time_ms: int) -> list[Measurement]:
    metric, found = result.metric, []
    for point in curve.points:
        values = {f"{metric}_{name}": value for name, value in _named(point.value).items()}
        values["n_seeds"] = float(point.value.n_seeds)
        if point.difference is not None and result.reference is not None:
            gain, arm = point.difference, result.reference
            name = f"{metric}_gain_vs_{arm.init}_{arm.adaptation}"
            values[name] = gain.mean
            values[f"{name}_ci_low"] = gain.ci_low
            values[f"{name}_ci_high"] = gain.ci_high
        found += [
            Measurement(f"label_efficiency/{name}", value, point.num_labels, time_ms)
            for name, value in values.items()
        ]
    return found


def _reference_entry(reference: Arm | None) -> dict[str, str]:
    return {"reference_arm": reference.name} if reference else {}


def _named(estimate: Estimate) -> dict[str, float]:
    return {"mean": estimate.mean, "ci_low": estimate.ci_low, "ci_high": estimate.ci_high}


def _prefixed(tags: Mapping[str, str]) -> dict[str, str]:
    return {f"medcl.{name}": value for name, value in tags.items()}


def _delete(tracker: Tracker, runs: Sequence[Any]) -> None:
    for run in runs:
        tracker.client.delete_run(run.info.run_id)
