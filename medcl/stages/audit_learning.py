"""The parts of an audit that take an encoder: how hard pairs are, and what one has learnt."""

from collections.abc import Sequence
from dataclasses import replace

from medcl.augment.checking import check_policy
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.build.networks import method_of, require_sizes
from medcl.config.audit import AuditConfig
from medcl.config.objective import ProjectorConfig
from medcl.encoders.delivery import Delivered
from medcl.evaluation.difficulty.difficulty import Difficulty, measure_difficulty
from medcl.evaluation.difficulty.pairs import PairMaker
from medcl.evaluation.probes.invariances import probe_invariances
from medcl.runtime.devices import choose_device
from medcl.stages.encoders import policy_of_encoder
from medcl.stages.progress import ProgressSink
from medcl.store.lesions import lesion_points
from medcl.store.partners import Partners
from medcl.store.rows import VolumeRow
from medcl.store.store import Store


def difficulty_of(
    config: AuditConfig,
    policy: Policy,
    *,
    store: Store,
    rows: Sequence[VolumeRow],
    partners: Partners,
    progress: ProgressSink,
) -> Difficulty | None:
    """Return how hard the pairs of a policy are, or ``None`` where the patients are too few.

    Args:
        config: Settings.
        policy: How views are drawn.
        store: Where the voxels are.
        rows: Volumes of different patients; none where the patients are too few.
        partners: By key, volumes of the cohort that a second view may be of.
        progress: Shows how far it is.

    Returns:
        Figures and verdict.
    """
    if not rows:
        return None
    method = method_of(
        encoder=config.difficulty.encoder,
        head=ProjectorConfig(),
        objective=config.difficulty.objective,
        in_channels=rows[0].num_channels,
        seed=config.seed,
    )
    require_sizes(method.encoder, replace(policy, local=None))  # pairs are of global views
    steps = config.difficulty.steps
    known = {row.key: partners[row.key] for row in rows if row.key in partners}
    beside = {each.key: each for others in known.values() for each in others}.values()
    with progress.task("Difficulty", total=max(steps, 1), unit="steps") as advance:
        marks = config.lesion_set
        maker = PairMaker(
            store=store,
            policy=policy,
            seed=config.seed,
            lesion_set=marks,
            lesions={} if marks is None else lesion_points(store, marks, [*rows, *beside]),
            partners=known,
            device=choose_device(config.machine.device),
        )
        return measure_difficulty(method, maker, rows=rows, steps=steps, report=advance)


def encoder_content(
    config: AuditConfig,
    delivered: Delivered,
    policy: Policy,
    *,
    store: Store,
    rows: Sequence[VolumeRow],
    progress: ProgressSink,
) -> dict[str, object]:
    """Return what an encoder still tells, with a warning where its own views rule the task out.

    Args:
        config: Settings.
        delivered: The encoder.
        policy: Gives grid and window.
        store: Where the voxels are.
        rows: Volumes.
        progress: Shows how far it is.

    Returns:
        JSON values.
    """
    task = TaskProfile(config.task)
    with progress.task("Probing", total=len(rows), unit="volumes") as advance:
        found = probe_invariances(
            delivered.encoder,
            policy,
            store=store,
            rows=rows,
            task=task,
            seed=config.seed,
            device=choose_device(config.machine.device),
            report=advance,
        )
    verdict = check_policy(policy_of_encoder(delivered), task)
    codes = sorted({violation.code for violation in verdict.violations})
    own = (
        []
        if verdict.is_safe
        else [
            f"The views this encoder was trained with are not safe for the task "
            f"{task.value.replace('_', ' ')} ({', '.join(codes)}); finetune and study refuse it."
        ]
    )
    return {**found.to_json(), "warnings": [*own, *found.warnings]}
