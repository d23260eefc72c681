"""How many pairs really are of two series, where a policy asks for such."""

import torch
from lightning_fabric import Fabric

SHARE = "partner_share"
"""Name of the figure: pairs whose second view is of another series, by all pairs, 0 to 1."""


class PairCount:
    """Counts pairs: in all, and since it was last asked.

    Example:
        >>> count = PairCount(is_asked=True)
        >>> count.add(num_pairs=4, num_of_two=1)
        >>> count.lap()
        {'partner_share': 0.25}
        >>> PairCount(is_asked=False).lap()
        {}
    """

    def __init__(self, *, is_asked: bool) -> None:
        """Begin at nothing.

        Args:
            is_asked: Whether the policy asks for partners; without them there is nothing to tell.
        """
        self._is_asked = is_asked
        self._pairs = self._of_two = 0
        self._lap_pairs = self._lap_of_two = 0

    def add(self, *, num_pairs: int, num_of_two: int) -> None:
        """Count the pairs of one step."""
        self._pairs += num_pairs
        self._of_two += num_of_two

    def lap(self) -> dict[str, float]:
        """Return the share since the last lap, in this process, and begin another."""
        pairs, of_two = self._pairs - self._lap_pairs, self._of_two - self._lap_of_two
        self._lap_pairs, self._lap_of_two = self._pairs, self._of_two
        return {SHARE: of_two / pairs} if self._is_asked and pairs else {}

    def total(self, fabric: Fabric) -> dict[str, float]:
        """Return the share of all pairs of this call, over all processes; all of them must ask.

        Steps that were taken before the run went on are not in it: which pairs are of two series
        is drawn anew at every step, so that these stand for the others.
        """
        counts = torch.tensor([float(self._pairs), float(self._of_two)], device=fabric.device)
        summed = fabric.all_reduce(counts, reduce_op="sum")
        assert isinstance(summed, torch.Tensor)
        pairs, of_two = summed.tolist()
        return {SHARE: of_two / pairs} if self._is_asked and pairs else {}


def partners_told(share: float) -> str:
    """Return how many pairs were of two series, as a sentence.

    Args:
        share: Of all pairs, 0 to 1.

    Returns:
        The sentence; a warning where there were none.

    Example:
        >>> partners_told(0.312)
        'Of 31.2 % of the pairs the second view was of another series of the patient.'
    """
    if share == 0:
        return (
            "The policy asks for partners, but no pair had one: no two volumes of the cohort show "
            "one patient in one frame of reference and one place, so the encoder did not learn to "
            "ignore what differs between two series."
        )
    part = f"{100 * share:.3g} %"
    return f"Of {part} of the pairs the second view was of another series of the patient."
