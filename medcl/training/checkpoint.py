"""Checkpoints of a training run: whole or absent, checked before use, the previous one kept.

```
folder/step-000000200.pt        torch.save of tensors and plain values
folder/step-000000200.sha256    its checksum, there before the file itself
folder/step-000000100.pt        the previous one
```

This is the only module that calls ``torch.load``, always with ``weights_only=True``: a checkpoint
is read as tensors and plain values, never as code. No generator state is in it, because every draw
of a run is addressed by (seed, step), see `medcl.runtime.seeds`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - only the name of torch's refusal
from typing import Any

import torch
from torch import nn

from medcl.errors import CheckpointError, CorruptionError
from medcl.runtime import files

FORMAT = 1
_NAME = re.compile(r"step-(\d{9})\.pt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What a run was started with; it resumes with nothing else.

    Attributes:
        settings: What decides the result, as JSON values.
        catalogue_digest: Digest of the rows of all volumes the batches are drawn from.
        policy_hash: Hash of the view policy.
        ledger_json: Which patients the encoder sees.
    """

    settings: Mapping[str, object]
    catalogue_digest: str
    policy_hash: str
    ledger_json: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """All that a run needs to go on exactly where it was.

    Attributes:
        step: Optimiser steps taken.
        model: State of the method: encoder, projector, and momentum encoder or queue where it has
            them.
        optimizer: State of the optimiser.
        origin: What the run was started with.
    """

    step: int
    model: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    origin: Origin


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint and keep one before it.

    A full disk or a kill at any moment leaves the checkpoints written before as they were.

    Args:
        folder: An existing folder that holds the checkpoints of one run.
        checkpoint: What to write.

    Returns:
        The path of the new file.

    Raises:
        OSError: The file system does not take it.
    """
    target = folder / f"step-{checkpoint.step:09d}.pt"
    content = {
        "format": FORMAT,
        "step": checkpoint.step,
        "model": checkpoint.model,
        "optimizer": checkpoint.optimizer,
        "origin": json.dumps(asdict(checkpoint.origin), sort_keys=True),
    }
    with files.atomic_path(target) as path:
        _write(content, path)
        # The checksum goes first: a file that is there always has one.
        files.write_bytes(target.with_suffix(".sha256"), _sha256(path).encode())
    _keep_two(folder, newest=checkpoint.step)
    return target


def load_latest(folder: Path, *, device: torch.device) -> Checkpoint | None:
    """Return the newest checkpoint that is whole.

    Args:
        folder: A folder of checkpoints; it need not exist.
        device: Where the tensors shall lie.

    Returns:
        The checkpoint, or ``None`` if there is none at all.

    Raises:
        CorruptionError: There are checkpoints and none is whole.
    """
    found = _steps(folder)
    for step in sorted(found, reverse=True):
        if _is_whole(found[step]):
            return load(found[step], device=device)
    if found:
        raise CorruptionError(
            f"At least one of {len(found)} checkpoints must match its checksum; none does. Bring "
            "them back from a copy, or remove the folder of the run to start anew."
        )
    return None


def newest_step(folder: Path) -> int:
    """Return the steps taken by the newest checkpoint, whole or not; 0 where there is none.

    Example:
        >>> newest_step(Path("no/such/folder"))
        0
    """
    return max(_steps(folder), default=0)


def load(path: Path, *, device: torch.device) -> Checkpoint:
    """Return one checkpoint.

    Args:
        path: A file that `save` wrote.
        device: Where the tensors shall lie.

    Returns:
        What was saved.

    Raises:
        CorruptionError: The file does not match its checksum.
        CheckpointError: It was written in another format, or holds more than tensors and plain
            values.
    """
    if not _is_whole(path):
        raise CorruptionError("The checkpoint does not match its checksum: bytes were changed.")
    try:
        content = torch.load(path, map_location=device, weights_only=True)  # noqa: TID251 - only here
    except UnpicklingError:
        raise CheckpointError("A checkpoint must hold tensors and plain values only.") from None
    if content.pop("format", None) != FORMAT:
        raise CheckpointError(f"The checkpoint must be of format {FORMAT}.")
    return Checkpoint(**content | {"origin": Origin(**json.loads(content["origin"]))})


def require_same_run(checkpoint: Checkpoint, origin: Origin) -> None:
    """Refuse to go on with anything but the run that was stopped.

    Args:
        checkpoint: What was loaded.
        origin: What is asked for now.

    Raises:
        CheckpointError: Settings, volumes or policy differ; the sentence names what does.
    """
    before, now = checkpoint.origin.settings, origin.settings
    differing = [
        f"{name} (was {before.get(name)!r}, is {now.get(name)!r})"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    if checkpoint.origin.catalogue_digest != origin.catalogue_digest:
        differing.append("the selected volumes")
    if checkpoint.origin.policy_hash != origin.policy_hash:
        differing.append("the view policy")
    if differing:
        raise CheckpointError(
            f"A run resumes only as it was started; at step {checkpoint.step} it differs in: "
            f"{', '.join(differing)}. Restore that, or start in a new folder."
        )


def restore(module: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Fill a module from a state that fits it name by name and shape by shape.

    Args:
        module: What to fill.
        state: Tensors by name.

    Raises:
        CheckpointError: A name is missing or left over, or a shape differs; with the counts.
    """
    own = module.state_dict()
    missing = own.keys() - state.keys()
    left_over = state.keys() - own.keys()
    common = own.keys() & state.keys()
    mismatched = {name for name in common if own[name].shape != state[name].shape}
    if missing or left_over or mismatched:
        raise CheckpointError(
            "The checkpoint must have the tensors of this architecture: "
            f"{len(common) - len(mismatched)} of {len(own)} fit, {len(missing)} are missing, "
            f"{len(mismatched)} have another shape, {len(left_over)} are left over."
        )
    module.load_state_dict(dict(state))


def _steps(folder: Path) -> dict[int, Path]:
    matches = {path: _NAME.fullmatch(path.name) for path in folder.glob("step-*.pt")}
    return {int(match[1]): path for path, match in matches.items() if match}


def _keep_two(folder: Path, *, newest: int) -> None:
    """Remove what is older than the previous one, and what a resume has left behind."""
    found = _steps(folder)
    kept = sorted(step for step in found if step <= newest)[-2:]
    for step, path in found.items():
        if step not in kept:
            path.unlink()
            path.with_suffix(".sha256").unlink(missing_ok=True)
    files.sync_folder(folder)


def _is_whole(path: Path) -> bool:
    checksum = path.with_suffix(".sha256")
    return checksum.exists() and checksum.read_text().strip() == _sha256(path)


def _write(content: Mapping[str, object], path: Path) -> None:
    """Write with `torch.save`, which hides what the system says behind a `RuntimeError`.

    Raises:
        OSError: The file system does not take it.
        RuntimeError: Something else is wrong.
    """
    with path.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:
            before: BaseException | None = error
            while before is not None and not isinstance(before, OSError):
                before = before.__context__
            if before is None:
                raise
            raise before from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
