"""Low resolution: a smaller matrix over the same field of view."""

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
    PolicyModality,
    Sharing,
    keeping,
)
from medcl.augment.taps import among_measured, banded
from medcl.augment.transforms.slices import thick_weights
from medcl.augment.transforms.transform import Parameters, Setting, require_common, require_range
from medcl.shapes import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class LowResolution:
    """Average over larger voxels along all axes and interpolate back to the view's grid.

    Attributes:
        voxel_mm: Smallest and largest edge of the larger voxels; up to the view's own spacing
            nothing changes.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> LowResolution(voxel_mm=(1.0, 2.0)).limits("MR_WEIGHTED")["voxel_mm"]
        (0.0, 2.5)
    """

    kind: ClassVar[str] = "low_resolution"
    cause: ClassVar[str] = "smaller matrix over the same field of view"
    voxel_mm: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("voxel_mm", self.voxel_mm, 0.0, 50.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return an edge in mm, and where the first voxel lies along each axis."""
        edge = chance.between(*self.voxel_mm)
        x, y, z = (chance.between(0.0, 1.0) for _ in range(3))
        return {"voxel_mm": (edge,), "phase": (x, y, z)}

    def identity(self) -> Parameters:
        """Return voxels without extent."""
        return {"voxel_mm": (0.0,), "phase": (0.0, 0.0, 0.0)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return views of larger voxels."""
        edges, phases = parameters["voxel_mm"].to(views), parameters["phase"].to(views)
        weights = [
            thick_weights(
                views.shape[2 + axis],
                edges,
                phases[:, axis, None],
                spacing_mm=setting.spacing_mm[axis],
            )
            for axis in range(3)
        ]

        def averaged(each: Views) -> Views:
            for axis in range(3):
                each = banded(each, weights[axis], axis)
            return each

        return among_measured(views, setting.measured, averaged)

    def resamples(self) -> bool:
        """Return whether any draw averages over more than nothing."""
        return self.voxel_mm[1] > 0

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return 2.5 mm, as for slices that small nodules are read on; PET 3.5 mm; shapes none.

        Larger voxels of an edge ``w`` widen a point by ``1.2 w`` at half its height: PET that
        resolves 5.5 mm stays below 7 mm in all.
        """
        widest = {"PT": 3.5, "OT": 0.0}.get(modality, 2.5)
        return {"voxel_mm": (0.0, widest)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: flat tissue and geometry, no small structure."""
        del modality
        return keeping(*PLACE, *VALUES, *SHOWN)
