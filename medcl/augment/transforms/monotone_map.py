"""Another sequence of the same contrast: tissues keep their order, not their distance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from medcl.augment.chance import Chance
from medcl.augment.contract import PLACE, SHOWN, Contract, Flag, PolicyModality, Sharing, keeping
from medcl.augment.transforms.transform import Parameters, Setting, require_common, require_range
from medcl.shapes import Views

_SEGMENTS = 8
"""Between nine knots; ends stay where they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonotoneMap:
    """Map values by a rising broken line from 0 to 1; above 1 its last slope goes on.

    Slopes stay between ``1 / slope`` and ``slope``, so no two tissues merge and the order of all
    values is kept.

    Attributes:
        slope: Smallest and largest bound of the slopes; 1 changes nothing.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> MonotoneMap(slope=(1.0, 1.5)).contract("MR_WEIGHTED")[Flag.CONTRAST_POLARITY].bound
        0.0
    """

    kind: ClassVar[str] = "monotone_map"
    cause: ClassVar[str] = "another sequence of the same contrast"
    slope: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("slope", self.slope, 1.0, 20.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return the slope between every two knots.

        Slopes are drawn within the root of the bound and divided by their mean, so that the line
        ends at 1 and no slope leaves the bound.
        """
        root = chance.between(*self.slope) ** 0.5
        slopes = [chance.between(1 / root, root) for _ in range(_SEGMENTS)]
        mean = sum(slopes) / _SEGMENTS
        return {"slopes": tuple(slope / mean for slope in slopes)}

    def identity(self) -> Parameters:
        """Return slope 1 everywhere."""
        return {"slopes": (1.0,) * _SEGMENTS}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return mapped views; negative values, which MR has none of, follow the first slope."""
        del setting
        slopes = parameters["slopes"].to(views)
        step = 1.0 / _SEGMENTS
        rise = [slopes[:, number].reshape(-1, 1, 1, 1, 1) for number in range(_SEGMENTS)]
        mapped = views.clamp_max(step) * rise[0]
        for number in range(1, _SEGMENTS):
            last = number == _SEGMENTS - 1
            above = (views - number * step).clamp(0.0, None if last else step)
            mapped = torch.addcmul(mapped, above, rise[number])
        is_same = (slopes == 1.0).all(dim=1).reshape(-1, 1, 1, 1, 1)
        return torch.where(is_same, views, mapped)

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return slopes of 0.67 to 1.5 for weighted MR, nothing elsewhere."""
        return {"slope": (1.0, 1.5 if modality == "MR_WEIGHTED" else 1.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: geometry and the order of tissues, no value."""
        del modality
        return keeping(*PLACE, *SHOWN, Flag.LESION_MASS, Flag.CONTRAST_POLARITY)
