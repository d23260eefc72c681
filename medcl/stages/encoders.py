"""A delivered encoder as stages take it up: read, checked against task and test patients."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from medcl.augment.checking import require_safe
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.tasks import TaskProfile
from medcl.build.policies import accepted_of, facts_of
from medcl.config.unknown import AcceptConfig
from medcl.encoders.delivery import Delivered, read_encoder
from medcl.errors import CheckpointError, LeakageError
from medcl.store.ledger import Ledger, check_no_leak
from medcl.store.store import Store
from medcl.study.split import Split


def policy_of_encoder(delivered: Delivered) -> Policy:
    """Return the view policy an encoder was trained with.

    Args:
        delivered: A read encoder folder.

    Returns:
        Its policy; grid and window are what the encoder must be fed.

    Raises:
        CheckpointError: The folder tells no policy, or another one than its hash says.
    """
    content = delivered.preprocessing.get("policy")
    if not isinstance(content, dict):
        raise CheckpointError("preprocessing.json must hold the policy of the encoder's views.")
    policy = Policy.from_json(content)
    if policy.hash != delivered.policy_hash:
        raise CheckpointError(
            "The policy in preprocessing.json must be the one the encoder was trained with; its "
            "hash, or the version of the safety contract, differs."
        )
    return policy


def take_up(
    folder: Path,
    *,
    task: str,
    test_patients: Collection[str],
    key_fingerprint: str,
    accept_unknown: Sequence[AcceptConfig] = (),
) -> Delivered:
    """Read an encoder that shall be adapted to a task and tested on patients.

    Args:
        folder: Of the encoder.
        task: Task profile of the labels.
        test_patients: Keys of all patients that are tested.
        key_fingerprint: Of the secret that made these keys.
        accept_unknown: What is accepted of the data the encoder was trained on, for this task.

    Returns:
        The encoder.

    Raises:
        PolicyError: Its views have taught it to ignore what the task is about, or nobody can say.
        LeakageError: It has seen some of the patients, or nobody knows whom it has seen.
    """
    delivered = read_encoder(folder)
    facts = delivered.preprocessing.get("facts")
    require_safe(
        policy_of_encoder(delivered),
        TaskProfile(task),
        facts=DataFacts.from_json(facts if isinstance(facts, dict) else {}),
        accepted=accepted_of(tuple(accept_unknown)),
    )
    if delivered.ledger_json is None:
        raise LeakageError(
            "An encoder that is tested must bring its ledger of seen patients; this one has none, "
            "so a leak cannot be ruled out."
        )
    ledger = Ledger.from_json(delivered.ledger_json)
    check_no_leak(ledger, test_patients, key_fingerprint=key_fingerprint)
    return delivered


def require_safe_labelled(
    policy: Policy,
    *,
    task: str,
    store: Store,
    split: Split,
    accept_unknown: Sequence[AcceptConfig],
) -> None:
    """Refuse views for training with labels that break what these labels need.

    Args:
        policy: Of the views.
        task: Task profile of the labels.
        store: The catalogue.
        split: Who is learnt from and who is tested.
        accept_unknown: What is accepted of these volumes.
    """
    rows = [store.row(volume.key) for volume in (*split.train, *split.test)]
    accepted = accepted_of(tuple(accept_unknown))
    require_safe(policy, TaskProfile(task), facts=facts_of(rows), accepted=accepted)


def require_same_input(delivered: Delivered, policy: Policy) -> None:
    """Refuse to feed an encoder what it was not trained on.

    Args:
        delivered: A read encoder folder.
        policy: Of the views it shall be fed; their size may differ, as encoders pool over it.

    Raises:
        CheckpointError: Modality, voxel spacing or intensity window differ.
    """
    own = policy_of_encoder(delivered)
    pairs = {
        "modality": (own.modality, policy.modality),
        "spacing_mm": (own.grid.spacing_mm, policy.grid.spacing_mm),
        "window": (own.window, policy.window),
    }
    for name, (trained, asked) in pairs.items():
        if trained != asked:
            raise CheckpointError(
                f"An encoder must be fed what it was trained on; its {name} is {trained}, and "
                f"{asked} was asked for. Change policy.{name} or pretrain anew."
            )


def checksum(folder: Path) -> str:
    """Return a hash of an encoder folder, by the checksums it bears."""
    return hashlib.sha256((folder / "checksums.json").read_bytes()).hexdigest()[:32]
