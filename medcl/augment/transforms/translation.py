"""Translation: the view a little aside of its crop."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from medcl.augment.chance import Chance
from medcl.augment.contract import (
    PLACE,
    SHOWN,
    VALUES,
    Contract,
    Flag,
    PolicyModality,
    Region,
    Sharing,
    keeping,
)
from medcl.augment.transforms.transform import Linear, Parameters, require_common, require_range
from medcl.augment.worst_case import Extremes
from medcl.shapes import Vector3


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """Move the centre of the view by a few mm along each axis.

    The overlap that a crop asks for is held after it, and where volume and view agree in axes and
    spacing the move is by whole voxels, so nothing is interpolated.

    Attributes:
        max_mm: Largest move along each axis.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Translation(max_mm=4.0).identity()["offset_mm"]
        (0.0, 0.0, 0.0)
    """

    kind: ClassVar[str] = "translation"
    cause: ClassVar[str] = "patient placed elsewhere on the table"
    max_mm: float
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("max_mm", (0.0, self.max_mm), 0.0, 500.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return an offset in mm."""
        x, y, z = (chance.between(-self.max_mm, self.max_mm) for _ in range(3))
        return {"offset_mm": (x, y, z)}

    def identity(self) -> Parameters:
        """Return no offset."""
        return {"offset_mm": (0.0, 0.0, 0.0)}

    def linear(self, parameters: Parameters) -> Linear:
        """Return the identity: a move turns nothing."""
        del parameters
        return np.eye(3)

    def offset_mm(self, parameters: Parameters) -> Vector3:
        """Return how far the centre moves, in world mm."""
        return np.asarray(parameters["offset_mm"], dtype=float)

    def extremes(self) -> Extremes:
        """Return no rotation, no scale."""
        return Extremes()

    def limits(self, modality: PolicyModality, region: Region) -> dict[str, tuple[float, float]]:
        """Return none: the volume holds the view."""
        del modality, region
        return {}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: everything."""
        del modality
        return keeping(
            *PLACE,
            *VALUES,
            *SHOWN,
            Flag.HU_TEXTURE,
            Flag.LESION_MASS,
            Flag.UPTAKE_TOTAL,
            Flag.LOWCONTRAST_CNR,
        )
