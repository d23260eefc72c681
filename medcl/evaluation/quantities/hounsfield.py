"""Limits of Hounsfield units: by how much each tissue, and the line through all, may move."""

from collections.abc import Iterator

from medcl.augment.contract import Flag
from medcl.evaluation.quantities.quantity import NEVER, Quantity

DRIFT_HU = {
    "air": (20.0, 30.0),
    "lung": (20.0, 30.0),
    "fat": (10.0, 17.0),
    "water": (5.0, 7.0),
    "muscle": (5.0, 7.0),
    "bone": (40.0, 60.0),
}
"""Passing: two thirds of what acceptance of a scanner allows; failing: all of it (Catphan)."""

_TAIL_HU = 49.0
"""The most noise that real acquisitions add, 30 HU, moves the 5th percentile by as much."""


def _tissues() -> Iterator[Quantity]:
    for name, (passes, fails) in DRIFT_HU.items():
        yield Quantity(
            f"hu_drift_{name}",
            f"median of {name} moved by",
            "HU",
            "zero",
            passes,
            fails,
            Flag.HU_CALIBRATION,
            has_gap=True,
        )
        yield Quantity(
            f"hu_mean_{name}",
            f"mean of {name} moved by",
            "HU",
            "zero",
            passes,
            NEVER,
        )
        for end, words in (("p05", "5th percentile"), ("p95", "95th percentile")):
            yield Quantity(
                f"hu_{end}_{name}",
                f"{words} of {name} moved by",
                "HU",
                "zero",
                _TAIL_HU,
                NEVER,
            )
        yield Quantity(
            f"hu_thin_{name}",
            f"median of {name}, thin parts too, moved by",
            "HU",
            "zero",
            passes,
            fails,
            Flag.HU_TEXTURE,
            has_gap=True,
        )


HOUNSFIELD = (
    *_tissues(),
    Quantity(
        "hu_slope",
        "slope of HU off 1 by",
        "",
        "zero",
        0.01,
        0.02,
        Flag.HU_CALIBRATION,
        has_gap=True,
    ),
    Quantity(
        "hu_intercept",
        "intercept of HU",
        "HU",
        "zero",
        5.0,
        10.0,
        Flag.HU_CALIBRATION,
        has_gap=True,
    ),
    Quantity(
        "lung_below_950",
        "lung below -950 HU changed by",
        "percentage points",
        "zero",
        0.5,
        2.0,
        Flag.HU_TEXTURE,
        has_gap=True,
    ),
)
