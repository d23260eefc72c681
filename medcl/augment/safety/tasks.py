"""What tasks need: which quantities must survive, and how well."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from medcl.augment.contract import Flag, PolicyModality, Region


class TaskProfile(StrEnum):
    """What an encoder is for; `GENERIC` where nobody can say yet."""

    LATERAL = "lateral"
    DENSITY = "density"
    SIZE = "size"
    FOCAL = "focal"
    TEXTURE = "texture"
    SUV_ABSOLUTE = "suv_absolute"
    SUV_RATIO = "suv_ratio"
    SUV_TOTAL = "suv_total"
    CONTRAST_CLASS = "contrast_class"
    QUANTITATIVE_MR = "quantitative_mr"
    SHAPE = "shape"
    ACQUISITION = "acquisition"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a quantity may depart from the truth.

    Attributes:
        view: Within one view.
        between: Between two views of one volume.
        unit: Of both.
    """

    view: float
    between: float
    unit: str = ""


_NONE = Tolerance(0.0, 0.0)

_TOLERANCES: Mapping[Flag, Tolerance] = {
    # Catphan accepts water within 7 HU; grades of fatty liver are 5 HU apart.
    Flag.HU_CALIBRATION: Tolerance(5.0, 5.0, "HU"),
    # A patient lies still within 15 degrees; two legal positions differ by at most twice that.
    Flag.ORIENTATION: Tolerance(15.0, 30.0, "deg"),
    # 3 % of a length are 9 % of a volume, the repeatability of nodule volumetry.
    Flag.PHYSICAL_SCALE: Tolerance(0.03, 0.03, "of the length"),
    Flag.SPACING_TRUTH: Tolerance(0.001, 0.001, "of the spacing"),
    Flag.LESION_MASS: Tolerance(0.2, 0.2, "of the lesion"),
    # SUV varies by 10 % within one patient.
    Flag.UPTAKE_ABS: Tolerance(0.05, 0.05, "of the uptake"),
    Flag.UPTAKE_RATIO: Tolerance(0.02, 0.02, "of the ratio"),
    Flag.UPTAKE_TOTAL: Tolerance(0.05, 0.05, "of the total"),
    Flag.LOWCONTRAST_CNR: Tolerance(0.2, 0.2, "of the contrast-to-noise ratio"),
}

TISSUES_HU: Mapping[str, tuple[float, float]] = {
    "air": (-3000.0, -950.0),
    "lung": (-950.0, -500.0),
    "fat": (-120.0, -70.0),
    "water": (-10.0, 15.0),
    "muscle": (30.0, 80.0),
    "bone": (300.0, 3000.0),
}
"""Tissues of CT by their range of HU."""

TISSUE_TOLERANCES_HU: Mapping[str, tuple[float, float]] = {
    "water": (0.0, 5.0),
    "muscle": (60.0, 5.0),
    "fat": (-100.0, 10.0),
    "air": (-1000.0, 20.0),
    "bone": (1000.0, 40.0),
}
"""Tissues of CT: their HU, and how far it may depart within a view and between two.

Catphan's sensitometry accepts about one and a half times as much.
"""

SLOPE_TOLERANCE = Tolerance(0.01, 0.02, "of the slope")
"""Of values against true HU."""

LESION_VOLUME_TOLERANCE = Tolerance(0.1, 0.1, "of the volume")
"""Of a lesion: readers and repeated scans differ by more."""

_HEAD: Mapping[Flag, Tolerance] = {
    Flag.ORIENTATION: Tolerance(30.0, 60.0, "deg"),
    # Stroke and haemorrhage: grey and white matter are 5 to 10 HU apart.
    Flag.LOWCONTRAST_CNR: Tolerance(0.1, 0.1, "of the contrast-to-noise ratio"),
}
"""Where a head has other tolerances than a body: it turns further, and less may drown in it."""

_REQUIRED: Mapping[TaskProfile, frozenset[Flag]] = {
    TaskProfile.LATERAL: frozenset({Flag.LATERALITY, Flag.ORIENTATION}),
    TaskProfile.DENSITY: frozenset({Flag.HU_CALIBRATION, Flag.HU_TEXTURE, Flag.LOWCONTRAST_CNR}),
    TaskProfile.SIZE: frozenset(
        {Flag.PHYSICAL_SCALE, Flag.SPACING_TRUTH, Flag.TOPOLOGY, Flag.LESION_MASS}
    ),
    TaskProfile.FOCAL: frozenset({Flag.LESION_MASS, Flag.LOWCONTRAST_CNR}),
    TaskProfile.TEXTURE: frozenset({Flag.HU_TEXTURE}),
    TaskProfile.SUV_ABSOLUTE: frozenset({Flag.UPTAKE_ABS}),
    TaskProfile.SUV_RATIO: frozenset({Flag.UPTAKE_RATIO}),
    TaskProfile.SUV_TOTAL: frozenset({Flag.UPTAKE_TOTAL}),
    TaskProfile.CONTRAST_CLASS: frozenset({Flag.CONTRAST_POLARITY}),
    TaskProfile.QUANTITATIVE_MR: frozenset({Flag.HU_CALIBRATION}),
    TaskProfile.SHAPE: frozenset({Flag.TOPOLOGY, Flag.PHYSICAL_SCALE, Flag.SPACING_TRUTH}),
    TaskProfile.ACQUISITION: frozenset({Flag.HU_TEXTURE}),
    TaskProfile.GENERIC: frozenset(
        {
            Flag.LATERALITY,
            Flag.ORIENTATION,
            Flag.PHYSICAL_SCALE,
            Flag.SPACING_TRUTH,
            Flag.CONTRAST_POLARITY,
        }
    ),
}

_CALIBRATION: Mapping[PolicyModality, frozenset[Flag]] = {
    "CT": frozenset({Flag.HU_CALIBRATION}),
    "MR_QUANTITATIVE": frozenset({Flag.HU_CALIBRATION}),
    "PT": frozenset({Flag.UPTAKE_ABS, Flag.UPTAKE_RATIO}),
    "MR_WEIGHTED": frozenset(),
    "OT": frozenset(),
}

_MEANINGLESS: Mapping[PolicyModality, frozenset[Flag]] = {
    "CT": frozenset({Flag.UPTAKE_ABS, Flag.UPTAKE_RATIO, Flag.UPTAKE_TOTAL}),
    "MR_QUANTITATIVE": frozenset({Flag.UPTAKE_ABS, Flag.UPTAKE_RATIO, Flag.UPTAKE_TOTAL}),
    "PT": frozenset({Flag.HU_CALIBRATION}),
    "MR_WEIGHTED": frozenset(
        {Flag.HU_CALIBRATION, Flag.UPTAKE_ABS, Flag.UPTAKE_RATIO, Flag.UPTAKE_TOTAL}
    ),
    "OT": frozenset(
        {
            Flag.HU_CALIBRATION,
            Flag.UPTAKE_ABS,
            Flag.UPTAKE_RATIO,
            Flag.UPTAKE_TOTAL,
            Flag.LOWCONTRAST_CNR,
        }
    ),
}


def required_flags(task: TaskProfile, modality: PolicyModality) -> list[Flag]:
    """Return what must survive, in the order of `Flag`.

    A true field of view and a finite range are always needed; ``generic`` needs the calibration of
    modalities that have one.

    Example:
        >>> [flag.value for flag in required_flags(TaskProfile.SUV_TOTAL, "PT")]
        ['uptake_total', 'fov_truth', 'finite_range']
    """
    needed = _REQUIRED[task] | {Flag.FOV_TRUTH, Flag.FINITE_RANGE}
    if task is TaskProfile.GENERIC:
        needed |= _CALIBRATION[modality]
    return [flag for flag in Flag if flag in needed]


def meaningless_flags(task: TaskProfile, modality: PolicyModality) -> list[Flag]:
    """Return what a task needs and a modality does not have.

    Example:
        >>> [flag.value for flag in meaningless_flags(TaskProfile.DENSITY, "MR_WEIGHTED")]
        ['hu_calibration']
    """
    return [flag for flag in required_flags(task, modality) if flag in _MEANINGLESS[modality]]


def tolerance_of(flag: Flag, region: Region) -> Tolerance:
    """Return how far a quantity may depart; 0 for those that hold or do not.

    Example:
        >>> tolerance_of(Flag.ORIENTATION, "head").view
        30.0
    """
    if region == "head" and flag in _HEAD:
        return _HEAD[flag]
    return _TOLERANCES.get(flag, _NONE)
