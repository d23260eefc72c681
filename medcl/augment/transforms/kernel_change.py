"""Reconstruction kernel: the same raw data, made sharper or softer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from medcl.augment.chance import Chance
from medcl.augment.contract import (
    PLACE,
    SHOWN,
    VALUES,
    Contract,
    Flag,
    PolicyModality,
    Sharing,
    keeping,
)
from medcl.augment.taps import RADII, among_measured, smooth
from medcl.augment.transforms.transform import (
    Parameters,
    Setting,
    per_view,
    require_common,
    require_range,
)
from medcl.shapes import Views

_SPLIT_MM = 1.0
"""Standard deviation of the in-plane Gaussian that parts the low band from the high one."""
OVERSHOOT_HU = 50.0
"""A sharper kernel adds at most this much beside an edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelChange:
    """Weigh the fine detail of axial slices anew: a lung kernel for a soft-tissue one, or back.

    Flat tissue keeps its value, because only the difference from a local mean is scaled. Where
    detail is raised, at most 50 HU are added, so that no rim appears beside bone or metal.

    Attributes:
        high_band_gain: Smallest and largest factor of detail finer than about 2.5 mm; below 1 is
            softer, above 1 sharper.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> KernelChange(high_band_gain=(0.6, 1.6)).contract("CT")[Flag.HU_CALIBRATION].bound
        0.0
    """

    kind: ClassVar[str] = "kernel_change"
    cause: ClassVar[str] = "another reconstruction kernel of the same raw data"
    high_band_gain: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("high_band_gain", self.high_band_gain, 0.0, 20.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a factor of fine detail."""
        return {"high_band_gain": (chance.between(*self.high_band_gain),)}

    def identity(self) -> Parameters:
        """Return factor 1."""
        return {"high_band_gain": (1.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return views plus a part of their detail."""
        x_mm, y_mm, _ = setting.spacing_mm
        widths = (_SPLIT_MM / x_mm, _SPLIT_MM / y_mm, 0.0)
        x, y, z = (math.ceil(RADII * width) for width in widths)
        sigmas = torch.cat([views.new_full((len(views), 1), width) for width in widths], dim=1)
        low = among_measured(
            views,
            setting.measured,
            lambda each: smooth(each, sigmas, beyond="replicate", radii=(x, y, z)),
        )
        gain = per_view(parameters["high_band_gain"])
        added = (views - low) * (gain - 1.0)
        bounded = added.clamp(-OVERSHOOT_HU, OVERSHOOT_HU)
        return views + torch.where(gain > 1.0, bounded, added)

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return 0.5 to 2 for CT, nothing elsewhere."""
        return {"high_band_gain": (0.5, 2.0) if modality == "CT" else (1.0, 1.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: the value of flat tissue, neither texture nor fine contrast."""
        if modality != "CT":
            return keeping(
                *PLACE,
                *SHOWN,
                Flag.HU_CALIBRATION,
                Flag.LESION_MASS,
                Flag.UPTAKE_RATIO,
                Flag.UPTAKE_TOTAL,
                Flag.CONTRAST_POLARITY,
            )
        return keeping(*PLACE, *VALUES, *SHOWN, Flag.LESION_MASS, Flag.UPTAKE_TOTAL)
