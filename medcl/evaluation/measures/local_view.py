"""A local view beside the global views that it is matched with."""

import numpy as np

from medcl.evaluation.measures.field import lesion_pair
from medcl.evaluation.measures.geometry import between_views
from medcl.evaluation.measures.observed import Observed
from medcl.evaluation.measures.view import Figures, gaps, measure_view
from medcl.evaluation.measures.view_map import ViewMap

_SURE = 1 / 16
"""Noise counts where its standard error is at most a quarter of what it may change by, 25 %."""
_OF_NOISE = frozenset(
    {"noise_ratio", "noise_frequency", "noise_sampled", "snr_ratio", "contrast_to_noise"}
)
_EDGE = 0.5 + 0.05  # to the side of the last voxel, and what interpolated maps are known to
_ROUNDS = 12


def measure_local(local: Observed) -> dict[str, float]:
    """Return every figure of one local view that so few voxels can tell.

    Args:
        local: The view beside its truth.

    Returns:
        Figures by the name of their quantity; none of noise where chance alone changes them.
    """
    figures = measure_view(local)
    if figures.get("noise_error", 0.0) <= _SURE:
        return figures
    return {
        name: value
        for name, value in figures.items()
        if name.removesuffix("_error") not in _OF_NOISE
    }


def measure_local_pair(
    local: Observed, around: Observed, figures: tuple[Figures, Figures], *, is_inside: bool
) -> dict[str, float]:
    """Return every figure that compares a local view with a global one of the same volume.

    Args:
        local: The local view.
        around: The global view.
        figures: What was measured on each.
        is_inside: Whether the local view was drawn inside of this global one.

    Returns:
        Figures by the name of their quantity: ``contained`` for the global view that the local one
        was drawn in, ``shared_with_other`` for the other one.
    """
    shown = "contained" if is_inside else "shared_with_other"
    pair = lesion_pair(*figures)
    pair.pop("lesion_kept", None)
    return {
        **between_views(local, around),
        **gaps(*figures),
        **pair,
        shown: shown_part(local.map, around.map),
    }


def shown_part(one: ViewMap, other: ViewMap) -> float:
    """Return the part of a view's voxels whose places another view of the volume shows.

    A map that is bent is inverted by fixed-point iteration: what it departs from its affine by is
    taken off again and again, which converges for every map that does not fold.

    Args:
        one: Map of the first view.
        other: Map of the second view, of any size.

    Returns:
        From 0 to 1.
    """
    shape = np.reshape(other.inside.shape, (3, 1))
    to_source = np.linalg.inv(other.source_affine) @ other.view_to_world
    back = np.linalg.inv(to_source)
    places = one.places.reshape(3, -1)
    voxels = back[:3, :3] @ places + back[:3, 3:]
    if not other.is_straight:
        wanted = places
        for _ in range(_ROUNDS):
            off = other.departure_at(voxels)
            voxels = back[:3, :3] @ (wanted - off) + back[:3, 3:]
    inside = (voxels >= -_EDGE) & (voxels <= shape - 1 + _EDGE)
    return float(inside.all(axis=0).mean())
