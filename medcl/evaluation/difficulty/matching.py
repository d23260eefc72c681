"""How well the views of a pair find each other among all views of other patients.

Legend: N pairs, E embedding dimensions, M = 2 N views.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from medcl.evaluation.difficulty.pairs import PairMaker
from medcl.methods.contrastive import ContrastiveMethod
from medcl.methods.pairing import excluded_rows
from medcl.shapes import Embeddings, RowMask
from medcl.store.rows import VolumeRow

Ranks = Int[np.ndarray, "M"]
Figures = Float[np.ndarray, "N"]

BATCH = 8
"""Pairs that are trained on, and embedded, at once."""

_REPEATS = 2
_FIRST_STEP = 1_000_000
"""Draws from here on are matched; none of them is trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How well pairs are matched among all views of other patients.

    Attributes:
        r_at_1: Share of views whose partner is nearer than every other view.
        r_at_1_interval: Its 95 % interval, by bootstrap over pairs.
        mrr: Mean of one over the partner's rank.
        loss: Of the objective, in nats.
        loss_position: 0 at the least possible loss, 1 at that of embeddings that tell nothing.
    """

    r_at_1: float
    r_at_1_interval: tuple[float, float]
    mrr: float
    loss: float
    loss_position: float


def ranks_of_partners(z_a: Embeddings, z_b: Embeddings, *, excluded: RowMask) -> Ranks:
    """Return the rank of each view's partner among all views that are not excluded.

    Ties count against the partner, so that collapsed embeddings match nothing.

    Args:
        z_a: First views, shape ``(N, E)``.
        z_b: Second views, same shape and order.
        excluded: Shape ``(2N, 2N)``, True where two views show one patient in two pairs.

    Returns:
        Shape ``(2N,)``, from 1.

    Example:
        >>> none = torch.zeros(6, 6, dtype=torch.bool)
        >>> ranks_of_partners(torch.eye(3), torch.eye(3), excluded=none).tolist()
        [1, 1, 1, 1, 1, 1]
        >>> ranks_of_partners(torch.ones(3, 2), torch.ones(3, 2), excluded=none).tolist()
        [5, 5, 5, 5, 5, 5]
    """
    unit = torch.nn.functional.normalize(torch.cat([z_a, z_b]).double(), dim=1)
    cosine = unit @ unit.T
    half = len(z_a)
    partner = cosine.diagonal(half).tile(2)
    ends = torch.eye(half, dtype=torch.bool, device=cosine.device).tile(2, 2)
    others = cosine.masked_fill(ends | excluded, -2.0)
    return np.asarray(1 + (others >= partner[:, None] - 1e-12).sum(dim=1).cpu().numpy())


def matching_of(method: ContrastiveMethod, maker: PairMaker, rows: Sequence[VolumeRow]) -> Matching:
    """Return how all pairs are matched at once, on draws that were not trained on."""
    method.eval()
    ranks, losses = [], []
    with torch.no_grad():
        for repeat in range(_REPEATS):
            first, second, ids = maker.pairs(rows, _FIRST_STEP + repeat)
            z_a, z_b = (
                torch.cat(
                    [method.projector(method.encoder(part)) for part in torch.split(half, BATCH)]
                )
                for half in (first, second)
            )
            excluded = excluded_rows(ids)
            ranks.append(ranks_of_partners(z_a, z_b, excluded=excluded))
            losses.append(float(method.objective(z_a, z_b, excluded=excluded)))
    per_pair = np.stack(ranks).reshape(_REPEATS, 2, len(rows)).transpose(2, 0, 1)
    loss = float(np.mean(losses))
    floor, chance = (end(len(rows)) for end in (method.objective.floor, method.objective.chance))
    found = (per_pair == 1).mean(axis=(1, 2))
    return Matching(
        r_at_1=float(found.mean()),
        r_at_1_interval=_interval(found),
        mrr=float((1 / per_pair).mean()),
        loss=loss,
        loss_position=(loss - floor) / (chance - floor),
    )


def share_of_two(maker: PairMaker, rows: Sequence[VolumeRow]) -> float:
    """Return the share of the matched pairs whose second view is of another series, 0 to 1."""
    found = [maker.num_of_two(rows, _FIRST_STEP + repeat) for repeat in range(_REPEATS)]
    return sum(found) / (_REPEATS * len(rows))


def _interval(per_pair: Figures) -> tuple[float, float]:
    picks = np.random.default_rng(0).integers(0, len(per_pair), (1000, len(per_pair)))
    low, high = np.percentile(per_pair[picks].mean(axis=1), [2.5, 97.5]).tolist()
    return low, high


def matching_by_chance(method: ContrastiveMethod, num_pairs: int) -> Matching:
    """Return how embeddings that tell nothing match so many pairs."""
    candidates = 2 * num_pairs - 1
    first = 1 / candidates
    return Matching(
        r_at_1=first,
        r_at_1_interval=(first, first),
        mrr=float((1 / np.arange(1, candidates + 1)).mean()),
        loss=method.objective.chance(num_pairs),
        loss_position=1.0,
    )
