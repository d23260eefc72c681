"""Gibbs ringing: k-space is cut off, and sharp edges echo."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from medcl.augment.chance import Chance
from medcl.augment.contract import PLACE, SHOWN, Contract, Flag, PolicyModality, Sharing, keeping
from medcl.augment.transforms.transform import (
    Parameters,
    Setting,
    per_view,
    require_common,
    require_range,
)
from medcl.shapes import Views

_MARGIN_VOXELS = 16
"""Views are mirrored so far beyond their edges, so that one edge does not ring into the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gibbs:
    """Cut off the outer part of k-space in axial planes: a smaller matrix, filled up with zeros.

    A circle of ``1 - alpha`` of the corner's radius is kept, so resolution along an axis falls by
    ``0.707 / (1 - alpha)``: nothing up to 0.29, 1.41 at 0.5. An edge overshoots by at most
    11 % of its height for each of the two axes.

    Attributes:
        alpha: Smallest and largest part of the radius that is cut off.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Gibbs(alpha=(0.0, 0.4)).limits("MR_WEIGHTED")["alpha"]
        (0.0, 0.5)
    """

    kind: ClassVar[str] = "gibbs"
    cause: ClassVar[str] = "smaller matrix of an MR scan, filled up with zeros"
    alpha: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("alpha", self.alpha, 0.0, 0.95)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a part of the radius."""
        return {"alpha": (chance.between(*self.alpha),)}

    def identity(self) -> Parameters:
        """Return nothing cut off."""
        return {"alpha": (0.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return magnitudes of views without the outer part of k-space."""
        del setting
        size_x, size_y = views.shape[2:4]
        wide_x, wide_y = min(_MARGIN_VOXELS, size_x - 1), min(_MARGIN_VOXELS, size_y - 1)
        mirrored = F.pad(views, (0, 0, wide_y, wide_y, wide_x, wide_x), mode="reflect")
        along_x, along_y = mirrored.shape[2:4]
        x = 2.0 * torch.fft.fftfreq(along_x, device=views.device)
        y = 2.0 * torch.fft.rfftfreq(along_y, device=views.device)
        radius = torch.sqrt(x[:, None] ** 2 + y**2)
        alpha = per_view(parameters["alpha"])
        kept = radius[None, None, :, :, None] <= (1.0 - alpha) * math.sqrt(2.0)
        spectrum = torch.fft.rfft2(mirrored, dim=(2, 3)) * kept
        cut = torch.fft.irfft2(spectrum, s=(along_x, along_y), dim=(2, 3)).abs()
        cut = cut[:, :, wide_x : wide_x + size_x, wide_y : wide_y + size_y]
        return torch.where(alpha > 0, cut, views)

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return 0.5 for weighted MR, nothing elsewhere."""
        return {"alpha": (0.0, 0.5 if modality == "MR_WEIGHTED" else 0.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: flat tissue and geometry; edges echo."""
        del modality
        return keeping(*PLACE, *SHOWN, Flag.CONTRAST_POLARITY)
