"""DCL: NT-Xent without the positive in the denominator."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from medcl.shapes import Embeddings, RowMask, Scalar


def dcl(
    z_a: Embeddings, z_b: Embeddings, *, temperature: float, excluded: RowMask | None = None
) -> Scalar:
    r"""Pull the pair together and push the rest apart, each with its full weight.

    In NT-Xent a pair that already agrees scales down the push from its negatives too; with few
    negatives, as in 3D, little gradient is left. Here the positive is taken out of the
    denominator. With unit rows :math:`u_1, \dots, u_{2N}`, :math:`i^+` the row of the other view
    of row :math:`i`, and :math:`K_i` its negatives,

    .. math::

        \mathcal{L} = \frac{1}{2N} \sum_i \Big( -\frac{u_i \cdot u_{i^+}}{\tau}
            + \log \sum_{k \in K_i} \exp(u_i \cdot u_k / \tau) \Big) .

    Row by row, NT-Xent is the softplus of this. Rows are scaled to unit length here; pass raw
    projector outputs. The sum runs in float32 (in float64 for float64 rows), inside autocast too.
    A row all of whose negatives are excluded adds 0 to the sum, and no gradient, as in NT-Xent.

    Args:
        z_a: First views, shape ``(N, E)``, ``N >= 2``.
        z_b: Second views, same shape and row order.
        temperature: :math:`\tau > 0`, without unit.
        excluded: Shape ``(2N, 2N)``, rows ordered as ``z_a`` then ``z_b``: True where a column is
            never a negative of a row.

    Returns:
        Mean loss in nats; lower is better, below 0 for good embeddings. Collapsed embeddings give
        ``log(2N - 2)``.

    Raises:
        ValueError: ``temperature`` is not positive, a shape differs, or ``N < 2``.

    References:
        Equations 5 and 6 of Yeh et al., "Decoupled Contrastive Learning", ECCV 2022,
        arXiv:2110.06848 (mean over the 2N rows).

    Example:
        >>> views = torch.eye(8)
        >>> dcl(views, views, temperature=0.1).item()
        -7.36094
    """
    _check(z_a, z_b, temperature, excluded)
    rows = 2 * len(z_a)
    with torch.autocast(z_a.device.type, enabled=False):
        z = torch.cat([z_a, z_b])
        unit = F.normalize(z if z.dtype == torch.float64 else z.float(), dim=1)
        logits = unit @ unit.T / temperature
        hidden = torch.eye(rows // 2, dtype=torch.bool, device=z.device).tile(2, 2)
        if excluded is not None:
            hidden = hidden | excluded
        told = ~hidden.all(dim=1)
        spread = logits.masked_fill(hidden, -math.inf).logsumexp(dim=1)
        pull = logits.diagonal(rows // 2).tile(2)
        return torch.where(told, spread - pull, 0.0).mean()


@dataclass(frozen=True, slots=True)
class DCL:
    """`dcl` with its temperature, and the two ends of its scale.

    Attributes:
        temperature: Softmax temperature, above 0.

    Example:
        >>> objective = DCL(temperature=0.5)
        >>> objective.floor(4), objective.chance(4)
        (-0.874907, 1.791759)
    """

    temperature: float

    def __post_init__(self) -> None:
        """Refuse a temperature that is not positive.

        Raises:
            ValueError: It is not.
        """
        _check_temperature(self.temperature)

    def __call__(
        self, z_a: Embeddings, z_b: Embeddings, *, excluded: RowMask | None = None
    ) -> Scalar:
        """Return the loss; see `dcl`."""
        return dcl(z_a, z_b, temperature=self.temperature, excluded=excluded)

    def chance(self, num_pairs: int) -> float:
        """Return the loss in nats of embeddings that tell nothing, ``log(2N - 2)``."""
        return math.log(2 * num_pairs - 2)

    def floor(self, num_pairs: int) -> float:
        """Return the least loss in nats that ``num_pairs`` pairs can have.

        It is reached where the views of a volume coincide and the volumes form a regular simplex
        (cosine ``-1 / (N - 1)``), which takes ``E >= N - 1``; below that it is a bound. Excluded
        rows are not counted.
        """
        return self.chance(num_pairs) - (1 + 1 / (num_pairs - 1)) / self.temperature


def _check_temperature(temperature: float) -> None:
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be positive and finite, got {temperature}.")


def _check(
    z_a: torch.Tensor, z_b: torch.Tensor, temperature: float, excluded: torch.Tensor | None
) -> None:
    _check_temperature(temperature)
    if z_a.shape != z_b.shape:
        raise ValueError(
            f"z_a and z_b must have one shape, got {tuple(z_a.shape)} and {tuple(z_b.shape)}."
        )
    rows = 2 * len(z_a)
    if rows < 4:
        raise ValueError(
            f"DCL needs at least 2 pairs: a lone pair has no negative, got {rows // 2}."
        )
    if excluded is not None and excluded.shape != (rows, rows):
        raise ValueError(
            f"excluded must be ({rows}, {rows}) for {rows // 2} pairs, got {tuple(excluded.shape)}."
        )
