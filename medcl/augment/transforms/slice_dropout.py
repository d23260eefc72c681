"""Lost slices: one of ten was not sent or not readable, and its neighbours stand in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from medcl.augment.chance import Chance
from medcl.augment.contract import SHOWN, VALUES, Contract, Flag, PolicyModality, Sharing, keeping
from medcl.augment.random_field import uniform
from medcl.augment.transforms.transform import (
    Parameters,
    Setting,
    require_axis,
    require_common,
    require_range,
)
from medcl.shapes import Views

_GROUP = 10
"""Of so many slices one at most is lost, never the first or last: no two lost ones touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceDropout:
    """Replace single slices by the mean of both neighbours, as interpolation over a gap does.

    Attributes:
        fraction: Smallest and largest part of slices that is lost, a tenth at most.
        axis: ``z`` for axial slices, ``x`` and ``y`` for sagittal and coronal MR.
        probability: How often it is applied.
        sharing: Per view, or one part for the whole batch; the slices always differ.

    Example:
        >>> SliceDropout(fraction=(0.0, 0.1)).limits("PT")["fraction"]
        (0.0, 0.0)
    """

    kind: ClassVar[str] = "slice_dropout"
    cause: ClassVar[str] = "single slices lost in transfer and interpolated"
    fraction: tuple[float, float]
    axis: Literal["x", "y", "z"] = "z"
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("fraction", self.fraction, 0.0, 1 / _GROUP)
        require_axis(self.axis)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a part of the slices."""
        return {"fraction": (chance.between(*self.fraction),)}

    def identity(self) -> Parameters:
        """Return no slice lost."""
        return {"fraction": (0.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return views with lost slices interpolated."""
        axis = 2 + "xyz".index(self.axis)
        size = views.shape[axis]
        num_groups = size // _GROUP
        if num_groups == 0:
            return views
        numbers = uniform(setting.seeds, 2 * num_groups, stream=setting.stream, device=views.device)
        happens = numbers[:, :num_groups] < parameters["fraction"] * _GROUP
        inner = torch.floor(numbers[:, num_groups:] * (_GROUP - 2)).long() + 1
        place = torch.arange(num_groups, device=views.device) * _GROUP + inner
        lost = torch.zeros(len(views), size, dtype=torch.bool, device=views.device)
        lost.scatter_(1, place, happens)
        shape = [len(views), 1, 1, 1, 1]
        shape[axis] = size
        between = (views.roll(1, dims=axis) + views.roll(-1, dims=axis)) / 2
        return torch.where(lost.reshape(shape), between, views)

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return a tenth on CT and MR, which come slice by slice; nothing elsewhere."""
        slices = modality in {"CT", "MR_WEIGHTED", "MR_QUANTITATIVE"}
        return {"fraction": (0.0, 1 / _GROUP if slices else 0.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: flat tissue and geometry; a small lesion may be lost."""
        del modality
        return keeping(
            *VALUES,
            *SHOWN,
            Flag.LATERALITY,
            Flag.ORIENTATION,
            Flag.PHYSICAL_SCALE,
            Flag.SPACING_TRUTH,
        )
