"""A reader study of views: what radiologists are asked, and how many pairs the answer takes."""

import math
from dataclasses import dataclass

_Z = 1.959964
"""Two-sided 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question about a blinded pair of original and view.

    Attributes:
        text: As it is asked.
        counted: The answer that is counted.
        acceptable: Largest acceptable rate of it.
    """

    text: str
    counted: str
    acceptable: float


QUESTIONS = (
    Question(
        text="Do both pictures show the same patient with the same diagnosis?",
        counted="no",
        acceptable=0.02,
    ),
    Question(
        text="Would your measurement or your report differ between them?",
        counted="yes",
        acceptable=0.02,
    ),
    Question(
        text="Could a scanner have made each picture of a real patient?",
        counted="no",
        acceptable=0.05,
    ),
)
"""Acceptance: no other diagnosis in 2 % of pairs, nothing implausible in 5 %."""


def pairs_needed(rate: float) -> int:
    """Return how many pairs without a report show that the rate is below one, at 95 %.

    Args:
        rate: Largest acceptable rate, in (0, 1].

    Returns:
        By the rule of three, ``3 / rate``.

    Raises:
        ValueError: The rate leaves (0, 1].

    Example:
        >>> pairs_needed(0.02)
        150
    """
    if not 0 < rate <= 1:
        raise ValueError(f"rate must lie in (0, 1], got {rate}.")
    return math.ceil(round(3 / rate, 9))


def failure_rate_below(num_draws: int) -> float:
    """Return what the failure rate is below, at 95 %, if none of so many draws failed.

    Example:
        >>> failure_rate_below(300)
        0.01
    """
    return min(1.0, 3 / num_draws) if num_draws else 1.0


def wilson_interval(reports: int, pairs: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate.

    Args:
        reports: Pairs that were reported, at most ``pairs``.
        pairs: Pairs that were read, at least 1.

    Returns:
        Its ends, in [0, 1].

    References:
        Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Example:
        >>> low, high = wilson_interval(3, 150)
        >>> round(low, 4), round(high, 4)
        (0.0068, 0.0571)
    """
    rate = reports / pairs
    spread = _Z * math.sqrt(rate * (1 - rate) / pairs + _Z**2 / (4 * pairs**2))
    middle = rate + _Z**2 / (2 * pairs)
    scale = 1 + _Z**2 / pairs
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
