"""`medcl pretrain`: store + policy + method → encoder folder, tracked run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from medcl.augment.checking import require_safe
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.build.cohorts import cohort_rows, held_out_patients
from medcl.build.networks import method_of, require_sizes
from medcl.build.policies import accepted_of, facts_of, policy_of, stored_modality
from medcl.build.recipes import machine_of, recipe_of
from medcl.config.pretrain import PretrainConfig
from medcl.config.writing import plain, write
from medcl.encoders.delivery import write_encoder
from medcl.errors import InputError, PolicyError
from medcl.methods.contrastive import ContrastiveMethod
from medcl.runtime.processes import is_first_process
from medcl.stages.progress import Advance, ProgressSink
from medcl.stages.run_folder import RunFolder, content_digest
from medcl.stages.summary import Figure, StageSummary, Written
from medcl.store.lesions import lesion_points
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.tracking.tracker import Tracker
from medcl.tracking.training_runs import TrackingSync, TrainingRun, has_all, log_training_run
from medcl.training.checkpoint import newest_step
from medcl.training.cohort import Cohort
from medcl.training.collapse import collapse_of
from medcl.training.diary import checkpoint_folder
from medcl.training.loop import PretrainResult, pretrain
from medcl.training.pair_count import SHARE, partners_told
from medcl.training.progress import Progress
from medcl.training.sampler import PatientSampler

ENCODER = "encoder"
"""Folder of the delivered encoder inside a run."""


def run(config: PretrainConfig, *, progress: ProgressSink) -> StageSummary:
    """Pretrain an encoder, go on with a run that was stopped, or find the finished one.

    Args:
        config: Settings.
        progress: Shows how far it is.

    Returns:
        Where the encoder is, and the last figures.

    Raises:
        InputError: No patient is left to train on.
        RequestError: Views are too small for the encoder, or the patients too few for a batch.
        PolicyError: Views keep off lesions, and no set of label maps says where they are.
    """
    store = Store.open(config.store)
    policy = policy_of(config.policy)
    if policy.keeps_off_lesions and config.training.lesion_set is None:
        raise PolicyError(
            "Cutout keeps off lesions, so training.lesion_set must name a set of label maps that"
            " marks them; none is named. Without one, off_lesion: false hides them too, which is"
            " safe only for tasks that no single lesion decides."
        )
    rows = cohort_rows(store, config.cohort, modality=stored_modality(policy))
    held_out = held_out_patients(store, config.hold_out)
    rows = [row for row in rows if row.patient_key not in held_out]
    if not rows:
        raise InputError("All volumes of the cohort belong to held-out patients; none is left.")
    marked = _marked(store, config)
    facts, accepted = facts_of(rows, with_lesions=marked), accepted_of(config.accept_unknown)
    verdict = require_safe(policy, TaskProfile(config.task), facts=facts, accepted=accepted)
    inputs = {"settings": deciding(config), "volumes": content_digest(rows), "policy": policy.hash}
    if config.training.lesion_set is not None:
        inputs["lesions"] = store.label_digest(config.training.lesion_set)
    method = method_of(
        encoder=config.encoder,
        head=config.projector,
        objective=config.objective,
        in_channels=rows[0].num_channels,
        seed=config.training.seed,
    )
    require_sizes(method.encoder, policy)
    # What cannot be trained leaves no folder: its name stays free for the settings that can.
    PatientSampler(rows, batch_size=config.training.batch_size, seed=config.training.seed)
    run_folder = RunFolder.open(config.runs / config.name, stage="pretrain", inputs=inputs)
    if (found := run_folder.finished()) is not None:
        figures = cast("dict[str, Figure]", found)
        _send_what_was_missed(config, run_folder.folder, rows)
        notes = ["This run is finished already; nothing was done.", *_told(figures)]
        return _summary(run_folder.folder, figures, notes)
    write(config, run_folder.folder / "settings.yaml")
    lesions = {}
    if config.training.lesion_set is not None and policy.keeps_lesions:
        lesions = lesion_points(store, config.training.lesion_set, rows)
    with (
        _tracked(config, run_folder.folder, rows) as sync,
        _reported(config, progress) as report,
    ):
        result = pretrain(
            method=method,
            policy=policy,
            cohort=Cohort(store=store, rows=rows, lesions=lesions, verdict=verdict),
            folder=run_folder.folder,
            recipe=recipe_of(config.training),
            machine=machine_of(config.machine),
            report=report,
        )
        if sync is not None:
            sync.was_stopped = result.interrupted
    figures = _figures(result, rows)
    if result.interrupted:
        notes = [f"Stopped after step {result.steps}; the same command goes on from there."]
        return _summary(run_folder.folder, figures, notes, is_finished=False)
    if is_first_process():
        preprocessing = {
            "policy": policy.to_json(),
            "task": config.task,
            "verdict": verdict.to_json(),
            "facts": facts.to_json(),
        }
        _deliver(run_folder.folder, config, method, policy, preprocessing, result, rows)
        run_folder.finish(figures)
    return _summary(run_folder.folder, figures, _told(figures))


def deciding(config: PretrainConfig) -> dict[str, object]:
    """Return the settings that decide the weights: neither names nor places nor machines."""
    return {
        name: value
        for name, value in plain(config).items()
        if name not in {"name", "store", "runs", "machine", "tracking"}
    }


def _marked(store: Store, config: PretrainConfig) -> set[str]:
    """Return the keys of volumes whose lesions are known."""
    if config.training.lesion_set is None:
        return set()
    return {found.key for found in store.label_maps(config.training.lesion_set)}


def _deliver(
    folder: Path,
    config: PretrainConfig,
    method: ContrastiveMethod,
    policy: Policy,
    preprocessing: Mapping[str, object],
    result: PretrainResult,
    rows: Sequence[VolumeRow],
) -> None:
    patients = len({row.patient_key for row in rows})
    used = "No label was used."
    if config.training.lesion_set is not None:
        used = "Lesion masks kept views off lesions; no other label was used."
    card = (
        f"Pretrained contrastively for {result.steps} steps on {len(rows)} {rows[0].modality} "
        f"volumes of {patients} patients, views by policy `{policy.name}`, for task profile "
        f"`{config.task}`. {' '.join([used, *_told(_figures(result, rows))])}"
    )
    write_encoder(
        folder / ENCODER,
        method.encoder,
        preprocessing=preprocessing,
        policy_hash=policy.hash,
        ledger_json=result.ledger_json,
        card=card,
    )


@contextmanager
def _tracked(
    config: PretrainConfig, folder: Path, rows: Sequence[VolumeRow]
) -> Iterator[TrackingSync | None]:
    """Follow a run in MLflow; nothing is yielded where it is not tracked by this process."""
    if not (config.tracking.enabled and is_first_process()):
        yield None
        return
    tracker = Tracker.open(config.runs, project=config.tracking.experiment)
    counts = {"volumes": len(rows), "patients": len({row.patient_key for row in rows})}
    run = TrainingRun(name=config.name, params={**deciding(config), "data": counts})
    with log_training_run(folder / "events.jsonl", tracker=tracker, run=run) as sync:
        yield sync


def _send_what_was_missed(config: PretrainConfig, folder: Path, rows: Sequence[VolumeRow]) -> None:
    """Send a run to MLflow that ended while MLflow was away."""
    if not has_all(folder / "events.jsonl"):
        with _tracked(config, folder, rows):
            pass


@contextmanager
def _reported(config: PretrainConfig, progress: ProgressSink) -> Iterator["_Reporter"]:
    done = newest_step(checkpoint_folder(config.runs / config.name))
    steps = config.training.steps
    with progress.task("Pretraining", total=steps, unit="steps", done=done) as advance:
        yield _Reporter(advance, step=done)


class _Reporter:
    """Passes the state of a run on to whoever shows progress."""

    def __init__(self, advance: Advance, *, step: int) -> None:
        self._advance = advance
        self._step = step

    def __call__(self, state: Progress) -> None:
        self._advance(
            state.step - self._step,
            loss=round(state.loss, 4),
            volumes_per_s=round(state.volumes_per_s, 1),
            wait=f"{state.wait_share:.0%}",
        )
        self._step = state.step


def _figures(result: PretrainResult, rows: Sequence[VolumeRow]) -> dict[str, Figure]:
    measured = {name: round(value, 5) for name, value in result.metrics.items()}
    return {
        "steps": result.steps,
        "volumes": len(rows),
        "patients": len({row.patient_key for row in rows}),
        "seconds": round(result.seconds, 1),
        "views_per_s": round(result.views_per_s, 1),
        "wait_share": round(result.wait_share, 4),
        **measured,
    }


def _told(figures: Mapping[str, Figure]) -> list[str]:
    """Return what whoever takes the encoder up must know."""
    measured = {name: value for name, value in figures.items() if isinstance(value, float)}
    collapse = collapse_of(measured)
    partners = [partners_told(measured[SHARE])] if SHARE in measured else []
    return [*partners, *([] if collapse is None else [collapse])]


def _summary(
    folder: Path,
    figures: dict[str, Figure],
    notes: Sequence[str] = (),
    *,
    is_finished: bool = True,
) -> StageSummary:
    encoder = [Written("encoder", folder / ENCODER)] if is_finished else []
    return StageSummary(
        stage="pretrain",
        figures=figures,
        notes=notes,
        written=[*encoder, Written("run", folder)],
        next_command="medcl study CONFIG.yaml" if is_finished else "the same command again",
        is_stopped=not is_finished,
    )
