"""Quarter turns: they exist so that they can be refused, or asked for on patches of a lesion."""

from dataclasses import dataclass
from typing import ClassVar, Literal

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
    keeping,
)
from medcl.augment.transforms.transform import Linear, Parameters, require_common
from medcl.augment.worst_case import Extremes
from medcl.shapes import Vector3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rot90:
    """Turn by quarters of a circle. The side stays, but no patient lies like that.

    Attributes:
        axis: What the body turns about; ``z`` inferior-superior.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Rot90(axis="z").linear({"quarters": (1.0,)}).tolist()
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    kind: ClassVar[str] = "rot90"
    cause: ClassVar[str] = "none: no patient lies turned by a right angle"
    axis: Literal["x", "y", "z"]
    probability: float = 0.5
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges.

        Raises:
            ValueError: The axis is none of x, y, z.
        """
        if self.axis not in ("x", "y", "z"):
            raise ValueError(f"axis must be x, y or z, got {self.axis!r}.")
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return one, two or three quarters."""
        return {"quarters": (float(round(chance.between(0.51, 3.49))),)}

    def identity(self) -> Parameters:
        """Return no turn."""
        return {"quarters": (0.0,)}

    def linear(self, parameters: Parameters) -> Linear:
        """Return the turn, in whole numbers: where grids agree nothing is interpolated."""
        first, second = ((1, 2), (2, 0), (0, 1))["xyz".index(self.axis)]
        quarter = np.eye(3)
        quarter[first, first] = quarter[second, second] = 0.0
        quarter[first, second], quarter[second, first] = -1.0, 1.0
        return np.linalg.matrix_power(quarter, int(parameters["quarters"][0]))

    def offset_mm(self, parameters: Parameters) -> Vector3:
        """Return no move."""
        del parameters
        return np.zeros(3)

    def extremes(self) -> Extremes:
        """Return half a turn."""
        return Extremes(degrees=180.0)

    def limits(self, modality: PolicyModality, region: Region) -> dict[str, tuple[float, float]]:
        """Return none: no amount makes it a position of a patient."""
        del modality, region
        return {}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all but orientation."""
        del modality
        return keeping(
            *VALUES,
            *SHOWN,
            Flag.HU_TEXTURE,
            Flag.LATERALITY,
            Flag.PHYSICAL_SCALE,
            Flag.SPACING_TRUTH,
            Flag.TOPOLOGY,
            Flag.LESION_MASS,
            Flag.UPTAKE_TOTAL,
            Flag.LOWCONTRAST_CNR,
        )
