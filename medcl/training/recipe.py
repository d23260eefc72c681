"""What decides the result of a pretraining run, and what only decides its speed."""

from dataclasses import asdict, dataclass
from typing import Literal

from medcl.errors import RequestError
from medcl.runtime.devices import DeviceChoice

Precision = Literal["auto", "32-true", "bf16-mixed"]
"""``auto`` is bfloat16 autocast on a GPU that has it and float32 elsewhere."""

_WORTH_COMPILING_VOXELS = 1.5e9
"""A CPU core makes so many voxels in as much less time as compiling takes, about 20 seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Numbers that decide the weights a run ends with; a resumed run must have the same.

    Attributes:
        steps: Optimiser steps in all, at least 1.
        batch_size: Patients per step over all processes, at least 2.
        learning_rate: Peak rate of AdamW, above 0.
        weight_decay: Of AdamW, at least 0; not applied to biases and norms.
        warmup_steps: Steps of linear rise, below ``steps``.
        clip_norm: Longest gradient, above 0.
        seed: Of batches, views and every other draw.
        lesion_set: Set of label maps of the store whose every class but 0 marks lesions, for views
            that keep off them; ``None`` where no lesions are known.

    Example:
        >>> Recipe(steps=100, batch_size=8, learning_rate=1e-3).warmup_steps
        0
    """

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 1e-4
    warmup_steps: int = 0
    clip_norm: float = 1.0
    seed: int = 0
    lesion_set: str | None = None

    def __post_init__(self) -> None:
        """Refuse numbers no run could follow.

        Raises:
            RequestError: A number is outside the range described above.
        """
        demands = {
            f"steps must be at least 1, got {self.steps}": self.steps >= 1,
            f"batch_size must be at least 2, got {self.batch_size}": self.batch_size >= 2,
            f"learning_rate must be above 0, got {self.learning_rate}": self.learning_rate > 0,
            f"weight_decay must not be below 0, got {self.weight_decay}": self.weight_decay >= 0,
            f"warmup_steps must be from 0 to below {self.steps} steps, got {self.warmup_steps}": (
                0 <= self.warmup_steps < self.steps
            ),
            f"clip_norm must be above 0, got {self.clip_norm}": self.clip_norm > 0,
        }
        broken = [sentence for sentence, holds in demands.items() if not holds]
        if broken:
            raise RequestError("; ".join(broken) + ".")

    def to_json(self) -> dict[str, object]:
        """Return plain values for a checkpoint or a run folder."""
        return dict(asdict(self))


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Where and how a run goes; none of it changes the batches or the views.

    Attributes:
        device: ``auto`` takes CUDA where there is one.
        precision: See `Precision`.
        processes: Processes per node, one per GPU. More than one only under ``torchrun`` or SLURM,
            or from a script, which Fabric starts again for every process.
        nodes: Machines that train together.
        workers: Readers, at least 1.
        readers: Whether threads or processes read ahead. ``auto`` is processes for a GPU, which
            threads of one process cannot feed, and threads for the CPU.
        compiling: Whether kernels that make views are compiled. ``auto`` is wherever that takes
            less time than it saves.
        prefetch_steps: Batches read ahead, at least 1.
        device_cache_gib: Memory of the device in which the whole cohort is kept, if it fits.
        checkpoint_every_steps: Steps between checkpoints, at least 1.
        checkpoint_every_s: Seconds after which one is written whatever the step.
        report_every_steps: Steps between progress reports and lines in ``events.jsonl``.
    """

    device: DeviceChoice = "auto"
    precision: Precision = "auto"
    processes: int = 1
    nodes: int = 1
    workers: int = 2
    readers: Literal["auto", "threads", "processes"] = "auto"
    compiling: Literal["auto", "on", "off"] = "auto"
    prefetch_steps: int = 2
    device_cache_gib: float = 0.0
    checkpoint_every_steps: int = 1000
    checkpoint_every_s: float = 600.0
    report_every_steps: int = 10

    def __post_init__(self) -> None:
        """Refuse counts below 1.

        Raises:
            RequestError: A count is below 1, or the time between checkpoints is not above 0.
        """
        counts = {
            name: value
            for name, value in asdict(self).items()
            if isinstance(value, int) and value < 1
        }
        if counts:
            name, value = next(iter(counts.items()))
            raise RequestError(f"{name} must be at least 1, got {value}.")
        if not self.checkpoint_every_s > 0:
            seconds = self.checkpoint_every_s
            raise RequestError(f"checkpoint_every_s must be above 0, got {seconds}.")

    def reader_kind(self, device_type: str) -> Literal["threads", "processes"]:
        """Return who reads for a device.

        Example:
            >>> Machine().reader_kind("cuda"), Machine(readers="threads").reader_kind("cuda")
            ('processes', 'threads')
        """
        if self.readers != "auto":
            return self.readers
        return "processes" if device_type == "cuda" else "threads"

    def compiles(self, device_type: str, *, voxels: float) -> bool:
        """Return whether kernels are compiled for a run that makes so many voxels of views.

        It does not depend on how far a run has come: resumed, it takes the same way.

        Example:
            >>> Machine().compiles("cpu", voxels=1e8), Machine().compiles("cpu", voxels=1e10)
            (False, True)
        """
        if self.compiling != "auto":
            return self.compiling == "on"
        return device_type == "cuda" or voxels > _WORTH_COMPILING_VOXELS
