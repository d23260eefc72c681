"""Scale by a few per cent along each axis on its own: gradients and table feeds err apart."""

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
from medcl.augment.worst_case import Extremes, turning
from medcl.shapes import Vector3


@dataclass(frozen=True, slots=True, kw_only=True)
class AnisotropicScale:
    """Magnify each patient axis by its own factor. Shape changes too, not only size.

    Attributes:
        zoom: Smallest and largest linear magnification of an axis.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> AnisotropicScale(zoom=(0.99, 1.01)).extremes().stretch
        (0.99, 1.01)
    """

    kind: ClassVar[str] = "anisotropic_scale"
    cause: ClassVar[str] = "error of the pixel size or of the slice distance along one axis"
    zoom: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("zoom", self.zoom, 0.1, 10.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a magnification of each axis."""
        x, y, z = (chance.between(*self.zoom) for _ in range(3))
        return {"zoom": (x, y, z)}

    def identity(self) -> Parameters:
        """Return magnification 1."""
        return {"zoom": (1.0, 1.0, 1.0)}

    def linear(self, parameters: Parameters) -> Linear:
        """Return the magnifications on the diagonal."""
        return np.diag(np.asarray(parameters["zoom"], dtype=float))

    def offset_mm(self, parameters: Parameters) -> Vector3:
        """Return no move."""
        del parameters
        return np.zeros(3)

    def extremes(self) -> Extremes:
        """Return both ends; oblique lines turn a little where axes differ."""
        low, high = self.zoom
        return Extremes(degrees=turning(high / low), stretch=(low, high), volume=(low**3, high**3))

    def limits(self, modality: PolicyModality, region: Region) -> dict[str, tuple[float, float]]:
        """Return 5 % either way."""
        del modality, region
        return {"zoom": (0.95, 1.05)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all but texture; size, angles and sums within bounds."""
        del modality
        ends = self.extremes()
        return keeping(
            *VALUES,
            *SHOWN,
            Flag.LATERALITY,
            Flag.SPACING_TRUTH,
            Flag.TOPOLOGY,
            Flag.LESION_MASS,
            Flag.LOWCONTRAST_CNR,
            orientation=bounded(ends.degrees, "deg"),
            physical_scale=bounded(ends.off_scale, "fraction"),
            uptake_total=bounded(ends.off_volume, "fraction"),
        )
