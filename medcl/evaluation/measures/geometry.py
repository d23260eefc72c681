"""Geometry of views: side, turn, size, folding, and what two views share."""

import numpy as np

from medcl.evaluation.measures.observed import Observed
from medcl.evaluation.measures.sharing import shared_fraction


def view_geometry(observed: Observed) -> dict[str, float]:
    """Return where a view departs from the anatomy it shows.

    ``orientation`` in degrees; ``scale`` and ``volume_change`` as fractions; ``mirrored`` and
    ``folded`` as shares; the rest are volume ratios by ten determinants per cell, 1 where nothing
    changes. A mirror image as a whole is not folded, so its sign is taken out.

    Args:
        observed: The view.

    Returns:
        Figures by name.
    """
    linear = observed.map.view_to_world[:3, :3] / np.asarray(observed.spacing_mm)
    angle, zooms = turn_and_zoom(linear)
    handed = float(np.linalg.det(linear))
    ratios = observed.map.volume_ratios(observed.spacing_mm) * np.sign(handed)
    low, high = np.percentile(ratios, [1, 99])
    return {
        "mirrored": float(handed < 0),
        "orientation": angle,
        "scale": max(abs(zoom - 1) for zoom in zooms),
        "volume_change": 1 / abs(float(ratios.mean())) - 1 if ratios.mean() else -1.0,
        "folded": float((ratios <= 0).mean()),
        "jacobian_min": float(ratios.min()),
        "jacobian_low": float(low),
        "jacobian_high": float(high),
    }


def pair_geometry(first: Observed, second: Observed) -> dict[str, float]:
    """Return how far two views of one volume lie apart.

    Args:
        first: One view.
        second: The other, of the same size and spacing.

    Returns:
        Angle in degrees, size as a fraction, and the smaller part of one that the other shows.
    """
    shared = shared_fraction(first.map, second.map)
    return {**between_views(first, second), "overlap": shared}


def between_views(first: Observed, second: Observed) -> dict[str, float]:
    """Return how anatomy is turned and magnified from one view to another, as voxels show it.

    Args:
        first: One view.
        second: The other; a spacing of its own magnifies, for no network is told it.

    Returns:
        Angle in degrees and size as a fraction.
    """
    one, other = first.map.view_to_world, second.map.view_to_world
    spacing = np.diag(first.spacing_mm)
    between = spacing @ np.linalg.inv(other[:3, :3]) @ one[:3, :3] @ np.linalg.inv(spacing)
    angle, zooms = turn_and_zoom(between)
    return {
        "orientation_between_views": angle,
        "scale_between_views": max(*zooms, *(1 / zoom for zoom in zooms)) - 1,
    }


def turn_and_zoom(linear: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Return the rotation angle in degrees and the smallest and largest magnification.

    Args:
        linear: View mm → world mm, 3 x 3; its mirror, if any, is taken out first.

    Returns:
        The angle of the nearest rotation, and magnifications of anatomy in the view.

    Example:
        >>> angle, zooms = turn_and_zoom(np.eye(3) / 1.1)
        >>> angle, round(zooms[0], 3)
        (0.0, 1.1)
    """
    left, stretches, right = np.linalg.svd(linear)
    turn = left @ right
    cosine = (np.trace(turn * np.sign(np.linalg.det(turn))) - 1) / 2
    angle = float(np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0))))
    return angle, (float(1 / stretches.max()), float(1 / stretches.min()))
