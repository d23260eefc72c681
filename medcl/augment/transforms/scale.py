"""Isotropic scale by a few per cent: patients differ in size, scanners in calibration."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from medcl.augment.chance import Chance
from medcl.augment.contract import (
    SHOWN,
    VALUES,
    Contract,
    Flag,
    PolicyModality,
    Region,
    Sharing,
    bounded,
    keeping,
)
from medcl.augment.transforms.transform import Linear, Parameters, require_common, require_range
from medcl.augment.worst_case import Extremes
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
        low, high = self.zoom
        return Extremes(stretch=(low, high), volume=(low**3, high**3))

    def limits(self, modality: PolicyModality, region: Region) -> dict[str, tuple[float, float]]:
        """Return 10 % either way: patients differ by no more, scanners by far less."""
        del modality, region
        return {"zoom": (0.9, 1.1)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all but texture; size and what is summed over it, bounded."""
        del modality
        ends = self.extremes()
        return keeping(
            *VALUES,
            *SHOWN,
            Flag.LATERALITY,
            Flag.ORIENTATION,
            Flag.SPACING_TRUTH,
            Flag.TOPOLOGY,
            Flag.LESION_MASS,
            Flag.LOWCONTRAST_CNR,
            physical_scale=bounded(ends.off_scale, "fraction"),
            uptake_total=bounded(ends.off_volume, "fraction"),
        )
