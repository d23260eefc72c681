"""From rows of the catalogue to drawn views: what a pair is of, with partners or without."""

from collections.abc import Mapping, Sequence

from medcl.augment import views
from medcl.augment.drawing.source import Lesion
from medcl.augment.policy import Policy
from medcl.augment.views import Drawn
from medcl.store.partners import Partners
from medcl.store.rows import VolumeRow
from medcl.store.viewing import source_of

NUM_GLOBAL_VIEWS = 2

ViewRows = list[list[VolumeRow]]
"""Per row of a batch, the volume of each of its views: its own, or a partner of the patient."""


def draw_views(
    policy: Policy,
    rows: Sequence[VolumeRow],
    *,
    seed: int,
    step: int,
    partners: Partners,
    lesions: Mapping[str, tuple[Lesion, ...]],
) -> tuple[tuple[Drawn, ...], ViewRows]:
    """Return the views of some volumes in one step, and the volume that each is of.

    Args:
        policy: How views are drawn.
        rows: Volumes, one pair of each.
        seed: Of the views.
        step: Which draw of them.
        partners: By key, volumes that the second view may be of.
        lesions: By key of the volume, points of each of its lesions, where they are known.

    Returns:
        Both global views and then the local ones; per row, the volume of each of its views.
    """
    sources = [source_of(row, lesions) for row in rows]
    beside = [partners.get(row.key, ()) for row in rows]
    others = [[source_of(row, lesions) for row in each] for each in beside]
    drawn: list[Drawn] = []
    for view in range(NUM_GLOBAL_VIEWS):
        first = drawn[0] if drawn else None
        drawn.append(
            views.draw(policy, sources, seed=seed, step=step, view=view, others=others, first=first)
        )
    around, local = drawn[:], policy.local
    drawn += [
        views.draw_locals(policy, sources, seed=seed, step=step, number=number, around=around)
        for number in range(0 if local is None else local.count)
    ]
    row_of = {
        id(source): row
        for own, row, theirs, known in zip(sources, rows, others, beside, strict=True)
        for source, row in [(own, row), *zip(theirs, known, strict=True)]
    }
    taken = [[row_of[id(source)] for source in each.sources] for each in drawn]
    return tuple(drawn), [list(volumes) for volumes in zip(*taken, strict=True)]


def num_of_two(first: Drawn, second: Drawn) -> int:
    """Return how many pairs are of two volumes.

    Args:
        first: First views of some volumes.
        second: Second views, in the same order.

    Returns:
        Their number; volumes are told apart by their words, which partners never share.
    """
    pairs = zip(first.sources, second.sources, strict=True)
    return sum(one.word != other.word for one, other in pairs)
