"""Isotropic scale by a few per cent: patients differ in size, scanners in calibration."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from medcl.augment.chance import Chance
from medcl.augment.contract import Contract, Flag, PolicyModality, Sharing, bounded, preserving
from medcl.augment.transform import Extremes, Linear, Parameters, require_common, require_range
from medcl.shapes import Vector3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Magnify all axes alike.

    Attributes:
        zoom: Smallest and largest linear magnification; 1.03 makes volumes 9 % larger.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Scale(zoom=(0.98, 1.01)).contract("CT")[Flag.PHYSICAL_SCALE].bound
        0.02
    """

    kind: ClassVar[str] = "scale"
    cause: ClassVar[str] = "error of the table feed or of the pixel size"
    zoom: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("zoom", self.zoom, 0.1, 10.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a magnification."""
        return {"zoom": (chance.between(*self.zoom),)}

    def identity(self) -> Parameters:
        """Return magnification 1."""
        return {"zoom": (1.0,)}

    def linear(self, parameters: Parameters) -> Linear:
        """Return the magnification on the diagonal."""
        return np.eye(3) * parameters["zoom"][0]

    def offset_mm(self, parameters: Parameters) -> Vector3:
        """Return no move."""
        del parameters
        return np.zeros(3)

    def extremes(self) -> Extremes:
        """Return both ends."""
        return Extremes(zoom=self.zoom)

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all but texture; size and what is summed over it, bounded."""
        del modality
        off = max(abs(end - 1) for end in self.zoom)
        off_volume = max(abs(end**3 - 1) for end in self.zoom)
        return preserving(
            Flag.HU_TEXTURE,
            physical_scale=bounded(round(off, 12), "fraction"),
            uptake_total=bounded(round(off_volume, 12), "fraction"),
        )
