"""How usable a volume is, from its histogram and a thin sample of its voxels."""

import numpy as np

from medcl.store.coding import LinearCoding, Values
from medcl.store.hounsfield import hu_scale
from medcl.store.measures import HuScale, Quality, slice_axis
from medcl.store.samples import Sample, sample
from medcl.store.statistics import Levels, foreground_floor
from medcl.volume import Volume

_PER_AXIS = 64
_NOISE_SLICES = 16
_FEWEST_LEVELS = 16
_NEIGHBOURS = 8
_ABOVE_AIR_HU = -900.0
_EMPTY = 0.001
_MAD_TO_SD = 0.6745


def quality_of(codes: Values, coding: LinearCoding, volume: Volume, levels: Levels) -> Quality:
    """Return the quality of a volume; its first channel is looked at.

    Args:
        codes: Stored numbers, shape ``(C, X, Y, Z)``.
        coding: Turns codes into values.
        volume: What they are.
        levels: Histogram of all values.

    Returns:
        Figures in the volume's unit.

    Example:
        >>> array = np.zeros((1, 20, 20, 6), np.int16)
        >>> array[:, 5:15, 5:15, :4] = 100
        >>> volume = Volume(array=array, affine=np.eye(4), modality="MR", unit="a.u.")
        >>> levels = Levels(np.array([0.0, 100.0]), np.array([2000, 400]))
        >>> quality_of(array, LinearCoding(1.0, 0.0, "int16"), volume, levels).empty_slices
        2
    """
    is_ct = volume.modality == "CT"
    scale = hu_scale(levels) if is_ct else None
    floor = foreground_floor(levels, is_ct=is_ct)[1]
    across = slice_axis(volume.spacing_mm.tolist())
    planes = np.moveaxis(codes[0], across, -1)
    known = None if volume.validity is None else np.moveaxis(volume.validity, across, -1)
    return Quality(
        clipped_fraction=clipped_fraction(levels, hu=scale),
        noise_sd=_noise_sd(planes, known, coding, floor),
        empty_slices=_empty_slices(planes, known, coding, floor),
        hu_scale=scale,
    )


def clipped_fraction(levels: Levels, *, hu: HuScale | None) -> float:
    """Return the share of voxels that were cut off at an end of the range.

    A natural histogram thins out towards its ends; one that was cut ends in a spike. Counted is
    what the last value holds beyond the fullest of the 8 values next to it.

    Args:
        levels: Values and counts.
        hu: For a CT whether its values are HU. The lower end is looked at in CT only, where it
            lies above -900 HU, and not if the scale is ``shifted``: elsewhere it is background.

    Returns:
        0 to 1.

    Example:
        >>> counts = np.array([1, 4, 9, 16, 25, 36, 49, 64, 64, 49, 36, 25, 16, 9, 4, 94])
        >>> round(clipped_fraction(Levels(np.arange(16.0), counts), hu=None), 3)
        0.06
    """
    counts = levels.counts
    if len(counts) < _FEWEST_LEVELS:
        return 0.0
    lost = _spike(counts[::-1])
    if hu in {"plausible", "unknown"} and levels.values[0] > _ABOVE_AIR_HU:
        lost += _spike(counts)
    return lost / levels.total


def noise_sd(corners: tuple[Sample, Sample, Sample, Sample], floor: float) -> float:
    """Return the standard deviation of white noise from squares of four neighbouring voxels.

    ``(a - b - c + d) / 2`` is the finest diagonal Haar coefficient: it is 0 on any slope and has
    the variance of the noise; its median magnitude forgives the edges.

    Args:
        corners: Values of upper left, upper right, lower left, lower right, any equal shapes.
        floor: Only squares with all corners above it count.

    Returns:
        In the unit of the values; 0 where no square counts.

    References:
        Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, Biometrika 1994.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> squares = tuple(rng.normal(100, 5, (4, 90, 90, 2)).astype(np.float32))
        >>> round(noise_sd(squares, 0.0), 1)
        5.0
    """
    a, b, c, d = corners
    counted = np.minimum(np.minimum(a, b), np.minimum(c, d)) > floor
    if not counted.any():
        return 0.0
    details = (a[counted] - b[counted] - c[counted] + d[counted]) / 2
    return float(np.median(np.abs(details))) / _MAD_TO_SD


def _spike(counts: Values) -> float:
    return max(0.0, float(counts[0]) - float(counts[1 : 1 + _NEIGHBOURS].max()))


def _noise_sd(planes: Values, known: Values | None, coding: LinearCoding, floor: float) -> float:
    width, height, depth = planes.shape
    if width < 2 or height < 2:
        return 0.0
    steps = [
        max(1, length // most)
        for length, most in zip(
            (width - 1, height - 1, depth), (_PER_AXIS, _PER_AXIS, _NOISE_SLICES), strict=True
        )
    ]
    corners = [
        sample(
            planes,
            known,
            coding,
            (
                slice(i, width - 1 + i, steps[0]),
                slice(j, height - 1 + j, steps[1]),
                slice(steps[2] // 2, None, steps[2]),
            ),
        )
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    return noise_sd((corners[0], corners[1], corners[2], corners[3]), floor)


def _empty_slices(planes: Values, known: Values | None, coding: LinearCoding, floor: float) -> int:
    steps = [max(1, length // _PER_AXIS) for length in planes.shape[:2]]
    where = (
        slice(steps[0] // 2, None, steps[0]),
        slice(steps[1] // 2, None, steps[1]),
        slice(None),
    )
    filled = sample(planes, known, coding, where) > floor
    return int((filled.mean(axis=(0, 1)) < _EMPTY).sum())
