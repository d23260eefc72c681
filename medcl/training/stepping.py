"""One optimiser step on a batch, and the state that a checkpoint needs."""

from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from medcl.errors import MedclError
from medcl.methods.contrastive import ContrastiveMethod
from medcl.runtime import seeds
from medcl.shapes import PatientIds, Scalar, SmallViews, Views
from medcl.training import checkpoint as checkpoints
from medcl.training.batches import Batch
from medcl.training.checkpoint import Checkpoint, Origin
from medcl.training.optimizer import adamw, set_rate
from medcl.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A step that was taken.

    Attributes:
        loss: Before the step, on the device.
        learning_rate: Of the step.
        metrics: What the method tells, on the device.
    """

    loss: Scalar
    learning_rate: float
    metrics: dict[str, Scalar]

    def to_floats(self) -> dict[str, float]:
        """Return loss and metrics as numbers; waits for the device."""
        return {name: value.item() for name, value in {"loss": self.loss, **self.metrics}.items()}


class _Plain(nn.Module):
    """The method, with an output that Fabric and DDP can look into."""

    def __init__(self, method: ContrastiveMethod) -> None:
        super().__init__()
        self.method = method

    def forward(
        self, views_a: Views, views_b: Views, ids: PatientIds, *local: SmallViews
    ) -> tuple[Scalar, dict[str, Scalar]]:
        output = self.method(views_a, views_b, ids, *local)
        return output.loss, output.metrics


class Stepper:
    """Takes steps with a method on the devices of a run."""

    def __init__(
        self, method: ContrastiveMethod, *, recipe: Recipe, origin: Origin, fabric: Fabric
    ) -> None:
        """Put the method on the device.

        Args:
            method: Trained in place.
            recipe: What decides the result.
            origin: What the run was started with.
            fabric: Launched.
        """
        self._method, self._recipe, self._origin, self._fabric = method, recipe, origin, fabric
        self._optimizer = adamw(
            method, learning_rate=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self._module, self._wrapped = fabric.setup(_Plain(method.train()), self._optimizer)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take up weights and optimiser of a checkpoint.

        Raises:
            CheckpointError: It is of another run or of another architecture.
        """
        checkpoints.require_same_run(checkpoint, self._origin)
        checkpoints.restore(self._method, checkpoint.model)
        self._optimizer.load_state_dict(checkpoint.optimizer)

    def snapshot(self, step: int) -> Checkpoint:
        """Return what a checkpoint after so many steps holds."""
        optimizer: dict[str, Any] = self._optimizer.state_dict()
        return Checkpoint(
            step=step, model=self._method.state_dict(), optimizer=optimizer, origin=self._origin
        )

    def take(self, batch: Batch) -> Taken:
        """Take one step.

        Args:
            batch: Its step addresses everything random in the method.

        Returns:
            What the step showed.

        Raises:
            MedclError: The loss or its gradient is not a number; the weights are left alone.
        """
        rank = self._fabric.global_rank
        torch.manual_seed(seeds.derive_seed(self._recipe.seed, "step", batch.step, rank))
        rate = set_rate(self._optimizer, self._recipe, batch.step)
        loss, metrics = self._module(*batch.render(self._fabric.device))
        self._fabric.backward(loss)
        length = self._fabric.clip_gradients(
            self._module,
            self._wrapped,
            max_norm=self._recipe.clip_norm,
            error_if_nonfinite=False,
        )
        _require_numbers(loss, length, batch.step)
        self._wrapped.step()
        self._wrapped.zero_grad()
        return Taken(loss=loss.detach(), learning_rate=rate, metrics=metrics)


def _require_numbers(loss: torch.Tensor, length: torch.Tensor | None, step: int) -> None:
    total = loss.detach() if length is None else loss.detach() + length
    if not torch.isfinite(total).item():
        what = "gradient" if torch.isfinite(loss).item() else "loss"
        raise MedclError(
            f"The {what} of step {step + 1} must be a number, but is not finite. The weights were "
            "not touched and the last checkpoint is good; a lower learning_rate, a longer warm-up "
            "or a higher temperature helps most often."
        )
