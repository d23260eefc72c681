"""`medcl study`: inits x label counts x seeds → stored scores, curves, report."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from pathlib import Path

from medcl.augment.policy import Policy
from medcl.build.policies import policy_of
from medcl.build.studies import bench_of, labelled_split
from medcl.config.study import StudyConfig
from medcl.config.writing import plain, write
from medcl.encoders.interface import Encoder
from medcl.errors import MedclError
from medcl.fanout.executors import executor
from medcl.runtime.files import write_json
from medcl.stages import report
from medcl.stages.encoders import checksum, require_safe_labelled, require_same_input, take_up
from medcl.stages.progress import ProgressSink
from medcl.stages.run_folder import RunFolder
from medcl.stages.summary import StageSummary
from medcl.store.store import Store
from medcl.study.bench import Bench
from medcl.study.cells import Arm, Cell, grid
from medcl.study.run import Outcome, run_grid
from medcl.study.scores import CaseTable
from medcl.study.split import Split
from medcl.study.subsets import check_counts


def run(config: StudyConfig, *, progress: ProgressSink) -> StageSummary:
    """Run every cell that is not finished, then draw the curves.

    Args:
        config: Settings.
        progress: Shows how far it is.

    Returns:
        The figures and where the report is.

    Raises:
        MedclError: Cells failed; the others are kept, and the same command runs these again.
    """
    store = Store.open(config.store)
    policy = policy_of(config.policy)
    split = labelled_split(store, config)
    require_safe_labelled(
        policy,
        task=config.task,
        store=store,
        split=split,
        accept_unknown=config.accept_unknown,
    )
    check_counts(
        split.train,
        config.label_counts,
        min_per_class=config.min_per_class,
        seeds=config.seeds,
    )
    _encoders(config, store, policy, split)
    folder = _opened(config, store, split)
    cells = grid(
        [Arm(arm.init, arm.adaptation) for arm in config.arms], config.label_counts, config.seeds
    )
    with (
        _executor(config) as pool,
        progress.task("Cells", total=len(cells), unit="cells") as advance,
    ):

        def settled(outcome: Outcome) -> None:
            advance(1, last=f"{outcome.cell.name} {outcome.status}")

        outcomes = run_grid(
            cells,
            partial(run_cell, config),
            executor=pool,
            folder=folder / report.SCORES,
            inputs=partial(_inputs, config, store),
            on_done=settled,
        )
    _require_all(outcomes)
    return report.run(folder, progress=progress)


def run_cell(config: StudyConfig, cell: Cell) -> CaseTable:
    """Run one cell; in workers too.

    Args:
        config: Settings of the study.
        cell: What to run.

    Returns:
        One case per test volume.
    """
    return _bench(config.model_dump_json()).run(cell).cases


@lru_cache(maxsize=1)
def _bench(settings: str) -> Bench:
    """Return the bench of a study, once per process: it remembers features."""
    config = StudyConfig.model_validate_json(settings)
    store = Store.open(config.store)
    split = labelled_split(store, config)
    encoders = _encoders(config, store, policy_of(config.policy), split)
    return bench_of(config, store=store, split=split, encoders=encoders)


def _encoders(
    config: StudyConfig, store: Store, policy: Policy, split: Split
) -> Mapping[str, Encoder]:
    """Return the pretrained encoders, each checked against task, input, and test patients."""
    tested = {volume.patient_key for volume in split.test}
    encoders = {}
    for name, folder in config.encoders.items():
        delivered = take_up(
            folder,
            task=config.task,
            test_patients=tested,
            key_fingerprint=store.key_fingerprint,
            accept_unknown=config.accept_unknown,
        )
        require_same_input(delivered, policy)
        encoders[name] = delivered.encoder
    return encoders


def _inputs(config: StudyConfig, store: Store, cell: Cell) -> dict[str, object]:
    """Return everything that decides a cell's result: other arms, counts and seeds do not."""
    shared = plain(config)
    names = ("cohort", "label_set", "kind", "task", "test", "architecture", "policy")
    inputs = {name: shared[name] for name in (*names, "min_per_class")}
    adaptation = "probe" if cell.arm.adaptation in {"probe", "voxels"} else "finetune"
    encoder = config.encoders.get(cell.arm.init)
    return {
        **inputs,
        adaptation: shared[adaptation],
        "labels": store.label_digest(config.label_set),
        "store": store.digest,
        "encoder": checksum(encoder) if encoder else None,
    }


def _opened(config: StudyConfig, store: Store, split: Split) -> Path:
    """Return the folder of the study with its papers; its cells may be of an earlier call."""
    inputs = {"label_set": config.label_set, "kind": config.kind}
    folder = RunFolder.open(config.runs / config.name, stage="study", inputs=inputs).folder
    (folder / report.SCORES).mkdir(exist_ok=True)
    write(config, folder / "settings.yaml")
    write_json(folder / report.PAPERS, _papers(config, store, split))
    return folder


def _papers(config: StudyConfig, store: Store, split: Split) -> dict[str, object]:
    """Return what the report tells about the data: counts and hashes only."""
    sides = {"train": split.train, "test": split.test}
    return {
        "name": config.name,
        "kind": config.kind,
        "label_set": config.label_set,
        "task": config.task,
        "policy": policy_of(config.policy).hash,
        "store": store.digest,
        "data": {
            side: {
                "volumes": len(volumes),
                "patients": len({volume.patient_key for volume in volumes}),
                "classes": {
                    str(target): count
                    for target, count in sorted(
                        Counter(v.target for v in volumes if v.target is not None).items()
                    )
                },
            }
            for side, volumes in sides.items()
        },
        "settings": plain(config),
        "cells": [
            cell.name
            for cell in grid(
                [Arm(arm.init, arm.adaptation) for arm in config.arms],
                config.label_counts,
                config.seeds,
            )
        ],
    }


def _executor(config: StudyConfig) -> AbstractContextManager[Executor]:
    machine = config.machine
    where = machine.scheduler or ("local" if machine.workers > 1 else "serial")
    return executor(where, workers=machine.workers)


def _require_all(outcomes: list[Outcome]) -> None:
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if failed:
        first = failed[0]
        raise MedclError(
            f"All {len(outcomes)} cells must finish; {len(failed)} did not, such as "
            f"{first.cell.name}: {first.reason} The others are kept; "
            f"once the cause is mended, the same command runs only what is missing."
        )
