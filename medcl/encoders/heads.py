"""Heads on features: the projector that a contrastive loss sees, and a classifier."""

from itertools import pairwise
from typing import Literal

from torch import nn

ProjectorNorm = Literal["layer", "none"]


def projector(
    num_features: int,
    *,
    num_embeddings: int = 128,
    width: int | None = None,
    depth: int = 2,
    norm: ProjectorNorm = "layer",
) -> nn.Sequential:
    """The MLP between features and embeddings; thrown away after pretraining.

    Layer norm stands where SimCLR has batch norm, because batch norm lets one sample see the
    others: with small batches, chunks or ranks the loss can then be lowered by reading the batch
    instead of the volume.

    Args:
        num_features: ``F``.
        num_embeddings: ``E``.
        width: Of the hidden layers; ``F`` if not given.
        depth: Linear layers; 1 is a linear map.
        norm: After each hidden layer.

    Returns:
        A module ``(N, F) -> (N, E)``. Its output is not normalised; the objectives do that.

    Raises:
        ValueError: A size is below 1.

    References:
        Section 4.2 of Chen et al., arXiv:2002.05709 (a nonlinear head keeps what the loss would
        throw away in the features).

    Example:
        >>> import torch
        >>> projector(64, num_embeddings=32)(torch.zeros(5, 64)).shape
        torch.Size([5, 32])
    """
    width = num_features if width is None else width
    sizes = [num_features, *[width] * (depth - 1), num_embeddings]
    if min(*sizes, depth) < 1:
        raise ValueError(f"A projector needs sizes and depth of at least 1, got {sizes}, {depth}.")
    layers: list[nn.Module] = []
    for number, (inner, outer) in enumerate(pairwise(sizes), start=1):
        layers.append(nn.Linear(inner, outer))
        if number < depth:
            layers.extend([nn.LayerNorm(outer)] if norm == "layer" else [])
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def classifier(num_features: int, *, num_classes: int) -> nn.Linear:
    """A linear classifier that starts undecided.

    Args:
        num_features: ``F``.
        num_classes: ``K >= 2``.

    Returns:
        A module ``(N, F) -> (N, K)`` whose weights and biases are zero: the first gradient goes to
        the head, and the encoder is not shaken by random logits.

    Raises:
        ValueError: There are fewer than two classes.

    Example:
        >>> import torch
        >>> classifier(64, num_classes=2)(torch.ones(1, 64)).tolist()
        [[0.0, 0.0]]
    """
    if num_classes < 2:
        raise ValueError(f"A classifier needs at least 2 classes, got {num_classes}.")
    head = nn.Linear(num_features, num_classes)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head
