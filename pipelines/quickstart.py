"""A small invented hospital, from DICOM files on disk to a label-efficiency curve in MLflow.

    python -m pipelines.quickstart            (or: make demo)

Everything lies under ``runs/quickstart/``: ``archive/``, ``store/``, ``audit/``, ``pretrain/``,
``study/``, ``report.html``, ``mlflow.db``. Called again it reuses what is finished; after a kill it
goes on. Each stage is the `medcl` command printed above it.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from medcl.cli.output import Output
from medcl.config.audit import AuditConfig
from medcl.config.loading import load
from medcl.config.pretrain import PretrainConfig
from medcl.config.study import StudyConfig
from medcl.errors import MedclError
from medcl.ingest.identity import Keyring
from medcl.stages import audit, ingest, labels, pretrain, report, study
from medcl.stages.summary import StageSummary
from medcl.store.store import Store
from pipelines.synthetic_hospital.archive import write_hospital

HOME = Path("runs/quickstart")
CONFIGS = Path("configs/quickstart")
PATIENTS, SEED = 128, 0
LABEL_SET = "horseshoe"


def main() -> int:
    """Run all stages.

    Returns:
        0 when the report is there, 130 when it was asked to stop, else the exit status of the stage
        that stopped.
    """
    output = Output(people=sys.stdout, machines=None)
    started = time.monotonic()
    try:
        figures = _run(output)
    except MedclError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    _say_where(figures, minutes=(time.monotonic() - started) / 60)
    return 0


def _run(output: Output) -> StageSummary:
    archive, store, key_file = HOME / "archive", HOME / "store", HOME / "secret.key"
    with _step(f"an invented hospital of {PATIENTS} patients, as DICOM files → {archive}"):
        _write_hospital()
    with _step(f"medcl keys new {key_file}"):
        if not key_file.exists():
            Keyring.create(key_file)
    _stage(
        output,
        f"medcl ingest {archive} --store {store} --key-file {key_file}",
        lambda: ingest.run([archive], store=store, key_file=key_file, progress=output.progress),
    )
    labels_csv = HOME / "labels.csv"
    _stage(
        output,
        f"medcl labels add {labels_csv} --store {store} --name {LABEL_SET} --key-file {key_file}",
        lambda: labels.add(
            labels_csv,
            store=store,
            name=LABEL_SET,
            key_file=key_file,
            source=None,
            splits=None,
            progress=output.progress,
        ),
    )
    config = CONFIGS / "audit.yaml"
    views = load(config, AuditConfig)
    _stage(output, f"medcl audit {config}", lambda: audit.run(views, progress=output.progress))
    config = CONFIGS / "pretrain.yaml"
    training = load(config, PretrainConfig)
    _stage(
        output, f"medcl pretrain {config}", lambda: pretrain.run(training, progress=output.progress)
    )
    config = CONFIGS / "study.yaml"
    curves = load(config, StudyConfig)
    _bring_views(views.runs / views.name, curves.runs / curves.name)
    found = _stage(
        output, f"medcl study {config}", lambda: study.run(curves, progress=output.progress)
    )
    shutil.copyfile(curves.runs / curves.name / report.PAGE, HOME / "report.html")
    return found


def _write_hospital() -> None:
    """Write archive and labels in one piece: a killed writer leaves none of it."""
    if (HOME / "labels.csv").exists():
        return
    beside = HOME / ".hospital.part"
    shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(HOME / "archive", ignore_errors=True)
    write_hospital(beside, patients=PATIENTS, seed=SEED)
    (beside / "archive").rename(HOME / "archive")
    (beside / "labels.csv").rename(HOME / "labels.csv")
    beside.rmdir()


def _bring_views(views: Path, curves: Path) -> None:
    """Put the contact sheet and the audit's sentences where the report finds them."""
    curves.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(views / audit.CONTACT_SHEET, curves / report.CONTACT_SHEET)
    shutil.copyfile(views / audit.SENTENCES, curves / report.AUDIT)


def _stage(output: Output, command: str, work: Callable[[], StageSummary]) -> StageSummary:
    with _step(command):
        summary = work()
        output.finish(summary)
    return summary


@contextmanager
def _step(title: str) -> Iterator[None]:
    print(f"\n=== {title}", flush=True)
    started = time.monotonic()
    yield
    print(f"({time.monotonic() - started:.0f} s)", flush=True)


def _say_where(summary: StageSummary, *, minutes: float) -> None:
    counts = Store.open(HOME / "store").counts()
    accepted, refused = counts.accepted.files, counts.refused.files
    print(f"\n=== done in {minutes:.1f} min")
    print(f"{counts.discovered.files} files = {accepted} accepted + {refused} refused")
    for sentence in summary.notes:
        print(sentence)
    print(f"\nReport:  {HOME / 'report.html'}")
    print(f"Audit:   {HOME / 'audit' / audit.PAGE}")
    if summary.next_command:
        print(f"MLflow:  .venv/bin/{summary.next_command}")
        print("         then open http://127.0.0.1:5000, experiment quickstart/label-efficiency")


if __name__ == "__main__":
    if len(sys.argv) > 1:  # somebody who asks what this is does not want minutes of it
        print(__doc__)
        raise SystemExit(0 if sys.argv[1:] in (["--help"], ["-h"]) else 2)
    raise SystemExit(main())
