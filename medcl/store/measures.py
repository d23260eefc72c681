"""What is measured on a volume when it is packed: its distribution, and how good it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

HuScale = Literal["plausible", "shifted", "unknown"]
"""Whether the values of a CT are Hounsfield units, see `medcl.store.hounsfield`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Distribution of a volume's values, in its unit.

    Measured and finite voxels count, all channels together. A quantile is the smallest value that
    at least that share of voxels does not exceed. *Foreground* are the voxels above
    ``low + 0.05 * (p99 - low)``, where ``low`` is the 1 % quantile of all voxels but a CT's
    padding: it leaves out air and its noise, and keeps lung and all tissue.

    Attributes:
        minimum: Smallest value.
        maximum: Largest value.
        mean: Mean.
        sd: Standard deviation (of the population).
        p01: 1 % quantile.
        p50: Median.
        p99: 99 % quantile.
        p005: 0.5 % quantile of the foreground.
        p995: 99.5 % quantile of the foreground.
        foreground_fraction: Share of voxels that are foreground; 0 for a constant volume, whose
            quantiles are then of all voxels.
    """

    minimum: float
    maximum: float
    mean: float
    sd: float
    p01: float
    p50: float
    p99: float
    p005: float
    p995: float
    foreground_fraction: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """How usable a volume is, as far as its voxels say. It selects; nothing is refused by it.

    Attributes:
        clipped_fraction: Share of voxels lost at an end of the range: those at the highest value
            beyond what its neighbours lead to expect; in a CT also those at the lowest, if that
            lies above air. Padding and air at -1024 HU are no loss. 0 where fewer than 16 values
            occur, as in a binary shape.
        noise_sd: Standard deviation of the noise in the foreground, in the volume's unit, from
            the finest diagonal differences within slices; noise that neighbours share counts for
            less. 0 where there is no foreground, or where the noise is below half a stored step.
        empty_slices: Slices, across the slice axis, with fewer than 1 in 1000 foreground voxels.
        hu_scale: Whether a CT's values are Hounsfield units; ``None`` for other modalities.
    """

    clipped_fraction: float
    noise_sd: float
    empty_slices: int
    hu_scale: HuScale | None


def slice_axis(spacing_mm: Sequence[float]) -> int:
    """Return the voxel axis across which slices lie.

    Pixels of a slice are square as a rule: where exactly two spacings are equal, it is the third
    axis, be its spacing wider or finer. Else it is that of the widest spacing, the last of equals.

    Args:
        spacing_mm: Spacing along each voxel axis; equal to 1 % counts as equal.

    Returns:
        0, 1 or 2.

    Example:
        >>> slice_axis((5.0, 0.7, 0.7)), slice_axis((3.4, 3.4, 2.4)), slice_axis((1.0, 1.0, 1.0))
        (0, 2, 2)
    """
    spacing = np.asarray(spacing_mm, dtype=float)
    pairs = [np.delete(spacing, axis) for axis in range(3)]
    square = [pair.min() >= 0.99 * pair.max() for pair in pairs]
    if sum(square) == 1:
        return square.index(True)
    return int(np.flatnonzero(spacing >= 0.99 * spacing.max())[-1])
