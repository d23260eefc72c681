"""Parts: what hangs together in a mask, found by NumPy alone, which is there already."""

import numpy as np
from jaxtyping import Bool, Int32, Int64

Mask = Bool[np.ndarray, "A B C"]


def large_parts(mask: Mask, least: float) -> Mask:
    """Return the parts of a mask that are not much smaller than the largest.

    Voxels hang together by their faces.

    Args:
        mask: Any voxels.
        least: Smallest part to keep, as a fraction of the largest one's voxels, 0 to 1.

    Returns:
        True in the parts that are kept; the largest always is.

    Example:
        >>> mask = np.array([[[1, 1, 1, 0, 1, 0, 1, 1]]], bool)
        >>> large_parts(mask, 0.5).astype(int).tolist()
        [[[1, 1, 1, 0, 0, 0, 1, 1]]]
    """
    if not mask.any():
        return mask
    runs = _numbered_runs(mask)
    lengths = np.bincount(runs[mask])
    parts = _joined(*_touching(mask, runs), len(lengths))
    sizes = np.bincount(parts, weights=lengths)
    is_large = (sizes >= least * sizes.max())[parts]
    return np.asarray(mask & is_large[runs])


def eroded(mask: Mask) -> Mask:
    """Return a mask without its voxels that have a face in common with one outside of it.

    What lies beyond the array counts as inside.

    Example:
        >>> eroded(np.array([[[1, 1, 1, 0, 1]]], bool)).astype(int).tolist()
        [[[1, 1, 0, 0, 0]]]
    """
    inner = mask.copy()
    for axis in range(3):
        given, left = np.moveaxis(mask, axis, 0), np.moveaxis(inner, axis, 0)
        left[1:] &= given[:-1]
        left[:-1] &= given[1:]
    return inner


def _numbered_runs(mask: Mask) -> Int32[np.ndarray, "A B C"]:
    """Return at each voxel of a mask the number of its unbroken run along the last axis.

    Outside of the mask stands the number of some run.
    """
    starts = mask.copy()
    starts[..., 1:] &= ~mask[..., :-1]
    runs = np.cumsum(starts, dtype=np.int32)
    runs -= 1
    return runs.reshape(mask.shape)


def _touching(
    mask: Mask, runs: Int32[np.ndarray, "A B C"]
) -> tuple[Int32[np.ndarray, "P"], Int32[np.ndarray, "P"]]:
    """Return numbers of pairs of runs that have faces in common."""
    pairs = []
    for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        both = mask[here] & mask[there]
        found = np.stack([runs[here][both], runs[there][both]])
        is_new = np.ones(found.shape[1], bool)
        is_new[1:] = (found[:, 1:] != found[:, :-1]).any(axis=0)
        pairs.append(found[:, is_new])
    first, second = np.concatenate(pairs, axis=1)
    return first, second


def _joined(
    first: Int32[np.ndarray, "P"], second: Int32[np.ndarray, "P"], count: int
) -> Int64[np.ndarray, "N"]:
    """Return for each number the smallest of all that pairs join it to, over any steps."""
    roots = np.arange(count)
    while True:
        lower = roots.copy()
        ends = roots[first], roots[second]
        for end in ends:
            np.minimum.at(lower, end, np.minimum(*ends))
        while (lower[lower] != lower).any():
            lower = lower[lower]
        if (lower == roots).all():
            return roots
        roots = lower
