"""Which volumes are good enough: bounds on what was measured when they were taken in.

Bounds select when a cohort is drawn; nothing is deleted, and another cohort may draw the line
elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from medcl.ingest.outcome import OrientationSource
from medcl.store.measures import HuScale
from medcl.store.rows import VolumeRow


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityBounds:
    """What a volume must be; the defaults admit every one.

    Attributes:
        min_foreground_fraction: Least share of voxels that are foreground.
        max_clipped_fraction: Largest share of voxels lost at an end of the range.
        max_noise_fraction: Largest standard deviation of the noise, over the distance between the
            1 % and the 99 % quantile of all values.
        max_empty_fraction: Largest share of slices without foreground.
        min_extent_mm: Least length of the shortest edge, mm.
        max_spacing_mm: Widest voxel spacing, mm; ``None`` for any.
        min_slice_coverage: Least slice thickness over slice distance, below 1 there are gaps; a
            volume whose thickness is unknown passes.
        hu_scale: What the values of a CT may be; other modalities pass.
        orientation: Who may have said where left is; unknown counts as ``assumed``.

    Example:
        >>> QualityBounds(max_clipped_fraction=0.01).max_clipped_fraction
        0.01
    """

    min_foreground_fraction: float = 0.0
    max_clipped_fraction: float = 1.0
    max_noise_fraction: float | None = None
    max_empty_fraction: float = 1.0
    min_extent_mm: float = 0.0
    max_spacing_mm: float | None = None
    min_slice_coverage: float = 0.0
    hu_scale: tuple[HuScale, ...] = ("plausible", "unknown", "shifted")
    orientation: tuple[OrientationSource, ...] = ("scanner", "header", "assumed")


USUAL = QualityBounds(
    min_foreground_fraction=0.03,
    max_clipped_fraction=0.01,
    max_noise_fraction=0.2,
    max_empty_fraction=0.25,
    min_extent_mm=30.0,
    max_spacing_mm=6.0,
    min_slice_coverage=0.9,
    hu_scale=("plausible", "unknown"),
    orientation=("scanner", "header"),
)
"""What is worth a look where it is missed; chosen, not measured."""


def missed(row: VolumeRow, bounds: QualityBounds) -> tuple[str, ...]:
    """Return the names of the bounds that a volume misses, in their order; none if it passes.

    Args:
        row: Of the volume.
        bounds: What is asked.

    Returns:
        Names of attributes of `QualityBounds`.
    """
    return tuple(
        field.name
        for field in fields(bounds)
        if not _TESTS[field.name](row, getattr(bounds, field.name))
    )


def noise_fraction(row: VolumeRow) -> float:
    """Return the noise over the range of values, 0 for a constant volume."""
    reach = row.statistics.p99 - row.statistics.p01
    return row.quality.noise_sd / reach if reach > 0 else 0.0


_TESTS: Mapping[str, Callable[[VolumeRow, Any], bool]] = {
    "min_foreground_fraction": lambda row, least: row.statistics.foreground_fraction >= least,
    "max_clipped_fraction": lambda row, most: row.quality.clipped_fraction <= most,
    "max_noise_fraction": lambda row, most: most is None or noise_fraction(row) <= most,
    "max_empty_fraction": lambda row, most: row.quality.empty_slices <= most * row.num_slices,
    "min_extent_mm": lambda row, least: min(row.extent_mm) >= least,
    "max_spacing_mm": lambda row, most: most is None or max(row.spacing_mm) <= most,
    "min_slice_coverage": lambda row, least: (
        row.slice_coverage is None or row.slice_coverage >= least
    ),
    "hu_scale": lambda row, words: row.quality.hu_scale is None or row.quality.hu_scale in words,
    "orientation": lambda row, words: (row.technical.orientation_source or "assumed") in words,
}
