"""Limits of noise and of what is seen through it."""

from medcl.augment.contract import Flag
from medcl.evaluation.quantities.quantity import NEVER, Quantity

TEXTURE = (
    Quantity(
        "noise_ratio", "noise multiplied by", "", "one", 1.25, 1.25, Flag.HU_TEXTURE, has_gap=True
    ),
    Quantity(
        "noise_sampled",
        "noise of the volume multiplied, by sampling alone, by",
        "",
        "one",
        1.25,
        1.25,
        Flag.HU_TEXTURE,
        has_gap=True,
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
        -NEVER,
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
