"""Transforms that break something for most tasks: they exist so that they can be refused.

An audit uses them as negative controls, and a policy may ask for them where a task allows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch

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
    bounded,
    keeping,
)
from medcl.augment.transforms.transform import (
    Linear,
    Parameters,
    Setting,
    per_view,
    require_common,
    require_range,
)
from medcl.augment.worst_case import Extremes, Line
from medcl.shapes import Vector3, Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Mirror along one axis. Any single axis makes a mirror image of the body, not only left-right.

    Attributes:
        axis: ``x`` right-left, ``y`` posterior-anterior, ``z`` inferior-superior.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Flip(axis="z").extremes().mirrored
        True
    """

    kind: ClassVar[str] = "flip"
    cause: ClassVar[str] = "none: no scan mirrors a patient, a mirrored export is an error"
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
        """Return the mirrored sign."""
        del chance
        return {"sign": (-1.0,)}

    def identity(self) -> Parameters:
        """Return the sign of an unmirrored view."""
        return {"sign": (1.0,)}

    def linear(self, parameters: Parameters) -> Linear:
        """Return the mirror on the diagonal."""
        diagonal = np.ones(3)
        diagonal["xyz".index(self.axis)] = parameters["sign"][0]
        return np.diag(diagonal)

    def offset_mm(self, parameters: Parameters) -> Vector3:
        """Return no move."""
        del parameters
        return np.zeros(3)

    def extremes(self) -> Extremes:
        """Return a negative determinant."""
        return Extremes(mirrored=True)

    def limits(self, modality: PolicyModality, region: Region) -> dict[str, tuple[float, float]]:
        """Return none: no amount makes a mirror image right."""
        del modality, region
        return {}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all but side and orientation."""
        del modality
        return keeping(
            *VALUES,
            *SHOWN,
            Flag.HU_TEXTURE,
            Flag.PHYSICAL_SCALE,
            Flag.SPACING_TRUTH,
            Flag.TOPOLOGY,
            Flag.LESION_MASS,
            Flag.UPTAKE_TOTAL,
            Flag.LOWCONTRAST_CNR,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizedCrop:
    """Crop a part and stretch it to the whole view, as recipes from photographs do.

    Physical size is lost: a fraction of one half shows a 4 mm nodule as 8 mm.

    Attributes:
        fraction: Smallest and largest part of the view's edge that is stretched to all of it.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> ResizedCrop(fraction=(0.5, 1.0)).extremes().stretch
        (1.0, 2.0)
    """

    kind: ClassVar[str] = "resized_crop"
    cause: ClassVar[str] = "none: no scanner changes the size of a patient"
    fraction: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("fraction", self.fraction, 0.05, 1.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a fraction of the edge."""
        return {"fraction": (chance.between(*self.fraction),)}

    def identity(self) -> Parameters:
        """Return the whole edge."""
        return {"fraction": (1.0,)}

    def linear(self, parameters: Parameters) -> Linear:
        """Return the magnification on the diagonal."""
        return np.eye(3) / parameters["fraction"][0]

    def offset_mm(self, parameters: Parameters) -> Vector3:
        """Return no move."""
        del parameters
        return np.zeros(3)

    def extremes(self) -> Extremes:
        """Return both magnifications."""
        low, high = 1 / self.fraction[1], 1 / self.fraction[0]
        return Extremes(stretch=(low, high), volume=(low**3, high**3))

    def limits(self, modality: PolicyModality, region: Region) -> dict[str, tuple[float, float]]:
        """Return none: size is broken at once."""
        del modality, region
        return {}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all but size, the truth of spacing, texture and sums."""
        del modality
        return keeping(
            *VALUES, *SHOWN, Flag.LATERALITY, Flag.ORIENTATION, Flag.TOPOLOGY, Flag.LOWCONTRAST_CNR
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HuOffset:
    """Add one number to all HU. Per view it teaches the encoder to ignore density.

    Shared over the whole batch a few HU are harmless, because no comparison can see them.

    Attributes:
        offset_hu: Smallest and largest number.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> HuOffset(offset_hu=(-50.0, 50.0)).contract("CT")[Flag.HU_CALIBRATION]
        Claim(bound=50.0, unit='HU', has_evidence=True)
    """

    kind: ClassVar[str] = "hu_offset"
    cause: ClassVar[str] = "CT scanner that is out of calibration"
    offset_hu: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("offset_hu", self.offset_hu, -5000.0, 5000.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return an offset in HU."""
        return {"offset_hu": (chance.between(*self.offset_hu),)}

    def identity(self) -> Parameters:
        """Return no offset."""
        return {"offset_hu": (0.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return views plus the offset."""
        del setting
        return views + per_view(parameters["offset_hu"])

    def line(self) -> Line:
        """Return the offset."""
        return Line(offset=self.offset_hu)

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return what any scanner may be off by; the task's tolerance is far narrower."""
        return {"offset_hu": (-1000.0, 1000.0) if modality == "CT" else (0.0, 0.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: calibration within the offset, no uptake."""
        del modality
        off = max(abs(end) for end in self.offset_hu)
        return keeping(
            *PLACE,
            *SHOWN,
            Flag.HU_TEXTURE,
            Flag.LESION_MASS,
            Flag.LOWCONTRAST_CNR,
            Flag.CONTRAST_POLARITY,
            hu_calibration=bounded(off, "HU"),
        )
