"""Shear: axes of a scanner that do not stand upright on each other, and a tilted gantry."""

import math
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
class Shear:
    """Shift planes against one another, along a random direction: gradients out of square.

    Attributes:
        max_degrees: Largest angle by which an upright line leans; 3 degrees shift by 5 %.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Shear(max_degrees=3.0).extremes().volume
        (1.0, 1.0)
    """

    kind: ClassVar[str] = "shear"
    cause: ClassVar[str] = "scanner geometry that is not corrected"
    max_degrees: float
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("max_degrees", (0.0, self.max_degrees), 0.0, 60.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return the angle, the direction of the shift, and the upright it grows along."""
        angle = chance.between(-self.max_degrees, self.max_degrees)
        along, guess = chance.direction(), chance.direction()
        across = guess - along * (guess @ along)
        if np.linalg.norm(across) < 1e-3:
            across = np.roll(along, 1) - along * (np.roll(along, 1) @ along)
        across = across / np.linalg.norm(across)
        return {
            "degrees": (angle,),
            "along": tuple(along.tolist()),
            "across": tuple(across.tolist()),
        }

    def identity(self) -> Parameters:
        """Return no shear."""
        return {"degrees": (0.0,), "along": (1.0, 0.0, 0.0), "across": (0.0, 1.0, 0.0)}

    def linear(self, parameters: Parameters) -> Linear:
        """Return the identity plus the shift."""
        slope = math.tan(math.radians(parameters["degrees"][0]))
        return np.eye(3) + slope * np.outer(parameters["along"], parameters["across"])

    def offset_mm(self, parameters: Parameters) -> Vector3:
        """Return no move."""
        del parameters
        return np.zeros(3)

    def extremes(self) -> Extremes:
        """Return what the steepest shear does."""
        return sheared(self.max_degrees)

    def limits(self, modality: PolicyModality, region: Region) -> dict[str, tuple[float, float]]:
        """Return at most 3 degrees."""
        del modality, region
        return {"max_degrees": (0.0, 3.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: volume and side; angle and size within bounds."""
        del modality
        ends = self.extremes()
        return keeping(
            *VALUES,
            *SHOWN,
            Flag.LATERALITY,
            Flag.SPACING_TRUTH,
            Flag.TOPOLOGY,
            Flag.LESION_MASS,
            Flag.UPTAKE_TOTAL,
            Flag.LOWCONTRAST_CNR,
            orientation=bounded(ends.degrees, "deg"),
            physical_scale=bounded(ends.off_scale, "fraction"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GantryTilt:
    """Shift slices along the patient's front: a head scanned with a tilted gantry, read as upright.

    Attributes:
        max_degrees: Largest tilt.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> GantryTilt(max_degrees=15.0).limits("MR_WEIGHTED", "head")
        {'max_degrees': (0.0, 0.0)}
    """

    kind: ClassVar[str] = "gantry_tilt"
    cause: ClassVar[str] = "head CT with a tilted gantry"
    max_degrees: float
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("max_degrees", (0.0, self.max_degrees), 0.0, 45.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a tilt in degrees."""
        return {"degrees": (chance.between(-self.max_degrees, self.max_degrees),)}

    def identity(self) -> Parameters:
        """Return an upright gantry."""
        return {"degrees": (0.0,)}

    def linear(self, parameters: Parameters) -> Linear:
        """Return the identity with a shift from back to front that grows from feet to head."""
        linear = np.eye(3)
        linear[1, 2] = math.tan(math.radians(parameters["degrees"][0]))
        return linear

    def offset_mm(self, parameters: Parameters) -> Vector3:
        """Return no move."""
        del parameters
        return np.zeros(3)

    def extremes(self) -> Extremes:
        """Return what the largest tilt does."""
        return sheared(self.max_degrees)

    def limits(self, modality: PolicyModality, region: Region) -> dict[str, tuple[float, float]]:
        """Return at most 15 degrees, on CT of the head; nothing else is tilted."""
        tilts = modality == "CT" and region == "head"
        return {"max_degrees": (0.0, 15.0 if tilts else 0.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: volume and side; the grid is no longer what it says."""
        del modality
        ends = self.extremes()
        return keeping(
            *VALUES,
            *SHOWN,
            Flag.LATERALITY,
            Flag.TOPOLOGY,
            Flag.LESION_MASS,
            Flag.UPTAKE_TOTAL,
            Flag.LOWCONTRAST_CNR,
            orientation=bounded(ends.degrees, "deg"),
            physical_scale=bounded(ends.off_scale, "fraction"),
        )


def sheared(max_degrees: float) -> Extremes:
    """Return the worst cases of a shear.

    A shear by ``k = tan(angle)`` turns the line that leans by ``-k/2`` into one that leans by
    ``k/2``, and no line by more; it stretches by ``sqrt(1 + k²/4) + k/2`` at most.

    Example:
        >>> ends = sheared(3.0)
        >>> round(ends.degrees, 2), round(ends.stretch[1], 4)
        (3.0, 1.0266)
    """
    half = math.tan(math.radians(max_degrees)) / 2
    most = math.hypot(1.0, half) + half
    return Extremes(degrees=math.degrees(2 * math.atan(half)), stretch=(1 / most, most))
