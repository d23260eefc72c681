"""Bias field: MR coils see near tissue brighter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
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
from medcl.augment.transforms.transform import Parameters, Setting, require_common, require_range
from medcl.shapes import Views

_TERMS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (0, 2, 0), (0, 0, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasField:
    """Multiply by a smooth field: the exponential of a polynomial of second degree per axis.

    The field stays within its range by construction: its exponents add to at most the logarithm.

    Attributes:
        strength: Smallest and largest departure of the field from 1; 0.15 lets it run from
            1/1.15 to 1.15.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> BiasField(strength=(0.0, 0.15)).limits("MR_WEIGHTED")["strength"]
        (0.0, 0.3)
    """

    kind: ClassVar[str] = "bias_field"
    cause: ClassVar[str] = "receive coils see near tissue brighter"
    strength: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("strength", self.strength, 0.0, 10.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return coefficients whose sizes add up to the logarithm of the strength."""
        weights = np.array([chance.between(-1.0, 1.0) for _ in _TERMS])
        total = np.log1p(chance.between(*self.strength))
        weights = weights * (total / max(float(np.abs(weights).sum()), 1e-12))
        return {"coefficients": tuple(weights.tolist())}

    def identity(self) -> Parameters:
        """Return the field 1."""
        return {"coefficients": (0.0,) * len(_TERMS)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return views times the field; the field is separable, so it costs three products."""
        del setting
        coefficients = parameters["coefficients"].to(views)
        for axis in range(3):
            place = torch.linspace(-1.0, 1.0, views.shape[2 + axis], device=views.device)
            line = torch.exp(
                coefficients[:, axis, None] * place
                + coefficients[:, 3 + axis, None] * (2 * place**2 - 1)
            )
            shape = [len(views), 1, 1, 1, 1]
            shape[2 + axis] = -1
            views = views * line.reshape(shape)
        return views

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return a field of 0.77 to 1.3 for weighted MR, nothing elsewhere."""
        return {"strength": (0.0, 0.3 if modality == "MR_WEIGHTED" else 0.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: geometry, and local contrast within the field; no value."""
        del modality
        return keeping(
            *PLACE,
            *SHOWN,
            Flag.LESION_MASS,
            Flag.CONTRAST_POLARITY,
            lowcontrast_cnr=bounded(self.strength[1], "fraction"),
        )
