"""Collapse: every view gets the same embedding, and the pairs have taught the encoder nothing."""

from collections.abc import Mapping

_LEAST_SPREAD = 0.1
"""Of embeddings, which have 1 where they fill their sphere evenly; noise keeps it from 0."""


def collapse_of(metrics: Mapping[str, float]) -> str | None:
    """Return a sentence that says that an encoder has collapsed, or ``None`` if it has not.

    Args:
        metrics: What the method tells of its last step, with ``embedding_std``: the spread of the
            embeddings, 0 where all are one point and 1 where they fill their sphere evenly.

    Example:
        >>> collapse_of({"embedding_std": 0.96}) is None
        True
        >>> collapse_of({"embedding_std": 0.005}).startswith("The encoder has collapsed")
        True
    """
    spread = metrics.get("embedding_std", 1.0)
    if spread >= _LEAST_SPREAD:
        return None
    return (
        "The encoder has collapsed: the embeddings of all views are nearly one point (spread "
        f"{spread:.3f} of 1), so the pairs taught it nothing. A lower learning_rate, a longer "
        "warm-up, a larger batch or easier views help most often."
    )
