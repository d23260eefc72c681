"""Thick slices: the same patient, reconstructed in fewer slices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from medcl.augment.chance import Chance
from medcl.augment.contract import (
    PLACE,
    SHOWN,
    VALUES,
    Contract,
    PolicyModality,
    Sharing,
    keeping,
)
from medcl.augment.taps import among_measured, banded
from medcl.augment.transforms.slices import thick_weights
from medcl.augment.transforms.transform import (
    Parameters,
    Setting,
    require_axis,
    require_common,
    require_range,
)
from medcl.shapes import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class ThickSlice:
    """Average slabs along one axis and interpolate back: 5 mm slices seen on the view's grid.

    Slabs are averaged before anything is decimated, so nothing is folded back. The view keeps its
    grid and spacing; only resolution along the axis is lost, and small lesions fade into what lies
    above and below.

    Attributes:
        thickness_mm: Smallest and largest thickness of the final slices; up to the view's own
            spacing nothing changes.
        axis: ``z`` for axial slices, ``x`` and ``y`` for sagittal and coronal MR.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> ThickSlice(thickness_mm=(1.0, 3.0)).limits("CT")["thickness_mm"]
        (0.0, 5.0)
    """

    kind: ClassVar[str] = "thick_slice"
    cause: ClassVar[str] = "reconstruction in thicker slices"
    thickness_mm: tuple[float, float]
    axis: Literal["x", "y", "z"] = "z"
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("thickness_mm", self.thickness_mm, 0.0, 50.0)
        require_axis(self.axis)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a thickness in mm, and where the first slice lies."""
        thickness = chance.between(*self.thickness_mm)
        return {"thickness_mm": (thickness,), "phase": (chance.between(0.0, 1.0),)}

    def identity(self) -> Parameters:
        """Return slices without thickness."""
        return {"thickness_mm": (0.0,), "phase": (0.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return views of thick slices."""
        axis = "xyz".index(self.axis)
        weights = thick_weights(
            views.shape[2 + axis],
            parameters["thickness_mm"].to(views),
            parameters["phase"].to(views),
            spacing_mm=setting.spacing_mm[axis],
        )
        return among_measured(views, setting.measured, lambda each: banded(each, weights, axis))

    def resamples(self) -> bool:
        """Return whether any draw averages over more than nothing."""
        return self.thickness_mm[1] > 0

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return 5 mm for CT, 6 mm for MR, 1.5 times a usual 3 mm slice for PET; shapes none."""
        thickest = {"CT": 5.0, "MR_WEIGHTED": 6.0, "MR_QUANTITATIVE": 6.0, "PT": 4.5}
        return {"thickness_mm": (0.0, thickest.get(modality, 0.0))}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: flat tissue and geometry, no small structure."""
        del modality
        return keeping(*PLACE, *VALUES, *SHOWN)
