"""Two rendered views of two series: what both show, and whether they agree in place."""

import numpy as np
from scipy import ndimage

from medcl.evaluation.measures.agreement import FEWEST_POINTS, agreement, binned, edges_of
from medcl.evaluation.measures.geometry import between_views
from medcl.evaluation.measures.observed import Observed
from medcl.evaluation.measures.sharing import shared_fraction
from medcl.geometry.affine import transform_points
from medcl.shapes import Points

_MOST_VOXELS = 16_000
_SIDES = [sign * np.eye(3)[axis] for axis in range(3) for sign in (-1.0, 1.0)]


def partner_pair(first: Observed, second: Observed, *, aside_mm: float) -> dict[str, float]:
    """Return how two views of two series in one frame go together.

    Args:
        first: A view of one volume.
        second: A view of the other, of the same size and spacing.
        aside_mm: How far the second is moved on purpose, to be compared with.

    Returns:
        ``mirrored``, 0 or 1; angle and size from view to view; ``overlap``, the part of what one
        view shows of its volume that the other shows of its own, the smaller of both ways;
        ``body_in_common``, twice the body that both show as body by the body of both (Dice);
        ``agreement_lost_aside``, the part of their agreement that is lost where the second is
        moved, on average of six directions. What cannot be told is left out.
    """
    handed = [float(np.linalg.det(each.map.view_to_world[:3, :3])) for each in (first, second)]
    figures = {
        "mirrored": float(handed[0] * handed[1] < 0),
        **between_views(first, second),
        "overlap": shared_fraction(first.map, second.map, measured=True),
    }
    world = _world_of(first)
    step = -(-len(world) // _MOST_VOXELS)
    places, here = world[::step], first.shown.ravel()[::step]
    there = _seen_in(second, places)
    both = here & _of_nearest(second, second.shown, there) & _within(second, there)
    if both.sum() < FEWEST_POINTS:
        return figures
    bodies = first.body.ravel()[::step][both], _of_nearest(second, second.body, there)[both]
    if bodies[0].any() or bodies[1].any():
        common = 2 * (bodies[0] & bodies[1]).sum() / (bodies[0].sum() + bodies[1].sum())
        figures["body_in_common"] = float(common)
    in_place = _agreement(first, second, places, here, step)
    asides = [_agreement(first, second, places + aside_mm * to, here, step) for to in _SIDES]
    known = [each for each in asides if each is not None]
    if in_place and known:
        figures["agreement_lost_aside"] = 1 - float(np.mean(known)) / in_place
    return figures


def _world_of(view: Observed) -> Points:
    """Return the world points in mm that the voxels of a view show, as rendered."""
    return transform_points(view.map.source_affine, view.map.places.reshape(3, -1).T)


def _seen_in(view: Observed, world: Points) -> Points:
    return view.map.voxels_of(world)


def _within(view: Observed, voxels: Points) -> np.ndarray:
    last = np.asarray(view.grey.shape) - 0.5
    return np.asarray(((voxels >= -0.5) & (voxels <= last)).all(axis=1))


def _of_nearest(view: Observed, values: np.ndarray, voxels: Points) -> np.ndarray:
    x, y, z = np.clip(np.rint(voxels), 0, np.asarray(view.grey.shape) - 1).astype(int).T
    return np.asarray(values[x, y, z])


def _agreement(
    first: Observed, second: Observed, places: Points, here: np.ndarray, step: int
) -> float | None:
    """Return how well two views agree where one is looked up in the other at given places."""
    voxels = _seen_in(second, places)
    both = here & _within(second, voxels) & _of_nearest(second, second.shown, voxels)
    if both.sum() < FEWEST_POINTS:
        return None
    one = first.grey.ravel()[::step][both]
    other = ndimage.map_coordinates(second.grey, voxels[both].T, order=1, mode="nearest")
    edges = [edges_of(each.grey[_body_of(each)]) for each in (first, second)]
    return agreement(binned(one, edges[0]), binned(other, edges[1]))


def _body_of(view: Observed) -> np.ndarray:
    """Return where the body is shown, or all that is shown where there is hardly any."""
    body = view.body & view.shown
    return np.asarray(body if body.sum() >= FEWEST_POINTS else view.shown)
