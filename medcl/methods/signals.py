"""Whether a step is learning, read off its embeddings; no labels, no gradient."""

import math

import torch
from torch.nn import functional as F

from medcl.shapes import Embeddings, RowMask, Scalar


def step_signals(z_a: Embeddings, z_b: Embeddings, *, excluded: RowMask) -> dict[str, Scalar]:
    """Return how alike positives are and how spread out everything else is.

    Args:
        z_a: First views, shape ``(N, E)``.
        z_b: Second views, same shape and row order.
        excluded: Shape ``(2N, 2N)``, True where two rows show one patient in two pairs.

    Returns:
        Scalars:

        - ``alignment``: mean squared distance of positives on the sphere; 0 is ideal, 2 is random;
        - ``uniformity``: log of the mean of ``exp(-2 d**2)`` over negatives; 0 is collapsed, about
          -4 is spread out;
        - ``positive_top1``: share of rows whose positive is nearer than every negative;
        - ``embedding_std``: standard deviation per dimension times the root of ``E``; 0 is
          collapsed, 1 is isotropic.

    References:
        Wang and Isola, ICML 2020, arXiv:2005.10242 (alignment, uniformity). Chen and He, CVPR 2021,
        arXiv:2011.10566, section 4.1 (standard deviation).

    Example:
        >>> z = torch.eye(4)
        >>> signals = step_signals(z, z, excluded=torch.zeros(8, 8, dtype=torch.bool))
        >>> {name: round(value.item(), 3) for name, value in signals.items()}
        {'alignment': 0.0, 'uniformity': -4.0, 'positive_top1': 1.0, 'embedding_std': 0.866}
    """
    with torch.no_grad(), torch.autocast(z_a.device.type, enabled=False):
        z = torch.cat([z_a, z_b])
        unit = F.normalize(z if z.dtype == torch.float64 else z.float(), dim=1)
        half = len(z_a)
        cosine = unit @ unit.T
        positive = cosine.diagonal(half)
        ends = torch.eye(half, dtype=torch.bool, device=z.device).tile(2, 2)
        negatives = cosine.masked_fill(ends | excluded, -math.inf)
        return {
            "alignment": (2 - 2 * positive).mean(),
            "uniformity": (4 * negatives - 4).flatten().logsumexp(0)
            - negatives.isfinite().sum().log(),
            "positive_top1": (positive.tile(2) > negatives.amax(dim=1)).float().mean(),
            "embedding_std": unit.std(dim=0, correction=0).mean() * math.sqrt(unit.shape[1]),
        }
