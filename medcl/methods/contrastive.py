"""One contrastive step: views, one encoder, all ranks' rows, no patient against itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import nn
from torch.nn import functional as F

from medcl.encoders.interface import Encoder
from medcl.methods.gather import gather_rows
from medcl.methods.pairing import excluded_rows
from medcl.methods.signals import step_signals
from medcl.shapes import Embeddings, PatientIds, RowMask, Scalar, SmallViews, Views


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
    """SimCLR: all views through one encoder and projector, the loss over all ranks' rows.

    Local views, where there are some, are positives of both global views of their volume: the loss
    is the mean of the objective over the pair of global views and each pair of a local view with a
    global one. Local views are not compared with one another, for two parts of a body need not
    look alike.

    Attributes:
        encoder: What is kept after pretraining.
        projector: What the loss sees.

    References:
        Chen et al., ICML 2020, arXiv:2002.05709. Local views: Caron et al., NeurIPS 2020,
        arXiv:2006.09882, section 3.3.
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

    def forward(
        self, views_a: Views, views_b: Views, patient_ids: PatientIds, *local_views: SmallViews
    ) -> StepOutput:
        """Return loss and signals of one batch.

        Args:
            views_a: First views, shape ``(N, C, X, Y, Z)``.
            views_b: Second views, same shape and volume order.
            patient_ids: One per volume, see `medcl.methods.pairing.patient_ids`. Rows of one
                patient are never each other's negatives, on other ranks too.
            local_views: Any number of local views of the same volumes, each ``(N, C, X, Y, Z)`` of
                one smaller size.

        Returns:
            The loss over the rows of all ranks, and the metrics ``alignment``, ``uniformity``,
            ``positive_top1``, ``embedding_std`` (see `step_signals`) and ``loss_position``: 0 at
            the least possible loss, 1 at the loss of embeddings that tell nothing. With local
            views also ``local_alignment``, of these with the global ones.

        Raises:
            ValueError: The views differ in shape or number from one another or from the ids.
        """
        sizes = {len(views) for views in (views_a, views_b, patient_ids, *local_views)}
        if views_a.shape != views_b.shape or len(sizes) != 1:
            raise ValueError(
                f"views_a, views_b and patient_ids must agree, got {tuple(views_a.shape)}, "
                f"{tuple(views_b.shape)} and {len(patient_ids)} ids, and local views of as many "
                f"volumes, got {[len(views) for views in local_views]}."
            )
        z_a, z_b = self._embed(views_a, views_b)
        excluded = excluded_rows(gather_rows(patient_ids))
        losses = [self.objective(z_a, z_b, excluded=excluded)]
        metrics = step_signals(z_a, z_b, excluded=excluded)
        if local_views:
            pairs = [(z, whole) for z in self._embed(*local_views) for whole in (z_a, z_b)]
            losses += [self.objective(z, whole, excluded=excluded) for z, whole in pairs]
            metrics["local_alignment"] = _alignment(pairs)
        loss = torch.stack(losses).mean()
        metrics["loss_position"] = self._position(loss.detach(), len(z_a))
        return StepOutput(loss, metrics)

    def _embed(self, *views: Views) -> tuple[Embeddings, ...]:
        """Return the embeddings of views of one size, of all ranks, in one pass."""
        embedded = self.projector(self.encoder(torch.cat(views))).chunk(len(views))
        return tuple(gather_rows(rows) for rows in embedded)

    def _position(self, loss: torch.Tensor, num_pairs: int) -> torch.Tensor:
        floor, chance = self.objective.floor(num_pairs), self.objective.chance(num_pairs)
        return (loss - floor) / (chance - floor)


def _alignment(pairs: Sequence[tuple[Embeddings, Embeddings]]) -> Scalar:
    """Return the mean squared distance of pairs on the sphere."""
    with torch.no_grad():
        cosines = [F.cosine_similarity(z.float(), whole.float()) for z, whole in pairs]
        return 2 - 2 * torch.stack(cosines).mean()
