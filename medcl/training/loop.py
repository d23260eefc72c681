"""Pretraining: views of each volume, one step, say how it goes, save now and then."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric

from medcl.augment.policy import Policy
from medcl.methods.contrastive import ContrastiveMethod
from medcl.runtime.stopping import stop_requests
from medcl.store.ledger import Ledger
from medcl.store.rows import VolumeRow
from medcl.training import checkpoint as checkpoints
from medcl.training.batches import NUM_GLOBAL_VIEWS, BatchReader
from medcl.training.checkpoint import Origin
from medcl.training.cohort import Cohort
from medcl.training.diary import Diary, checkpoint_folder
from medcl.training.machine import launch
from medcl.training.pair_count import PairCount
from medcl.training.progress import Report, silent
from medcl.training.recipe import Machine, Recipe
from medcl.training.sampler import PatientSampler, share
from medcl.training.stepping import Stepper


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainResult:
    """What came of a run; the weights are in the method that was passed in.

    Attributes:
        steps: Optimiser steps the weights have seen.
        interrupted: Whether it was asked to stop before its last step.
        resumed_from: Step it went on from; ``None`` if it began anew.
        metrics: ``loss`` and the method's signals at the last report; empty if no step was taken.
            Where the policy has partners, ``partner_share`` is the share of pairs that had one,
            over all steps of this call.
        seconds: Spent on steps in this process.
        views_per_s: In these seconds, over all processes.
        wait_share: Part of them spent waiting for data, in ``[0, 1]``.
        ledger_json: Which patients the encoder has seen.
    """

    steps: int
    interrupted: bool
    resumed_from: int | None
    metrics: dict[str, float]
    seconds: float
    views_per_s: float
    wait_share: float
    ledger_json: str


def pretrain(
    *,
    method: ContrastiveMethod,
    policy: Policy,
    cohort: Cohort,
    folder: Path,
    recipe: Recipe,
    machine: Machine | None = None,
    report: Report = silent,
) -> PretrainResult:
    """Train a method on pairs of views, or go on with a run that was stopped.

    Everything random is addressed by (seed, step), so a resumed run takes the very steps it would
    have taken. Asked to stop (SIGTERM, SIGUSR1, Ctrl-C) it finishes its step, saves and returns.

    Args:
        method: Encoder, projector, objective; trained in place.
        policy: How views are drawn.
        cohort: Volumes to learn from.
        folder: Of this run; gets ``checkpoints/`` and ``events.jsonl``.
        recipe: What decides the result.
        machine: Where and how fast to run.
        report: Called in the first process with the progress, every so many steps.

    Returns:
        What came of it.

    Raises:
        RequestError: The batch does not fit the patients or processes, or the last checkpoint
            cannot be written.
        CheckpointError: The folder holds another run.
        CorruptionError: No checkpoint of the folder is whole, or a volume is damaged.
        MedclError: The loss is no longer a number; the checkpoint before stays.
    """
    machine = machine or Machine()
    fabric = launch(machine)
    reader = BatchReader(
        store=cohort.store,
        policy=policy,
        lesions=cohort.lesions,
        sampler=PatientSampler(cohort.rows, batch_size=recipe.batch_size, seed=recipe.seed),
        rows=share(fabric.global_rank, fabric.world_size, batch_size=recipe.batch_size),
        seed=recipe.seed,
        workers=machine.workers,
        prefetch_steps=machine.prefetch_steps,
        lesion_set=recipe.lesion_set,
        device=fabric.device,
        kind=machine.reader_kind(fabric.device.type),
        cache_gib=machine.device_cache_gib,
        compiled=machine.compiles(fabric.device.type, voxels=_voxels(policy, recipe)),
    )
    saved = checkpoints.load_latest(checkpoint_folder(folder), device=torch.device("cpu"))
    origin = Origin(
        settings=_settings(method, recipe, cohort),
        catalogue_digest=_digest(cohort.rows),
        policy_hash=policy.hash,
        ledger_json=saved.origin.ledger_json if saved else _ledger(cohort).to_json(),
    )
    stepper = Stepper(method, recipe=recipe, origin=origin, fabric=fabric)
    if saved is not None:
        stepper.restore(saved)
    start = saved.step if saved else 0
    is_first = fabric.global_rank == 0
    pairs = PairCount(is_asked=policy.partner is not None and policy.partner.probability > 0)
    diary = Diary(folder, recipe=recipe, machine=machine, report=report, is_first=is_first)
    with (
        diary,
        _own_randomness(fabric.device),
        stop_requests() as stop,
        reader.batches(start, recipe.steps) as batches,
    ):
        diary.write("resumed" if saved else "started", step=start)
        done = start
        while done < recipe.steps and not _anyone(fabric, stop.is_set):
            with diary.meter.waiting():
                batch = next(batches)
            taken = stepper.take(batch)
            done += 1
            diary.meter.count_step()
            pairs.add(num_pairs=len(batch.rows), num_of_two=batch.num_of_two)
            if diary.is_report_due(done):
                values = taken.to_floats() | pairs.lap()
                diary.note(done, learning_rate=taken.learning_rate, values=values)
            if diary.is_save_due(done):
                diary.try_to_save(stepper.snapshot(done))
        if done > start:
            diary.save(stepper.snapshot(done))
        diary.write("finished" if done == recipe.steps else "interrupted", step=done)
    return _result(
        diary,
        recipe,
        pairs=pairs.total(fabric),
        done=done,
        resumed_from=saved.step if saved else None,
        ledger_json=origin.ledger_json,
        views_per_volume=NUM_GLOBAL_VIEWS + (policy.local.count if policy.local else 0),
    )


def _voxels(policy: Policy, recipe: Recipe) -> float:
    """Return how many voxels of views a whole run makes."""
    local = policy.local
    per_row = NUM_GLOBAL_VIEWS * math.prod(policy.grid.size_voxels) + (
        0 if local is None else local.count * math.prod(local.grid.size_voxels)
    )
    return float(recipe.steps * recipe.batch_size * per_row)


def _settings(method: ContrastiveMethod, recipe: Recipe, cohort: Cohort) -> dict[str, object]:
    """Return what decides the result, as JSON values, and who vouched for the views."""
    parts = {"encoder": method.encoder.description, "objective": repr(method.objective)}
    judged = {} if cohort.verdict is None else {"verdict": cohort.verdict.to_json()}
    return {**recipe.to_json(), **parts, **judged}


def _digest(rows: Sequence[VolumeRow]) -> str:
    """Return a hash of the selected volumes: a store may grow beside a run, but not under it."""
    lines = sorted(f"{row.key} {row.patient_key} {row.content_sha256}" for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _ledger(cohort: Cohort) -> Ledger:
    return Ledger.of(
        sorted({row.patient_key for row in cohort.rows}),
        key_fingerprint=cohort.store.key_fingerprint,
        store_digest=cohort.store.digest,
    )


@contextmanager
def _own_randomness(device: torch.device) -> Iterator[None]:
    """Leave torch's generators as they were: each step seeds them by its own address."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def _anyone(fabric: Fabric, is_set: bool) -> bool:
    """Return whether any process was asked to stop, so that all stop after the same step."""
    if fabric.world_size == 1:
        return is_set
    wishes = fabric.all_reduce(torch.tensor(float(is_set), device=fabric.device), reduce_op="sum")
    assert isinstance(wishes, torch.Tensor)
    return bool(wishes.item() > 0)


def _result(
    diary: Diary,
    recipe: Recipe,
    *,
    pairs: Mapping[str, float],
    done: int,
    resumed_from: int | None,
    ledger_json: str,
    views_per_volume: int,
) -> PretrainResult:
    total, latest = diary.meter.total(), diary.latest
    metrics = {"loss": latest.loss, **latest.metrics, **pairs} if latest else {}
    return PretrainResult(
        steps=done,
        interrupted=done < recipe.steps,
        resumed_from=resumed_from,
        metrics=metrics,
        seconds=total.seconds,
        views_per_s=total.steps_per_s * recipe.batch_size * views_per_volume,
        wait_share=total.wait_share,
        ledger_json=ledger_json,
    )
