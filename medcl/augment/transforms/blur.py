"""Blur: a softer reconstruction kernel, a wider point spread."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch

from medcl.augment.chance import Chance
from medcl.augment.contract import (
    PLACE,
    SHOWN,
    Contract,
    Flag,
    PolicyModality,
    Sharing,
    bounded,
    keeping,
)
from medcl.augment.taps import RADII, among_measured, smooth
from medcl.augment.transforms.transform import Parameters, Setting, require_common, require_range
from medcl.shapes import Views

_RADIUS_MM = 10.0
"""Of the lesion that a claim about lesions is for."""
_RATIO_PER_MM = 0.005
"""Change of the ratio of two tissues away from edges, as measured, per mm of blur."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """Convolve with an isotropic Gaussian; flat tissue keeps its value.

    Attributes:
        sigma_mm: Smallest and largest standard deviation.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Blur(sigma_mm=(0.0, 0.6)).contract("CT")[Flag.HU_TEXTURE].bound is None
        True
    """

    kind: ClassVar[str] = "blur"
    cause: ClassVar[str] = "softer reconstruction kernel or wider point spread"
    sigma_mm: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("sigma_mm", self.sigma_mm, 0.0, 50.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a standard deviation in mm."""
        return {"sigma_mm": (chance.between(*self.sigma_mm),)}

    def identity(self) -> Parameters:
        """Return no blur."""
        return {"sigma_mm": (0.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return blurred views."""
        sigmas = torch.cat([parameters["sigma_mm"] / step for step in setting.spacing_mm], dim=1)
        x, y, z = (math.ceil(RADII * self.sigma_mm[1] / step) for step in setting.spacing_mm)
        averaged = partial(
            smooth,
            sigmas_voxels=sigmas,
            beyond="replicate",
            radii=(x, y, z),
            compiled=setting.compiled,
        )
        return among_measured(views, setting.measured, averaged)

    def spread(self) -> Mapping[str, float]:
        """Return the standard deviation of the Gaussian."""
        return {"blur_mm": self.sigma_mm[1]}

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return at most 0.7 mm; PET, whose own resolution is 4 to 6 mm, 2 mm; shapes none."""
        widest = {"PT": 2.0, "OT": 0.0}.get(modality, 0.7)
        return {"sigma_mm": (0.0, widest)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all but texture, totals and the contrast of small lesions.

        The surface of half contrast of a sphere moves inward by ``sigma² / R``, so a lesion of
        20 mm loses ``3 sigma² / R²`` of its volume, and a little more where sigma is large. A hot
        spot spills out of its contour, the more the smaller it is; flat tissue keeps its uptake,
        and what is near an edge draws the ratio of two tissues together.
        """
        del modality
        shrunk = bounded(3.5 * (self.sigma_mm[1] / _RADIUS_MM) ** 2, "fraction")
        off = bounded(round(_RATIO_PER_MM * self.sigma_mm[1], 12), "fraction")
        return keeping(
            *PLACE,
            *SHOWN,
            Flag.HU_CALIBRATION,
            Flag.UPTAKE_ABS,
            Flag.CONTRAST_POLARITY,
            lesion_mass=shrunk,
            uptake_ratio=off,
        )
