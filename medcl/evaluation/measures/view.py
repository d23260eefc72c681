"""All measures of a view and of a pair of views, gathered."""

from collections.abc import Mapping

from medcl.evaluation.measures.field import field_of_view, lesion_pair
from medcl.evaluation.measures.geometry import pair_geometry, view_geometry
from medcl.evaluation.measures.likeness import likeness
from medcl.evaluation.measures.noise import texture
from medcl.evaluation.measures.observed import Observed
from medcl.evaluation.measures.tissue import tissue_drift
from medcl.evaluation.measures.uptake import calibration
from medcl.evaluation.quantities.table import QUANTITIES

Figures = Mapping[str, float]


def measure_view(observed: Observed) -> dict[str, float]:
    """Return every figure of one view that can be measured, signed where there is a sign.

    Args:
        observed: The view beside its truth.

    Returns:
        Figures by the name of their quantity.
    """
    return {
        **view_geometry(observed),
        **tissue_drift(observed),
        **calibration(observed),
        **likeness(observed),
        **texture(observed),
        **field_of_view(observed),
    }


def measure_pair(
    first: Observed, second: Observed, figures: tuple[Figures, Figures]
) -> dict[str, float]:
    """Return every figure that compares two views of one volume.

    What each view departs from the volume by is compared, on the places each shows: what both
    depart by alike, no comparison of views can teach.

    Args:
        first: One view.
        second: The other.
        figures: What was measured on each.

    Returns:
        Figures by the name of their quantity.
    """
    return {**pair_geometry(first, second), **lesion_pair(*figures), **gaps(*figures)}


def gaps(one: Figures, other: Figures) -> dict[str, float]:
    """Return the difference, or the ratio, of what was measured on two views.

    Args:
        one: Figures of one view.
        other: Figures of the other.

    Returns:
        Figures by the name of their quantity, of those that both views have.
    """
    found: dict[str, float] = {}
    for quantity in QUANTITIES:
        if not quantity.has_gap or quantity.name not in one or quantity.name not in other:
            continue
        here, there = one[quantity.name], other[quantity.name]
        if quantity.better != "one":
            found[quantity.gap().name] = here - there
        elif here > 0 and there > 0:
            found[quantity.gap().name] = here / there
    return found
