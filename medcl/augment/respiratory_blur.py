"""Breathing: a PET scan takes minutes, and what moves is smeared along the body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from medcl.augment.chance import Chance
from medcl.augment.contract import Contract, Flag, PolicyModality, Sharing, bounded, preserving
from medcl.augment.slices import slab_weights
from medcl.augment.taps import among_measured, banded
from medcl.augment.transform import Parameters, Setting, require_common, require_range
from medcl.shapes import Views

_MARGIN_MM = 4.0
"""From a sphere of 12 mm, in which peak uptake is measured, to the surface of a 20 mm lesion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RespiratoryBlur:
    """Average along z over the range of the movement, as free breathing does.

    Attributes:
        range_mm: Smallest and largest way from breathing out to breathing in.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> RespiratoryBlur(range_mm=(0.0, 8.0)).contract("PT")[Flag.UPTAKE_ABS].bound
        0.0
        >>> RespiratoryBlur(range_mm=(0.0, 10.0)).contract("PT")[Flag.UPTAKE_ABS].bound
        0.1
    """

    kind: ClassVar[str] = "respiratory_blur"
    cause: ClassVar[str] = "free breathing during minutes of a PET scan"
    range_mm: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("range_mm", self.range_mm, 0.0, 100.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a range in mm."""
        return {"range_mm": (chance.between(*self.range_mm),)}

    def identity(self) -> Parameters:
        """Return no movement."""
        return {"range_mm": (0.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return views averaged along z; at the edges over what lies inside."""
        spacing_mm = setting.spacing_mm[2]
        # Below a voxel all weight stays in it; that keeps the slab's width above 0.
        width = parameters["range_mm"].to(views).clamp_min(0.5 * spacing_mm)
        still = torch.zeros(len(views), views.shape[4], device=views.device, dtype=views.dtype)
        radius = int(0.5 * float(width.max()) / spacing_mm + 0.5) + 1
        weights, inside = slab_weights(still, width, spacing_mm=spacing_mm, radius=radius)
        weights = weights / inside[:, :, None]
        return among_measured(views, setting.measured, lambda each: banded(each, weights, 2))

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return 10 mm for PET; CT and MR are not taken over many breaths."""
        return {"range_mm": (0.0, 10.0 if modality == "PT" else 0.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: the peak of lesions of 20 mm and more, not what spills out.

        The peak is a mean over 12 mm; only ranges above 8 mm bring what lies beyond a 20 mm lesion
        into it, at most that part of the range that reaches beyond its surface.
        """
        if modality != "PT":
            return preserving(Flag.HU_TEXTURE, Flag.LOWCONTRAST_CNR, Flag.UPTAKE_ABS)
        half = self.range_mm[1] / 2
        lost = bounded(max(half - _MARGIN_MM, 0.0) / max(2 * half, 1e-9), "fraction")
        return preserving(
            Flag.HU_TEXTURE,
            Flag.LOWCONTRAST_CNR,
            Flag.UPTAKE_TOTAL,
            uptake_abs=lost,
            uptake_ratio=lost,
        )
