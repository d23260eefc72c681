"""Learning-rate schedules as pure functions of the step: a resumed run needs no saved state."""

import math


def warmup_cosine(step: int, *, steps: int, warmup_steps: int, floor: float = 0.0) -> float:
    """Return the factor on the peak learning rate at one step.

    It rises linearly over the warm-up, is 1 at the first step after it, and falls along half a
    cosine to ``floor`` at ``steps``. The first step already has a rate above 0.

    Args:
        step: Steps taken so far, ``0 <= step < steps``.
        steps: Length of the run.
        warmup_steps: Steps of linear rise, at most ``steps``; 0 starts at the peak.
        floor: Factor the cosine falls to, in ``[0, 1]``.

    Returns:
        A factor in ``(0, 1]``.

    References:
        Loshchilov and Hutter, "SGDR", ICLR 2017, arXiv:1608.03983, equation 5 without restarts.

    Example:
        >>> [round(warmup_cosine(s, steps=6, warmup_steps=2), 3) for s in range(6)]
        [0.333, 0.667, 1.0, 0.854, 0.5, 0.146]
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2
