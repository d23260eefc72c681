"""`medcl finetune`: encoder + labels → one tracked model with its scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from safetensors.torch import save

from medcl.build.policies import policy_of
from medcl.build.studies import bench_of, labelled_split
from medcl.config.finetune import FinetuneConfig
from medcl.config.writing import plain, write
from medcl.encoders.interface import Encoder
from medcl.runtime.files import write_bytes, write_json
from medcl.stages.encoders import checksum, require_safe_labelled, require_same_input, take_up
from medcl.stages.progress import ProgressSink
from medcl.stages.run_folder import RunFolder
from medcl.stages.summary import Figure, StageSummary, Written
from medcl.store.store import Store
from medcl.study.bench import Adapted, Bench
from medcl.study.cells import SCRATCH, Arm, Cell
from medcl.study.scores import CaseTable, Scored, write_scores
from medcl.study.split import Split
from medcl.study.subsets import check_counts
from medcl.study.weighted import Metric, metric_of
from medcl.tracking.after_work import sentence_if_missed
from medcl.tracking.tracker import Tracker
from medcl.tracking.training_runs import TrainingRun, has_all, sync_events
from medcl.training.events import EventLog

INIT = "pretrained"
WEIGHTS = "model.safetensors"
PAPERS = "model.json"
SCORES = "scores"


def run(config: FinetuneConfig, *, progress: ProgressSink) -> StageSummary:
    """Adapt one encoder to one label set and measure it on patients set aside.

    Args:
        config: Settings.
        progress: Shows how far it is.

    Returns:
        The metrics and where the model is.
    """
    store = Store.open(config.store)
    split = labelled_split(store, config)
    require_safe_labelled(
        policy_of(config.policy),
        task=config.task,
        store=store,
        split=split,
        accept_unknown=config.accept_unknown,
    )
    count = config.num_labels or len({volume.patient_key for volume in split.train})
    check_counts(split.train, [count])
    encoders = _encoders(config, store, split)
    inputs = {
        "settings": _deciding(config),
        "store": store.digest,
        "labels": store.label_digest(config.label_set),
        "encoder": checksum(config.encoder) if config.encoder else None,
    }
    run_folder = RunFolder.open(config.runs / config.name, stage="finetune", inputs=inputs)
    if (found := run_folder.finished()) is not None:
        figures = cast("dict[str, Figure]", found)
        missed = _track(run_folder.folder, config, figures)
        note = "This model is finished already; nothing was done."
        return _summary(run_folder.folder, figures, note, *missed)
    write(config, run_folder.folder / "settings.yaml")
    bench = bench_of(config, store=store, split=split, encoders=encoders)
    cell = Cell(Arm(INIT if encoders else SCRATCH, config.adaptation), count, config.seed)
    with progress.task("Adapting", total=1, unit="model") as advance:
        adapted = bench.run(cell)
        advance()
    figures = _figures(adapted.cases, cell)
    _keep(run_folder.folder, config, bench, cell, adapted, run_folder.fingerprint)
    run_folder.finish(figures)
    return _summary(run_folder.folder, figures, *_track(run_folder.folder, config, figures))


def _encoders(config: FinetuneConfig, store: Store, split: Split) -> Mapping[str, Encoder]:
    if config.encoder is None:
        return {}
    delivered = take_up(
        config.encoder,
        task=config.task,
        test_patients={volume.patient_key for volume in split.test},
        key_fingerprint=store.key_fingerprint,
        accept_unknown=config.accept_unknown,
    )
    require_same_input(delivered, policy_of(config.policy))
    return {INIT: delivered.encoder}


def _deciding(config: FinetuneConfig) -> dict[str, object]:
    return {
        name: value
        for name, value in plain(config).items()
        if name not in {"name", "store", "runs", "encoder", "machine", "tracking"}
    }


def _keep(
    folder: Path,
    config: FinetuneConfig,
    bench: Bench,
    cell: Cell,
    adapted: Adapted,
    fingerprint: str,
) -> None:
    (folder / SCORES).mkdir(exist_ok=True)
    write_scores(folder / SCORES, Scored(cell, adapted.cases, fingerprint))
    weights = {name: value.contiguous() for name, value in adapted.weights.items()}
    write_bytes(folder / WEIGHTS, save(weights))
    write_json(
        folder / PAPERS,
        {
            "kind": config.kind,
            "task": config.task,
            "adaptation": config.adaptation,
            "num_classes": bench.num_classes,
            "num_labels": cell.num_labels,
            "encoder": bench.encoder_of(cell.arm.init, cell.seed).description,
            "policy": bench.policy.to_json(),
        },
    )
    with EventLog(folder / "events.jsonl") as events:
        for step, loss in enumerate(adapted.losses, start=1):
            if step % 10 == 0 or step == len(adapted.losses):
                events.write("step", step=step, loss=loss)


def _track(folder: Path, config: FinetuneConfig, figures: Mapping[str, Figure]) -> list[str]:
    events = folder / "events.jsonl"
    if not config.tracking.enabled or has_all(events):
        return []
    tracker = Tracker.open(config.runs, project=config.tracking.experiment)
    params = {**_deciding(config), "result": dict(figures)}
    run = TrainingRun(name=config.name, subject="finetune", params=params)
    return sentence_if_missed(
        lambda: sync_events(events, tracker=tracker, run=run), again="The same command"
    )


def _figures(cases: CaseTable, cell: Cell) -> dict[str, Figure]:
    metrics: list[Metric] = (
        ["dice"] if cases.targets is None else ["auc", "balanced_accuracy", "average_precision"]
    )
    measured: dict[str, Figure] = {
        name: round(metric_of(name, cases.values, cases.targets), 4) for name in metrics
    }
    return {
        **measured,
        "labelled_patients": cell.num_labels,
        "test_patients": len(set(cases.patient_keys)),
        "test_volumes": len(cases.keys),
    }


def _summary(folder: Path, figures: dict[str, Figure], *notes: str) -> StageSummary:
    return StageSummary(
        stage="finetune",
        figures=figures,
        notes=notes,
        written=[
            Written("model", folder / WEIGHTS),
            Written("papers", folder / PAPERS),
            Written("scores", folder / SCORES),
        ],
    )
