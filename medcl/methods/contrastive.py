"""One contrastive step: two views, one encoder, all ranks' rows, no patient against itself."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from medcl.encoders.interface import Encoder
from medcl.methods.gather import gather_rows
from medcl.methods.pairing import excluded_rows
from medcl.methods.signals import step_signals
from medcl.shapes import Embeddings, PatientIds, RowMask, Scalar, Views


@runtime_checkable
class Objective(Protocol):
    """What a contrastive step asks of an objective."""

    def __call__(
        self, z_a: Embeddings, z_b: Embeddings, *, excluded: RowMask | None = None
    ) -> Scalar:
        """Return the loss in nats."""

    def chance(self, num_pairs: int) -> float:
        """Return the loss of embeddings that tell nothing."""

    def floor(self, num_pairs: int) -> float:
        """Return the least loss."""


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What one step gives.

    Attributes:
        loss: Scalar with gradient.
        metrics: Detached scalars on the loss's device, equal on every rank; read them seldom,
            each reading waits for the device.
    """

    loss: Scalar
    metrics: dict[str, Scalar]


class ContrastiveMethod(nn.Module):
    """SimCLR: both views through one encoder and projector, the loss over all ranks' rows.

    Attributes:
        encoder: What is kept after pretraining.
        projector: What the loss sees.

    References:
        Chen et al., ICML 2020, arXiv:2002.05709.
    """

    def __init__(self, encoder: Encoder, projector: nn.Module, objective: Objective) -> None:
        """Put the parts together.

        Args:
            encoder: ``(B, C, X, Y, Z) -> (B, F)``.
            projector: ``(B, F) -> (B, E)``.
            objective: Of embeddings and a mask, see `Objective`.
        """
        super().__init__()
        self.encoder = encoder
        self.projector = projector
        self.objective = objective

    def forward(self, views_a: Views, views_b: Views, patient_ids: PatientIds) -> StepOutput:
        """Return loss and signals of one batch.

        Args:
            views_a: First views, shape ``(N, C, X, Y, Z)``.
            views_b: Second views, same shape and volume order.
            patient_ids: One per volume, see `medcl.methods.pairing.patient_ids`. Rows of one
                patient are never each other's negatives, on other ranks too.

        Returns:
            The loss over the rows of all ranks, and the metrics ``alignment``, ``uniformity``,
            ``positive_top1``, ``embedding_std`` (see `step_signals`) and ``loss_position``: 0 at
            the least possible loss, 1 at the loss of embeddings that tell nothing.

        Raises:
            ValueError: The views differ in shape or number from one another or from the ids.
        """
        if views_a.shape != views_b.shape or len(views_a) != len(patient_ids):
            raise ValueError(
                f"views_a, views_b and patient_ids must agree, got {tuple(views_a.shape)}, "
                f"{tuple(views_b.shape)} and {len(patient_ids)} ids."
            )
        z_a, z_b = self.projector(self.encoder(torch.cat([views_a, views_b]))).chunk(2)
        z_a, z_b = gather_rows(z_a), gather_rows(z_b)
        excluded = excluded_rows(gather_rows(patient_ids))
        loss = self.objective(z_a, z_b, excluded=excluded)
        metrics = step_signals(z_a, z_b, excluded=excluded)
        metrics["loss_position"] = self._position(loss.detach(), len(z_a))
        return StepOutput(loss, metrics)

    def _position(self, loss: torch.Tensor, num_pairs: int) -> torch.Tensor:
        floor, chance = self.objective.floor(num_pairs), self.objective.chance(num_pairs)
        return (loss - floor) / (chance - floor)
