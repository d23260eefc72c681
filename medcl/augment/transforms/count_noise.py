"""Noise of counted decays: a shorter PET scan or less tracer."""

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
from medcl.augment.random_field import normal
from medcl.augment.transforms.transform import (
    Parameters,
    Setting,
    per_view,
    require_common,
    require_range,
)
from medcl.shapes import Views

_LIVER_SUV = 2.0
"""Mean uptake of a healthy liver, by which PET centres state their noise."""
_NATIVE_COV = 0.1
"""Noise of the liver in a standard scan, as a part of its mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountNoise:
    """Multiply by log-normal noise whose variance grows with the mean, as counts do.

    The standard deviation at an uptake ``x`` is ``liver_cov · √(x · 2 SUV)``: that of the liver
    (2 SUV) is ``liver_cov`` of it, hot voxels get relatively less, cold ones more. Images that were
    reconstructed by expectation maximisation have log-normal noise, so nothing becomes negative
    and the mean of every region stays. The highest voxel of a lesion rises with noise, as it does
    in short scans: labels made from it are not safe.

    Attributes:
        liver_cov: Smallest and largest coefficient of variation that is added in the liver.
        probability: How often it is applied.
        sharing: Per view, or one strength for the whole batch; the noise itself always differs.

    References:
        Barrett, Wilson and Tsui, "Noise properties of the EM algorithm: I. Theory", 1994.

    Example:
        >>> CountNoise(liver_cov=(0.0, 0.12)).limits("PT")["liver_cov"]
        (0.0, 0.15)
    """

    kind: ClassVar[str] = "count_noise"
    cause: ClassVar[str] = "shorter PET scan or less tracer"
    liver_cov: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("liver_cov", self.liver_cov, 0.0, 2.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a coefficient of variation."""
        return {"liver_cov": (chance.between(*self.liver_cov),)}

    def identity(self) -> Parameters:
        """Return no noise."""
        return {"liver_cov": (0.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return views times noise of mean 1."""
        shape = tuple(views.shape[1:])
        noise = normal(setting.seeds, shape, stream=setting.stream, device=views.device)
        relative = per_view(parameters["liver_cov"]) ** 2 * (_LIVER_SUV / views.clamp_min(1e-3))
        variance = torch.log1p(relative)
        return views * torch.exp(noise * variance.sqrt() - variance / 2)

    def spread(self) -> Mapping[str, float]:
        """Return the coefficient of variation in the liver."""
        return {"noise_liver_cov": self.liver_cov[1]}

    def presumed_noise(self) -> float:
        """Return the noise of the liver in a standard scan, in SUV."""
        return _NATIVE_COV * _LIVER_SUV

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return at most 15 % in the liver; only PET counts decays in its voxels."""
        return {"liver_cov": (0.0, 0.15 if modality == "PT" else 0.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: the mean of every region, on PET.

        Contrast over noise: of a scan as noisy as `presumed_noise` or more, as for noise in HU.
        """
        if modality != "PT":
            return keeping(
                *PLACE,
                *SHOWN,
                Flag.LESION_MASS,
                Flag.UPTAKE_ABS,
                Flag.UPTAKE_TOTAL,
                Flag.CONTRAST_POLARITY,
            )
        ratio = (1 + (self.liver_cov[1] / _NATIVE_COV) ** 2) ** 0.5
        return keeping(
            *PLACE,
            *VALUES,
            *SHOWN,
            Flag.LESION_MASS,
            Flag.UPTAKE_TOTAL,
            lowcontrast_cnr=bounded(1 - 1 / ratio, "fraction"),
        )
