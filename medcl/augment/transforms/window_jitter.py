"""Window: the same HU, shown through a slightly other range of grey."""

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
    bounded,
    keeping,
)
from medcl.augment.normalisation import FixedWindow
from medcl.augment.transforms.transform import (
    Parameters,
    Setting,
    per_view,
    require_common,
    require_range,
)
from medcl.errors import PolicyError
from medcl.shapes import Views

_HALF_WIDTH_HU = 1000.0
"""Half of the widest usual window: where a change of width moves values most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowJitter:
    """Move and widen the window that turns HU into what the network sees.

    Shared over the whole batch no comparison within a step can see it, so density stays
    comparable; per view it teaches the encoder that density does not matter.

    Attributes:
        centre_hu: Smallest and largest shift of the window's centre.
        width: Smallest and largest factor of the window's width.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> WindowJitter().contract("CT")["hu_calibration"].bound
        0.0
        >>> alone = WindowJitter(sharing="independent")
        >>> round(alone.contract("CT")["hu_calibration"].bound)
        122
    """

    kind: ClassVar[str] = "window_jitter"
    cause: ClassVar[str] = "another display window of the same values"
    centre_hu: tuple[float, float] = (-10.0, 10.0)
    width: tuple[float, float] = (0.9, 1.1)
    probability: float = 1.0
    sharing: Sharing = "batch"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("centre_hu", self.centre_hu, -1000.0, 1000.0)
        require_range("width", self.width, 0.1, 10.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a shift in HU and a factor."""
        return {
            "centre_hu": (chance.between(*self.centre_hu),),
            "width": (chance.between(*self.width),),
        }

    def identity(self) -> Parameters:
        """Return the window as it is."""
        return {"centre_hu": (0.0,), "width": (1.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return values that the policy's window shows as the moved window shows the given ones.

        Raises:
            PolicyError: The policy has no fixed window.
        """
        if not isinstance(setting.window, FixedWindow):
            raise PolicyError("Only a fixed window can be moved: this policy has none.")
        middle = (setting.window.low + setting.window.high) / 2
        shift, width = per_view(parameters["centre_hu"]), per_view(parameters["width"])
        moved = (views - (middle + shift)) / width + middle
        return torch.where((shift == 0.0) & (width == 1.0), views, moved)

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return 10 HU and a tenth of the width on CT, nothing elsewhere."""
        if modality != "CT":
            return {"centre_hu": (0.0, 0.0), "width": (1.0, 1.0)}
        return {"centre_hu": (-10.0, 10.0), "width": (0.9, 1.1)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: HU are what they were, if all that is compared shares them.

        Per view the same HU differ by the shift and, at the ends of a window of 2000 HU, by the
        change of width, and their noise by the width.
        """
        del modality
        if self.sharing == "batch":
            return keeping(
                *PLACE,
                *VALUES,
                *SHOWN,
                Flag.HU_TEXTURE,
                Flag.LESION_MASS,
                Flag.UPTAKE_TOTAL,
                Flag.LOWCONTRAST_CNR,
            )
        shift = max(abs(end) for end in self.centre_hu)
        wider = max(1 / self.width[0] - 1, 1 - 1 / self.width[1])
        off = shift / self.width[0] + wider * _HALF_WIDTH_HU
        return keeping(
            *PLACE,
            *SHOWN,
            Flag.LESION_MASS,
            Flag.UPTAKE_ABS,
            Flag.UPTAKE_RATIO,
            Flag.UPTAKE_TOTAL,
            Flag.LOWCONTRAST_CNR,
            Flag.CONTRAST_POLARITY,
            hu_calibration=bounded(off, "HU"),
            hu_texture=bounded(round(wider, 12), "fraction"),
        )
