"""Tissue that a view shows twice, as padding by reflection does."""

import numpy as np
from scipy import ndimage

from medcl.evaluation.measures.observed import Grey, Mask, Observed

_DEPTH = 6
"""Voxels on each side of a plane that are compared."""
_SMOOTH_VOXELS = 2.0
_ALIKE = 0.5
"""Part of what both sides differ by in a smoothed volume, below which they are too alike."""
_LIKE = 0.95


def duplicated_tissue(observed: Observed) -> float | None:
    """Return how much the fine structure beside some plane is the reflection of the other side.

    Noise and texture repeat nowhere in a body; padding by reflection repeats them exactly. What
    smooths a view makes neighbours alike, and so both sides of every plane a little; but they
    differ across it as much as in a smoothed volume, which a reflection does not.

    Args:
        observed: The view.

    Returns:
        The largest correlation above that of the truth at the same plane, as a part of what that
        leaves open, over planes whose sides are too alike; 0 where there are none, ``None`` in a
        view too thin to have two sides.
    """
    if max(observed.grey.shape) < 2 * _DEPTH:
        return None
    shown, low = observed.shown, observed.low
    seen, smooth = (
        np.where(shown, each, low)
        for each in (observed.grey, ndimage.gaussian_filter(observed.truth, _SMOOTH_VOXELS))
    )
    scale = float(np.std(seen)) / max(float(np.std(smooth)), 1e-12)
    view, truth = (_fine(grey, observed.mask) for grey in (observed.grey, observed.truth))
    found = 0.0
    for axis in range(3):
        if observed.grey.shape[axis] < 2 * _DEPTH + 1:
            continue
        for gap in (0, 1):
            here, there = (_reflected(np.moveaxis(each, axis, 0), gap) for each in (view, truth))
            differs, should = (
                _difference(np.moveaxis(each, axis, 0), gap) for each in (seen, smooth)
            )
            above = (here - np.maximum(there, 0)) / (1 - np.clip(there, 0, _LIKE))
            above = np.where(differs < _ALIKE * scale**2 * should, above, 0)
            found = max(found, float(above.max()))
    return found


def _difference(grey: Grey, gap: int) -> np.ndarray:
    """Return the summed squares of what both sides of every plane differ by."""
    planes = len(grey) - 2 * _DEPTH - gap + 1
    found = np.zeros(planes)
    for step in range(_DEPTH):
        first, second = _DEPTH - 1 - step, _DEPTH + gap + step
        apart = grey[first : first + planes] - grey[second : second + planes]
        found += np.einsum("xyz,xyz->x", apart, apart)
    return found


def _fine(grey: Grey, mask: Mask) -> Grey:
    return np.asarray((grey - ndimage.uniform_filter(grey, 3)) * mask)


def _reflected(fine: Grey, gap: int) -> np.ndarray:
    """Return the correlation of both sides of every plane; of voxels if ``gap`` is 1, else between.

    A side with next to no structure, such as air that the window cuts, has none.
    """
    size, depth = len(fine), _DEPTH
    planes = size - 2 * depth - gap + 1
    if planes < 1:
        return np.empty(0)
    energy = (fine**2).sum(axis=(1, 2))
    products, before, after = np.zeros(planes), np.zeros(planes), np.zeros(planes)
    for step in range(depth):
        first, second = depth - 1 - step, depth + gap + step
        left, right = fine[first : first + planes], fine[second : second + planes]
        products += np.einsum("xyz,xyz->x", left, right)
        before += energy[first : first + planes]
        after += energy[second : second + planes]
    least = 0.1 * depth * float(energy.mean())
    strong = np.minimum(before, after) > max(least, 1e-12)
    return np.where(strong, products / np.sqrt(np.maximum(before * after, 1e-24)), 0.0)
