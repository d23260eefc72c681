"""Limits of the field of view: what is in it, left out of it, or made up."""

from medcl.augment.contract import Flag
from medcl.evaluation.quantities.quantity import NEVER, Quantity

FIELD = (
    Quantity("overlap", "shared by both views", "of the view", "high", 0.0, 0.0, always=True),
    Quantity("body_fraction", "body in view", "of what could be", "high", 0.5, -NEVER),
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
        "lesion_retained", "lesion in view", "of the lesion", "high", 0.8, -NEVER, Flag.LESION_MASS
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
