"""Breathing: a PET scan takes minutes, and what moves is smeared along the body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from medcl.augment.chance import Chance
from medcl.augment.contract import (
    PLACE,
    SHOWN,
    Contract,
    Flag,
    PolicyModality,
    Sharing,
    bounded,
    keeping,
)
from medcl.augment.taps import among_measured, banded
from medcl.augment.transforms.slices import slab_weights
from medcl.augment.transforms.transform import Parameters, Setting, require_common, require_range
from medcl.shapes import Views

_PEAK_MM, _LESION_MM = 6.0, 10.0
"""Radius of the sphere that peak uptake is the mean of, and of the lesion a claim is for."""


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
        >>> round(RespiratoryBlur(range_mm=(0.0, 10.0)).contract("PT")[Flag.UPTAKE_ABS].bound, 4)
        0.0162
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
        """Return what is preserved: the peak uptake of lesions of 20 mm and more.

        A smaller one is smeared over more than its own length, and looks longer than it is. Sums
        over a whole view stay, but what spills out of a contour is no longer in its total.
        """
        if modality != "PT":
            return keeping(
                *PLACE,
                *SHOWN,
                Flag.HU_CALIBRATION,
                Flag.LESION_MASS,
                Flag.UPTAKE_RATIO,
                Flag.UPTAKE_TOTAL,
                Flag.CONTRAST_POLARITY,
            )
        lost = bounded(_lost_peak(self.range_mm[1]), "fraction")
        return keeping(
            *PLACE,
            *SHOWN,
            Flag.HU_CALIBRATION,
            Flag.CONTRAST_POLARITY,
            uptake_abs=lost,
            uptake_ratio=lost,
        )


def _lost_peak(range_mm: float) -> float:
    """Return a bound of the peak uptake that a lesion of 20 mm loses to what lies around it.

    A point of the sphere of the peak is at least 4 mm from the lesion's surface along z, so no
    range up to 8 mm reaches beyond. Above, only two caps of the sphere are reached, and each point
    of them loses at most the part of the range that lies beyond the margin.
    """
    half, margin = range_mm / 2, _LESION_MM - _PEAK_MM
    if half <= margin:
        return 0.0
    lowest = max((_LESION_MM**2 - _PEAK_MM**2 - half**2) / (2 * half), 0.0)
    height = _PEAK_MM - lowest
    share = height**2 * (3 * _PEAK_MM - height) / (2 * _PEAK_MM**3)
    return share * (half - margin) / (2 * half)
