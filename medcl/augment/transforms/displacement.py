"""Smooth displacement that cannot fold: another breath, another filling of the gut."""

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
from medcl.augment.grid import ViewGrid
from medcl.augment.transforms.transform import Parameters, require_common, require_range
from medcl.augment.warp import Warp
from medcl.augment.worst_case import Extremes

FOLDING = 0.403
"""No displacement of control points below this part of their distance can fold the view."""

_TRACE = 2.4793  # largest sum over control points of |dB/dx + dB/dy + dB/dz|
_SLOPE = 1.5  # largest sum over control points of |dB/dx|
_BRAIN_MM = 4.0
_LANDMARKS = 4.0  # axes between landmarks so many control distances apart count as the patient's


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    """Displace the points of a uniform cubic B-spline grid; the view follows smoothly.

    With ``r = max_fraction`` the map from view to anatomy has, anywhere and whatever the signs of
    its control points, a determinant of at least the smaller of ``1 - 2.479 r`` (all three
    components pull together) and ``(1 - 1.5 r)³`` (each squeezes its own axis), and of at most
    ``(1 + 1.5 r)³``. So it cannot fold below 0.403.

    Attributes:
        max_fraction: Largest displacement of a control point along an axis, as a part of the
            distance between control points; below 0.403.
        spacing_mm: That distance.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    References:
        Choi and Lee, "Injectivity conditions of 2D and 3D uniform cubic B-spline functions",
        Graphical Models 62, 2000.

    Example:
        >>> low, high = Displacement(spacing_mm=40.0, max_fraction=0.1).extremes().volume
        >>> round(low, 3), round(high, 3)
        (0.658, 1.628)
    """

    kind: ClassVar[str] = "displacement"
    cause: ClassVar[str] = "breathing, posture, organs that shift"
    max_fraction: float = 0.2
    spacing_mm: float
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges.

        Raises:
            ValueError: The fraction is so large that the view could fold, or no distance is given.
        """
        require_range("spacing_mm", (self.spacing_mm, self.spacing_mm), 1.0, 1000.0)
        if not 0 <= self.max_fraction < FOLDING:
            raise ValueError(
                f"max_fraction must lie in [0, {FOLDING}), beyond which anatomy can fold, got "
                f"{self.max_fraction}."
            )
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance, grid: ViewGrid) -> Parameters:
        """Return where control points go, in parts of their distance, for one grid of views."""
        counts = self._counts(grid)
        strength = chance.between(0.0, self.max_fraction)
        signs = chance.many(-1.0, 1.0, 3 * math.prod(counts))
        return {"fractions": tuple((strength * signs).tolist())}

    def identity(self) -> Parameters:
        """Return no displacement."""
        return {"fractions": ()}

    def warp(self, parameters: Parameters, grid: ViewGrid) -> Warp | None:
        """Return what a view of this grid is displaced by; ``None`` for nothing at all."""
        fractions = np.asarray(parameters["fractions"], dtype=float)
        if not fractions.any():
            return None
        counts = self._counts(grid)
        step = self.spacing_mm / np.asarray(grid.spacing_mm, dtype=float)
        middle = (np.asarray(grid.size_voxels) - 1) / 2
        return Warp(
            coefficients=fractions.reshape(3, *counts) * step.reshape(3, 1, 1, 1),
            step_voxels=step,
            start_voxels=np.asarray(middle - step * (np.asarray(counts) - 1) / 2),
        )

    def extremes(self) -> Extremes:
        """Return the worst cases from anatomy to view, whatever the signs of control points."""
        ratio = self.max_fraction
        least = min(1 - _TRACE * ratio, (1 - _SLOPE * ratio) ** 3)
        slope = math.sqrt(3) * _SLOPE * ratio
        widest = 1 / (1 - slope) if slope < 1 else math.inf
        aside = 2 * math.sqrt(3) * ratio / _LANDMARKS
        return Extremes(
            degrees=math.degrees(math.atan(aside)),
            stretch=(1 / (1 + slope), widest),
            volume=((1 + _SLOPE * ratio) ** -3, 1 / least),
        )

    def limits(self, modality: PolicyModality, region: Region) -> dict[str, tuple[float, float]]:
        """Return 0.30, far from folding; of a head 4 mm of the distance, 25 mm or more."""
        del modality
        brain = min(0.15, _BRAIN_MM / self.spacing_mm)
        return {
            "max_fraction": (0.0, brain if region == "head" else 0.30),
            "spacing_mm": (25.0 if region == "head" else 10.0, 1000.0),
        }

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: topology; size, volume and the patient's axes within bounds.

        What is summed over volume is not: where the map expands, more voxels have the same value.
        """
        del modality
        ends = self.extremes()
        return keeping(
            *VALUES,
            *SHOWN,
            Flag.LATERALITY,
            Flag.SPACING_TRUTH,
            Flag.TOPOLOGY,
            Flag.LOWCONTRAST_CNR,
            orientation=bounded(ends.degrees, "deg"),
            physical_scale=bounded(ends.off_scale, "fraction"),
            lesion_mass=bounded(ends.off_volume, "fraction"),
            uptake_total=bounded(ends.off_volume, "fraction"),
        )

    def _counts(self, grid: ViewGrid) -> tuple[int, int, int]:
        """Return how many control points cover a view and one distance beyond it."""
        x, y, z = (math.ceil(mm / self.spacing_mm) + 3 for mm in grid.extent_mm.tolist())
        return x, y, z
