"""What an audit measures: names for people, units, and where passing and warning end.

The numbers are those of acceptance tests, of repeatability, and of how far patients and scanners
truly differ. A quantity that the task does not need warns at most.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from medcl.augment.contract import Flag, claim_of
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile, required_flags
from medcl.augment.transforms.catalogue import ValueTransform

Better = Literal["low", "high", "zero", "one"]
"""Which values are good: small ones, large ones, near 0 of either sign, ratios near 1."""

_NEVER = float("inf")
_BETWEEN = "_between_views"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity and its limits.

    Attributes:
        name: What it is called in files.
        title: What people call it.
        unit: Its unit.
        better: Which values are good.
        passes: Where passing ends; of a ratio the upper end, its inverse is the lower one.
        fails: Where failing begins; between them it warns.
        flag: What of the contract it measures; ``None`` for none.
        always: Whether it may fail whatever the task needs.
        is_share: Judged by the mean over draws instead of by the worst one.
        has_gap: Whether the difference (or the ratio) between two views is measured too.
    """

    name: str
    title: str
    unit: str
    better: Better
    passes: float
    fails: float
    flag: Flag | None = None
    always: bool = False
    is_share: bool = False
    has_gap: bool = False

    @property
    def is_gap(self) -> bool:
        """Whether it compares two views."""
        return self.name.endswith(_BETWEEN)

    def badness(self, value: float) -> float:
        """Return how bad a value is, in an order that suits: larger is worse.

        Example:
            >>> ratio = Quantity("gain", "gain", "", "one", 1.25, 1.6)
            >>> ratio.badness(0.5) == ratio.badness(2.0)
            True
        """
        if self.better == "one":
            return abs(_log(value))
        return {"low": value, "high": -value, "zero": abs(value)}[self.better]

    def gap(self) -> "Quantity":
        """Return the quantity that compares two views by this one."""
        title = f"{self.title}, between two views"
        return replace(self, name=self.name + _BETWEEN, title=title, has_gap=False)

    def may_fail(self, task: TaskProfile, policy: Policy) -> bool:
        """Return whether a task needs it; what no task needs warns at most.

        What the whole batch shares, no comparison of views can see; there the difference decides.
        """
        needed = required_flags(task, policy.modality)
        if self.has_gap and self.flag is not None and _is_shared(policy, self.flag):
            return False  # its difference between two views decides
        return self.always or (self.flag is not None and self.flag in needed)


def _is_shared(policy: Policy, flag: Flag) -> bool:
    """Return whether all that changes a flag is one change for the whole batch."""
    live = [
        each
        for each in policy.transforms
        if isinstance(each, ValueTransform) and each.probability > 0
    ]
    own = [each for each in live if each.sharing == "independent"]
    exact = all(claim_of(each.contract(policy.modality), flag).bound == 0 for each in own)
    return exact and len(own) < len(live)


def _log(value: float) -> float:
    # A ratio of 0 or below is as bad as can be.
    return float("inf") if value <= 0 else math.log(value)


_GEOMETRY = (
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
        "jacobian_high", "99th percentile of volume ratios", "", "low", 1.25, _NEVER, Flag.TOPOLOGY
    ),
)

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
            _NEVER,
        )
        for end, words in (("p05", "5th percentile"), ("p95", "95th percentile")):
            yield Quantity(
                f"hu_{end}_{name}",
                f"{words} of {name} moved by",
                "HU",
                "zero",
                _TAIL_HU,
                _NEVER,
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


_VALUES = (
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

_TEXTURE = (
    Quantity(
        "noise_ratio", "noise multiplied by", "", "one", 1.25, 1.25, Flag.HU_TEXTURE, has_gap=True
    ),
    Quantity(
        "noise_frequency",
        "frequency of noise multiplied by",
        "",
        "one",
        1.25,
        1.6,
        Flag.HU_TEXTURE,
        has_gap=True,
    ),
    Quantity(
        "snr_ratio",
        "signal over noise multiplied by",
        "",
        "high",
        0.5,
        -_NEVER,
        Flag.LOWCONTRAST_CNR,
    ),
    Quantity(
        "contrast_to_noise",
        "contrast over noise multiplied by",
        "",
        "high",
        0.8,
        0.65,
        Flag.LOWCONTRAST_CNR,
    ),
)

_FIELD = (
    Quantity("overlap", "shared by both views", "of the view", "high", 0.0, 0.0, always=True),
    Quantity("body_fraction", "body in view", "of what could be", "high", 0.5, -_NEVER),
    Quantity(
        "invented_voxels",
        "invented outside of the volume",
        "voxels",
        "low",
        0.0,
        0.0,
        Flag.FOV_TRUTH,
        always=True,
    ),
    Quantity(
        "duplicated_tissue",
        "likeness to its own reflection",
        "",
        "low",
        0.8,
        0.8,
        Flag.FOV_TRUTH,
        always=True,
    ),
    Quantity(
        "not_finite_or_out_of_range",
        "not finite or out of range",
        "voxels",
        "low",
        0.0,
        0.0,
        Flag.FINITE_RANGE,
        always=True,
    ),
    Quantity(
        "lesion_retained", "lesion in view", "of the lesion", "high", 0.8, -_NEVER, Flag.LESION_MASS
    ),
    Quantity(
        "lesion_kept",
        "lesion kept by both views",
        "of pairs",
        "high",
        0.95,
        0.8,
        Flag.LESION_MASS,
        is_share=True,
    ),
    Quantity(
        "lesion_inconsistent",
        "lesion kept by one view only",
        "of pairs",
        "low",
        0.05,
        0.2,
        Flag.LESION_MASS,
        is_share=True,
    ),
    Quantity(
        "lesion_volume",
        "volume of the lesion multiplied by",
        "",
        "one",
        1.05,
        1.1,
        Flag.LESION_MASS,
    ),
)

_ALL = (*_GEOMETRY, *_VALUES, *_TEXTURE, *_FIELD)

QUANTITIES = tuple(each for one in _ALL for each in ((one, one.gap()) if one.has_gap else (one,)))
"""All that is measured, in the order it is shown."""


def quantities_of(policy: Policy) -> dict[str, Quantity]:
    """Return what is measured on a policy's views, with its limits.

    Args:
        policy: Heads may turn further than bodies, weighted MR may bend its tones a little more,
            and a crop says how much two views must share.

    Returns:
        Quantities by name.
    """
    found = {each.name: each for each in QUANTITIES}
    if policy.region == "head":
        for name in ("orientation", "orientation_between_views"):
            each = found[name]
            found[name] = replace(each, passes=2 * each.passes, fails=2 * each.fails)
    if policy.modality in {"MR_WEIGHTED", "OT"}:
        found["ordering"] = replace(found["ordering"], passes=0.98)
    bound = getattr(policy.named.get("crop"), "min_overlap", 0.0)
    # Every second voxel is counted: a view of 32 voxels is known to about 3 %.
    found["overlap"] = replace(found["overlap"], passes=bound - 0.03, fails=bound - 0.03)
    return found
