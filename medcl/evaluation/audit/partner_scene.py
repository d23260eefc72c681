"""Two volumes beside one another: where they lie, and views drawn of both as in pretraining."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from medcl.augment.partner import OtherSeries
from medcl.augment.policy import Policy
from medcl.augment.views import draw
from medcl.evaluation.measures.agreement import Scan, Shared, shared_places
from medcl.evaluation.measures.alignment import Alignment, alignment_of
from medcl.evaluation.measures.anatomy import Case, anatomy_of
from medcl.evaluation.measures.observed import observe
from medcl.evaluation.measures.partner_view import partner_pair
from medcl.evaluation.quantities.partners import place_limit_mm
from medcl.shapes import Vector3

_REACH = 2.0
"""A partner is looked for this many times as far off as it may lie."""


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """A volume and a partner of it.

    Attributes:
        first: The volume.
        second: Another series of the patient in the same frame.
    """

    first: Scan
    second: Scan

    @property
    def patient(self) -> str:
        """Whose they are."""
        return self.first.case.patient


def beside(first: Case, second: Case, policy: Policy) -> Beside:
    """Return two volumes with what is where in them."""
    one, other = (
        Scan(each, anatomy_of(each, policy.modality, policy.grid.spacing_mm, policy.window))
        for each in (first, second)
    )
    return Beside(one, other)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where a partner lies, as far as it can be told.

    Attributes:
        shared: The places that both volumes show; ``None`` where they show none.
        alignment: Where the partner lies by the pictures; ``None`` likewise.
        figures: By the names of their quantities.
    """

    shared: Shared | None
    alignment: Alignment | None
    figures: dict[str, float]


def placed(pair: Beside, policy: Policy, *, from_mm: Vector3 | None = None) -> Placed:
    """Return where the partner lies against its header.

    Args:
        pair: Both volumes.
        policy: Gives the limits.
        from_mm: Where it is measured from; by default where its header says.

    Returns:
        What was found.
    """
    shared = shared_places(pair.first, pair.second)
    if shared is None:
        return Placed(None, None, {"place_told": 0.0})
    limit = place_limit_mm(policy)
    found = alignment_of(shared, reach_mm=_REACH * limit)
    origin = np.zeros(3) if from_mm is None else from_mm
    off = float(np.linalg.norm(np.asarray(found.shift_mm) - origin))
    # Where there is little room to look in, it may lie farther off than was found.
    is_told = found.is_told and not (found.is_cut and off <= limit)
    figures = {"place_told": float(is_told)}
    if is_told:
        figures |= {"place_off": off, "turned": found.turn_degrees, "magnified": found.zoom}
    if found.looks_mirrored is not None:
        figures["looks_mirrored"] = float(found.looks_mirrored)
    if found.looks_upside_down is not None:
        figures["looks_upside_down"] = float(found.looks_upside_down)
    return Placed(shared, found, figures)


def viewed(
    pair: Beside, policy: Policy, *, seed: int, steps: int, corners: Sequence[int] = ()
) -> list[dict[str, float] | None]:
    """Return figures of pairs of views, the second of the partner, drawn as in pretraining.

    Args:
        pair: Both volumes.
        policy: How views are drawn.
        seed: Of the draws.
        steps: How many.
        corners: Those of them that are drawn at the ends of all ranges.

    Returns:
        One per draw; ``None`` where the partner does not show the place.
    """
    asking = replace(policy, partner=OtherSeries(probability=1.0))
    scans = pair.first, pair.second
    first, second = (each.case.source for each in scans)
    figures: list[dict[str, float] | None] = []
    for step in range(steps):
        drawn = [
            draw(
                asking,
                [first],
                seed=seed,
                step=step,
                view=view,
                corners=step in corners,
                others=[[second]],
            )
            for view in (0, 1)
        ]
        if drawn[1].sources[0] is not second:
            figures.append(None)
            continue
        seen = [
            observe(view, [scan.case], [scan.anatomy])[0]
            for view, scan in zip(drawn, scans, strict=True)
        ]
        figures.append(partner_pair(*seen, aside_mm=place_limit_mm(policy)))
    return figures
