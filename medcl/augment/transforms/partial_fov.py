"""Partial field of view: the scan ends earlier than another one of the same patient."""

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
from medcl.augment.transforms.transform import Parameters, Setting, require_common, require_range
from medcl.shapes import ViewMask


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialFov:
    """Cut a view short at one end, as a scan range or a reconstruction circle does.

    One draw cuts either at the upper or lower end, by a part of the view's length, or at one of
    the four sides, by millimetres. What is cut is taken out of the mask and filled: air on CT, 0
    elsewhere. Nothing is invented in its place.

    Attributes:
        length_fraction: Smallest and largest part of the length, inferior to superior, that is
            cut at one end.
        lateral_mm: Smallest and largest width that is cut at one side: left, right, front or back.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> cut = PartialFov(length_fraction=(0.0, 0.25), lateral_mm=(0.0, 20.0))
        >>> cut.contract("CT")[Flag.FOV_TRUTH].bound, cut.contract("CT")[Flag.LESION_MASS].bound
        (0.0, None)
    """

    kind: ClassVar[str] = "partial_fov"
    cause: ClassVar[str] = "shorter scan range or smaller reconstruction circle"
    length_fraction: tuple[float, float]
    lateral_mm: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("length_fraction", self.length_fraction, 0.0, 0.9)
        require_range("lateral_mm", self.lateral_mm, 0.0, 500.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return what is cut at the low and high end of each axis: mm along x and y, a part of z.

        Half of all cuts are along z.
        """
        side = 0 if chance.between(-1.0, 1.0) < 0 else 1
        ends = [0.0, 0.0]
        if chance.between(-1.0, 1.0) < 0:
            ends[side] = chance.between(*self.length_fraction)
            return {**self.identity(), "length_fraction": (ends[0], ends[1])}
        axis = "x_mm" if chance.between(-1.0, 1.0) < 0 else "y_mm"
        ends[side] = chance.between(*self.lateral_mm)
        return {**self.identity(), axis: (ends[0], ends[1])}

    def identity(self) -> Parameters:
        """Return no cut."""
        return {"x_mm": (0.0, 0.0), "y_mm": (0.0, 0.0), "length_fraction": (0.0, 0.0)}

    def seen(
        self, mask: ViewMask, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> ViewMask:
        """Return the mask without the voxels that lie wholly in what is cut."""
        x_mm, y_mm, spacing = parameters["x_mm"], parameters["y_mm"], setting.spacing_mm
        cuts_voxels = (
            x_mm / spacing[0],
            y_mm / spacing[1],
            parameters["length_fraction"] * mask.shape[4],
        )
        for axis, cut in enumerate(cuts_voxels):
            size = mask.shape[2 + axis]
            place = torch.arange(size, device=mask.device)
            # Part of a voxel is never cut, so no range is exceeded; 1e-4 is for rounding.
            whole = torch.floor(cut + 1e-4)
            kept = (place >= whole[:, :1]) & (place < size - whole[:, 1:])
            shape = [len(mask), 1, 1, 1, 1]
            shape[2 + axis] = size
            mask = mask & kept.reshape(shape)
        return mask

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return a quarter of the length and 20 mm at the sides; shapes are never cut."""
        if modality == "OT":
            return {"length_fraction": (0.0, 0.0), "lateral_mm": (0.0, 0.0)}
        return {"length_fraction": (0.0, 0.25), "lateral_mm": (0.0, 20.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all that is still seen; a lesion may be cut off."""
        del modality
        return keeping(*PLACE, *VALUES, *SHOWN, Flag.HU_TEXTURE, Flag.LOWCONTRAST_CNR)
