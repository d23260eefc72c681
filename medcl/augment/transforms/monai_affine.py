"""MONAI's affine transform: its matrix enters, its interpolation and its padding do not.

MONAI pads what it turns in by reflection, border or edge, which invents anatomy, and takes radians
and one factor per axis. Here the angles are degrees and the factor is one for all axes; the matrix
is MONAI's, fused with all others into the one resampling, and what lies outside is masked.
"""

from collections.abc import Mapping
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
class MonaiAffine:
    """Turn about the three axes one after another, and magnify, as MONAI's ``Affine`` does.

    Attributes:
        max_degrees: Largest angle about each axis; the whole angle is up to three times that.
        zoom: Smallest and largest linear magnification, the same for all axes.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> MonaiAffine(max_degrees=5.0).contract("CT")[Flag.ORIENTATION].bound
        15.0
    """

    kind: ClassVar[str] = "monai_affine"
    cause: ClassVar[str] = "patient turned on the table; error of the pixel size"
    max_degrees: float
    zoom: tuple[float, float] = (1.0, 1.0)
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("max_degrees", (0.0, self.max_degrees), 0.0, 60.0)
        require_range("zoom", self.zoom, 0.1, 10.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return an angle about each axis and a magnification."""
        most = self.max_degrees
        x, y, z = (chance.between(-most, most) for _ in range(3))
        return {"degrees": (x, y, z), "zoom": (chance.between(*self.zoom),)}

    def identity(self) -> Parameters:
        """Return no angle and magnification 1."""
        return {"degrees": (0.0, 0.0, 0.0), "zoom": (1.0,)}

    def linear(self, parameters: Parameters) -> Linear:
        """Return anatomy → view; MONAI's own matrix goes from the view to the anatomy."""
        if parameters == self.identity():
            return np.eye(3)
        # Loading MONAI's transforms takes seconds, and few policies ask for them.
        from monai.transforms.utils import create_rotate, create_scale

        radians = np.deg2rad(parameters["degrees"]).tolist()
        back = create_rotate(3, radians) @ create_scale(3, [1 / parameters["zoom"][0]] * 3)
        return np.asarray(np.linalg.inv(back[:3, :3]), dtype=float)

    def offset_mm(self, parameters: Parameters) -> Vector3:
        """Return no move."""
        del parameters
        return np.zeros(3)

    def extremes(self) -> Extremes:
        """Return the sum of the angles and both ends of the magnification."""
        low, high = self.zoom
        return Extremes(
            degrees=min(3 * self.max_degrees, 180.0),
            stretch=(low, high),
            volume=(low**3, high**3),
        )

    def limits(self, modality: PolicyModality, region: Region) -> Mapping[str, tuple[float, float]]:
        """Return 10 % of magnification; how far a patient turns is a matter of the task."""
        del modality, region
        return {"zoom": (0.9, 1.1)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all but texture; position and size within their ranges."""
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
