"""Ghosts: a pulse repeats faint copies of the anatomy along the phase axis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from medcl.augment.chance import Chance
from medcl.augment.contract import PLACE, SHOWN, Contract, Flag, PolicyModality, Sharing, keeping
from medcl.augment.transforms.transform import (
    Parameters,
    Setting,
    per_view,
    require_axis,
    require_common,
    require_range,
)
from medcl.shapes import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Ghosting:
    """Weaken every n-th line of k-space: n copies of the view, evenly apart on the phase axis.

    The line of the mean is never touched. A copy has the n-th part of the weakening.

    Attributes:
        intensity: Smallest and largest part by which the lines are weakened.
        ghosts: Fewest and most copies.
        axis: Phase-encoding axis; ``y`` is usual for axial MR.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Ghosting(intensity=(0.0, 0.2)).limits("MR_WEIGHTED")["intensity"]
        (0.0, 0.3)
    """

    kind: ClassVar[str] = "ghosting"
    cause: ClassVar[str] = "pulse and breath during an MR scan"
    intensity: tuple[float, float]
    ghosts: tuple[float, float] = (2.0, 6.0)
    axis: Literal["x", "y", "z"] = "y"
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("intensity", self.intensity, 0.0, 1.0)
        require_range("ghosts", self.ghosts, 1.0, 64.0)
        require_axis(self.axis)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return an intensity and a whole number of copies."""
        intensity = chance.between(*self.intensity)
        return {"intensity": (intensity,), "ghosts": (float(round(chance.between(*self.ghosts))),)}

    def identity(self) -> Parameters:
        """Return no copy."""
        return {"intensity": (0.0,), "ghosts": (1.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return magnitudes of views with weakened lines of k-space."""
        del setting
        axis = 2 + "xyz".index(self.axis)
        size = views.shape[axis]
        line = torch.arange(size // 2 + 1, device=views.device)
        is_weak = (line % parameters["ghosts"].long() == 0) & (line > 0)
        factors = 1.0 - parameters["intensity"].to(views) * is_weak
        shape = [len(views), 1, 1, 1, 1]
        shape[axis] = -1
        spectrum = torch.fft.rfft(views, dim=axis) * factors.reshape(shape)
        ghosted = torch.fft.irfft(spectrum, n=size, dim=axis).abs()
        return torch.where(per_view(parameters["intensity"]) > 0, ghosted, views)

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return 0.3 and 2 to 6 copies for weighted MR, nothing elsewhere."""
        if modality != "MR_WEIGHTED":
            return {"intensity": (0.0, 0.0)}
        return {"intensity": (0.0, 0.3), "ghosts": (2.0, 6.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: geometry and the order of tissues; faint anatomy is added."""
        del modality
        return keeping(*PLACE, *SHOWN, Flag.CONTRAST_POLARITY)
