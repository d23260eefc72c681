"""NT-Xent: find each row's other view among all other rows."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from medcl.shapes import Embeddings, RowMask, Scalar


def nt_xent(
    z_a: Embeddings, z_b: Embeddings, *, temperature: float, excluded: RowMask | None = None
) -> Scalar:
    r"""Cross-entropy of finding the other view of the same volume.

    Row ``i`` of ``z_a`` and row ``i`` of ``z_b`` show one volume: each is the other's only
    positive. All rows of both views that remain are its negatives, but for those excluded. With
    unit rows :math:`u_1, \dots, u_{2N}`, :math:`i^+` the row of the other view, and
    :math:`K_i` the negatives of row :math:`i`,

    .. math::

        \mathcal{L} = -\frac{1}{2N} \sum_i \log
            \frac{\exp(u_i \cdot u_{i^+} / \tau)}
                 {\exp(u_i \cdot u_{i^+} / \tau) + \sum_{k \in K_i} \exp(u_i \cdot u_k / \tau)} .

    Rows are scaled to unit length here; pass raw projector outputs. The sum runs in float32 (in
    float64 for float64 rows), inside autocast too. A row all of whose negatives are excluded has
    nothing to tell its positive from: it adds 0 to the sum, and no gradient.

    Args:
        z_a: First views, shape ``(N, E)``, ``N >= 2``.
        z_b: Second views, same shape and row order.
        temperature: :math:`\tau > 0`, without unit. Lower weighs the nearest negatives more.
        excluded: Shape ``(2N, 2N)``, rows ordered as ``z_a`` then ``z_b``: True where a column is
            never a negative of a row. The positive stays whatever the mask says.

    Returns:
        Mean loss in nats, at least 0; lower is better. Collapsed embeddings give ``log(2N - 1)``.

    Raises:
        ValueError: ``temperature`` is not positive, a shape differs, or ``N < 2``.

    References:
        Equation 1 of Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", ICML 2020, arXiv:2002.05709 (mean over the 2N rows).

    Example:
        >>> views = torch.eye(4)  # four volumes told apart perfectly
        >>> nt_xent(views, views, temperature=0.5).item()
        0.594438
    """
    _check(z_a, z_b, temperature, excluded)
    rows = 2 * len(z_a)
    with torch.autocast(z_a.device.type, enabled=False):
        z = torch.cat([z_a, z_b])
        unit = F.normalize(z if z.dtype == torch.float64 else z.float(), dim=1)
        logits = unit @ unit.T / temperature
        positive = torch.arange(rows, device=z.device).roll(rows // 2)
        hidden = torch.eye(rows, dtype=torch.bool, device=z.device)
        if excluded is not None:
            hidden = hidden | excluded
            hidden[torch.arange(rows, device=z.device), positive] = False
        return F.cross_entropy(logits.masked_fill(hidden, -math.inf), positive)


@dataclass(frozen=True, slots=True)
class NTXent:
    """`nt_xent` with its temperature, and the two ends of its scale.

    Attributes:
        temperature: Softmax temperature, above 0.

    Example:
        >>> objective = NTXent(temperature=0.5)
        >>> objective.floor(4), objective.chance(4)
        (0.348472, 1.945910)
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
        """Return the loss; see `nt_xent`."""
        return nt_xent(z_a, z_b, temperature=self.temperature, excluded=excluded)

    def chance(self, num_pairs: int) -> float:
        """Return the loss in nats of embeddings that tell nothing, ``log(2N - 1)``."""
        return math.log(2 * num_pairs - 1)

    def floor(self, num_pairs: int) -> float:
        """Return the least loss in nats that ``num_pairs`` pairs can have.

        It is reached where the views of a volume coincide and the volumes form a regular simplex
        (cosine ``-1 / (N - 1)``), which takes ``E >= N - 1``; below that it is a bound. Excluded
        rows are not counted.
        """
        spread = (1 + 1 / (num_pairs - 1)) / self.temperature
        return math.log1p((2 * num_pairs - 2) * math.exp(-spread))


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
            f"NT-Xent needs at least 2 pairs: a lone pair has no negative, got {rows // 2}."
        )
    if excluded is not None and excluded.shape != (rows, rows):
        raise ValueError(
            f"excluded must be ({rows}, {rows}) for {rows // 2} pairs, got {tuple(excluded.shape)}."
        )
