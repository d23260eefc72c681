"""Which labelled volumes stand in a batch: a pure function of (seed, step)."""

from collections.abc import Sequence

import numpy as np

from medcl.runtime import seeds


def batch_places(
    targets: Sequence[int], *, step: int, batch_size: int, is_balanced: bool, seed: int
) -> list[int]:
    """Return which volumes a step learns from.

    Volumes come up in seeded permutations, one after the other, so that each is seen as often as
    any other of its class, to one. Balanced, classes take turns.

    Args:
        targets: Class of each volume; all equal where classes do not matter.
        step: Steps taken so far.
        batch_size: Places to return.
        is_balanced: Whether each class comes up equally often.
        seed: Of the permutations.

    Returns:
        ``batch_size`` indices into ``targets``; with fewer volumes some come up again.

    Example:
        >>> picked = batch_places([0, 0, 0, 1], step=0, batch_size=4, is_balanced=True, seed=0)
        >>> sum(place == 3 for place in picked)
        2
    """
    classes = sorted(set(targets)) if is_balanced else [None]
    members = [
        [place for place, target in enumerate(targets) if chosen in {None, target}]
        for chosen in classes
    ]
    slots = range(step * batch_size, (step + 1) * batch_size)
    return [_member(members, slot, seed) for slot in slots]


def _member(members: Sequence[Sequence[int]], slot: int, seed: int) -> int:
    turn, group = divmod(slot, len(members))
    epoch, position = divmod(turn, len(members[group]))
    order = seeds.generator(seed, "labelled", group, epoch).permutation(len(members[group]))
    return int(np.asarray(members[group])[order[position]])
