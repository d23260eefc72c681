"""Limits of uptake, of maps with a unit, and of the order of tones."""

from medcl.augment.contract import Flag
from medcl.evaluation.quantities.quantity import Quantity

UPTAKE = (
    # SUV varies by 10 % within one patient.
    Quantity(
        "suv_gain", "uptake multiplied by", "", "one", 1.05, 1.1, Flag.UPTAKE_ABS, has_gap=True
    ),
    Quantity(
        "suv_offset",
        "uptake offset",
        "of the median",
        "zero",
        0.02,
        0.05,
        Flag.UPTAKE_ABS,
        has_gap=True,
    ),
    Quantity(
        "suv_ratio",
        "ratio of uptakes changed by",
        "of the ratio",
        "zero",
        0.02,
        0.05,
        Flag.UPTAKE_RATIO,
        has_gap=True,
    ),
    Quantity(
        "suv_peak", "peak uptake multiplied by", "", "one", 1.05, 1.1, Flag.UPTAKE_ABS, has_gap=True
    ),
    Quantity(
        "suv_total",
        "total uptake multiplied by",
        "",
        "one",
        1.05,
        1.1,
        Flag.UPTAKE_TOTAL,
        has_gap=True,
    ),
    Quantity(
        "map_gain", "values multiplied by", "", "one", 1.01, 1.02, Flag.HU_CALIBRATION, has_gap=True
    ),
    Quantity(
        "map_offset",
        "offset of values",
        "of the median",
        "zero",
        0.01,
        0.02,
        Flag.HU_CALIBRATION,
        has_gap=True,
    ),
    Quantity(
        "ordering",
        "rank correlation with the volume",
        "",
        "high",
        0.995,
        0.95,
        Flag.CONTRAST_POLARITY,
    ),
)
