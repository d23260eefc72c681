"""Where the patient is: the box of voxels that hold the body, found on a thin grid of samples.

A CT's field of view holds the table and what lies on it, which are no patient. They are thin, so a
layer of samples is taken off before it is looked at what hangs together, and they are less than
the patient. Legs and arms may lie apart from each other, so more than one part can be kept.
"""

import numpy as np

from medcl.geometry.boxes import Box
from medcl.geometry.parts import Mask, eroded, large_parts
from medcl.store.coding import LinearCoding, Values
from medcl.store.measures import HuScale
from medcl.store.samples import sample
from medcl.store.statistics import Levels, foreground_floor
from medcl.volume import Volume

_MOST, _FEWEST = 48, 14  # samples along an axis
_STEP = 4  # voxels from one to the next, if that leaves no fewer: small volumes are many
_BODY_HU = -500.0
_LEAST_OF_CT = 0.25
_LEAST = 0.01


def body_box(
    codes: Values, coding: LinearCoding, volume: Volume, levels: Levels, *, hu_scale: HuScale | None
) -> Box | None:
    """Return the box that holds the patient's body; the first channel is looked at.

    In a CT the body is what is above -500 HU (if its values are HU) and hangs together, without
    what is thin; elsewhere it is the foreground of `medcl.store.measures.Statistics`, without
    specks. Along an axis there are at most 48 samples, every fourth voxel where that leaves 14 of
    them. Where not every voxel is one, the box ends at the second sample beyond those in the body,
    so that no tip between them is left out; beside something thin that was taken off, such as a
    table, at the third.

    Args:
        codes: Stored numbers, shape ``(C, X, Y, Z)``.
        coding: Turns codes into values.
        volume: What they are.
        levels: Histogram of all values.
        hu_scale: Whether a CT's values are HU.

    Returns:
        Voxels; ``None`` where there is no foreground.

    Example:
        >>> array = np.full((1, 20, 20, 8), -1000, np.int16)
        >>> array[:, 8:17, 5:15] = 40
        >>> volume = Volume(array=array, affine=np.eye(4), modality="CT", unit="HU")
        >>> levels = Levels(np.array([-1000.0, 40.0]), np.array([2480, 720]))
        >>> coding = LinearCoding(1.0, 0.0, "int16")
        >>> body_box(array, coding, volume, levels, hu_scale="plausible")
        Box(lower=(8, 5, 0), upper=(17, 15, 8))
    """
    is_ct = volume.modality == "CT"
    in_hu = is_ct and hu_scale != "shifted"
    floor = _BODY_HU if in_hu else foreground_floor(levels, is_ct=is_ct)[1]
    runs = [_run(length) for length in volume.shape]
    x, y, z = (slice(run.start, run.stop, run.step) for run in runs)
    filled = sample(codes[0], volume.validity, coding, (x, y, z)) > floor
    if not filled.any():
        return None
    inner = eroded(filled) if is_ct else filled
    layer = int(is_ct and inner.any())
    core = large_parts(inner if inner.any() else filled, _LEAST_OF_CT if is_ct else _LEAST)
    tip = int(any(run.step > 1 for run in runs))
    lower, upper = [], []
    for axis, run in enumerate(runs):
        ends, bounds = _ends(core, axis), _ends(filled, axis)
        low = max(ends[0] - layer, bounds[0]) - tip
        high = min(ends[1] + layer, bounds[1]) + tip
        lower.append(run[low - 1] + 1 if low > 0 else 0)
        upper.append(run[high + 1] if high + 1 < len(run) else volume.shape[axis])
    return Box((lower[0], lower[1], lower[2]), (upper[0], upper[1], upper[2]))


def _run(length: int) -> range:
    step = max(-(-length // _MOST), min(_STEP, length // _FEWEST), 1)
    return range((length - 1) % step // 2, length, step)


def _ends(mask: Mask, axis: int) -> tuple[int, int]:
    """Return the first and the last index along an axis where a mask holds something."""
    others = tuple(other for other in range(3) if other != axis)
    used = np.flatnonzero(mask.any(axis=others))
    return int(used[0]), int(used[-1])
