"""Alone: how far the views of a policy with a single transform depart from the truth, by flag."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medcl.augment.contract import Flag
from medcl.augment.policy import Policy
from medcl.augment.views import draw, draw_locals
from medcl.evaluation.audit.departures import LEVEL, as_presumed, departures, sampled
from medcl.evaluation.measures.anatomy import Anatomy, Case, anatomy_of
from medcl.evaluation.measures.local_view import measure_local, measure_local_pair
from medcl.evaluation.measures.observed import Observed, observe
from medcl.evaluation.measures.view import Figures, measure_pair, measure_view
from medcl.evaluation.quantities.local import LEFT_OUT

ByFlag = Mapping[str, Sequence[float]]

GAP = "_between_views"
"""Ending of the names of what two views depart by from one another."""

LOST_BY_CROP = "lost by crop"
"""A crop's bound is on what two views do not share: a lesion lies anywhere in them."""

SAMPLED = "sampled "
"""Beginning of the names of what is measured against the volume, its sampling included."""

_NOT_OF_LOCAL = frozenset({*LEFT_OUT, "ordering", "duplicated_tissue"})
"""Likenesses too: a small view may show a single tissue, and its noise has no order to be kept."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is measured on: volumes, and what is where in them for global and for local views."""

    cases: Sequence[Case]
    anatomies: Sequence[Anatomy]
    local_anatomies: Sequence[Anatomy]
    seed: int


@dataclass(slots=True)
class Departures:
    """How far each view departs from the truth, by flag."""

    whole: dict[str, list[float]] = field(default_factory=dict)
    local: dict[str, list[float]] = field(default_factory=dict)

    def of(self, *, is_local: bool) -> ByFlag:
        """Return what was found on global or on local views."""
        return self.local if is_local else self.whole


def scene_of(
    policy: Policy, cases: Sequence[Case], anatomies: Sequence[Anatomy], seed: int
) -> Scene:
    """Return what policies are measured on.

    Args:
        policy: Gives the spacings of its views.
        cases: Volumes of its modality.
        anatomies: What is where in them, with borders as wide as the spacing of global views.
        seed: Seed of all draws.

    Returns:
        The scene.
    """
    local = policy.local
    if local is None or local.spacing_mm == policy.grid.spacing_mm:
        return Scene(cases, anatomies, anatomies, seed)
    small = [anatomy_of(case, policy.modality, local.spacing_mm, policy.window) for case in cases]
    return Scene(cases, anatomies, small, seed)


def departures_of(
    policy: Policy, scene: Scene, draws: int, corners: int, presumed: float = 0.0
) -> Departures:
    """Return how far each view of a policy departs from the truth.

    Args:
        policy: The policy.
        scene: What it is measured on.
        draws: Random pairs of views per volume; of each, a local view where the policy has some.
        corners: Pairs per volume at the corners of all ranges.
        presumed: Least noise of a scan that the contract of a transform speaks of.

    Returns:
        Departures by flag; with `GAP`, of pairs; with `SAMPLED`, by tissue, from the volume.
    """
    cases, sources = scene.cases, [case.source for case in scene.cases]
    found = Departures()
    for step in range(draws + corners):
        is_corner = step >= draws
        drawn = [
            draw(policy, sources, seed=scene.seed, step=step, view=view, corners=is_corner)
            for view in (0, 1)
        ]
        pairs = [observe(each, cases, scene.anatomies) for each in drawn]
        known = [[measure_view(view) for view in views] for views in pairs]
        for first, second, *figures in zip(*pairs, *known, strict=True):
            for each in figures:
                _add(found.whole, departures(as_presumed(each, presumed), policy))
                _add_sampled(found.whole, each)
            pair = measure_pair(first, second, (figures[0], figures[1]))
            found.whole.setdefault(LOST_BY_CROP, []).append(1 - pair["overlap"])
            _add(found.whole, departures(_apart(figures[0], figures[1], pair), policy), GAP)
        if policy.local is None:
            continue
        # One in each global view: more of them are more draws, not other ones.
        for number in range(min(policy.local.count, 2)):
            small = draw_locals(
                policy,
                sources,
                seed=scene.seed,
                step=step,
                number=number,
                corners=is_corner,
                around=drawn,
            )
            seen = observe(small, cases, scene.local_anatomies)
            for view, around, its in zip(seen, pairs[number], known[number], strict=True):
                _add_local(found.local, view, around, its, policy, presumed)
    return found


def _add_local(
    found: dict[str, list[float]],
    view: Observed,
    around: Observed,
    known: Figures,
    policy: Policy,
    presumed: float,
) -> None:
    figures = {
        name: value for name, value in measure_local(view).items() if name not in _NOT_OF_LOCAL
    }
    _add(found, departures(as_presumed(figures, presumed), policy))
    _add_sampled(found, figures)
    pair = measure_local_pair(view, around, (figures, known), is_inside=True)
    _add(found, departures(_apart(figures, known, pair), policy), GAP)


def _apart(one: Figures, other: Figures, pair: Figures) -> dict[str, float]:
    """Return the figures of a view, of which those that are compared are what two differ by."""
    gaps = {name.removesuffix(GAP): value for name, value in pair.items() if GAP in name}
    own = {name: value for name, value in one.items() if not name.startswith(LEVEL)}
    for name in (each for each in one if each.startswith(LEVEL) and each in other):
        is_doubt = name.endswith(("_error", "_filtered"))
        apart = math.hypot(one[name], other[name]) if is_doubt else one[name] - other[name]
        gaps[name] = apart
    return own | gaps


def _add_sampled(found: dict[str, list[float]], figures: Figures) -> None:
    for name, value in sampled(figures).items():
        found.setdefault(f"{SAMPLED}{name}", []).append(value)


def _add(found: dict[str, list[float]], by_flag: Mapping[Flag, float], ending: str = "") -> None:
    for flag, value in by_flag.items():
        found.setdefault(f"{flag.value}{ending}", []).append(value)
