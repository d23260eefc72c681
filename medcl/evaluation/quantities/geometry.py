"""Limits of geometry: side, position, size, folding."""

from medcl.augment.contract import Flag
from medcl.evaluation.quantities.quantity import NEVER, Quantity

GEOMETRY = (
    Quantity(
        "mirrored", "mirrored, by where it lies", "of views", "low", 0.0, 0.0, Flag.LATERALITY
    ),
    Quantity("looks_mirrored", "mirrored, as seen", "of views", "low", 0.0, 0.0, Flag.LATERALITY),
    # A patient lies still within 15 degrees; a head turns by twice that.
    Quantity("orientation", "turned by", "deg", "low", 15.05, 30.0, Flag.ORIENTATION),
    Quantity(
        "orientation_between_views",
        "turned by, between two views",
        "deg",
        "low",
        30.1,
        60.0,
        Flag.ORIENTATION,
    ),
    # 3 % of a length are 9 % of a volume, the repeatability of nodule volumetry.
    Quantity("scale", "magnified by", "of the length", "low", 0.0105, 0.0305, Flag.PHYSICAL_SCALE),
    Quantity(
        "scale_between_views",
        "magnified by, between two views",
        "of the length",
        "low",
        0.0305,
        0.0305,
        Flag.PHYSICAL_SCALE,
    ),
    Quantity(
        "volume_change",
        "volume changed by",
        "of the volume",
        "zero",
        0.05,
        0.1,
        has_gap=True,
        flag=Flag.PHYSICAL_SCALE,
    ),
    Quantity("folded", "folded", "of determinants", "low", 0.0, 0.0, Flag.TOPOLOGY, always=True),
    Quantity("jacobian_min", "smallest volume ratio", "", "high", 0.3, 1e-6, Flag.TOPOLOGY),
    Quantity(
        "jacobian_low", "1st percentile of volume ratios", "", "high", 0.8, 1e-6, Flag.TOPOLOGY
    ),
    Quantity(
        "jacobian_high", "99th percentile of volume ratios", "", "low", 1.25, NEVER, Flag.TOPOLOGY
    ),
)
