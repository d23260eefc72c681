"""Noise: additive in HU for CT, white or with the grain of a scanner; Rician for magnitude MR."""

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

_NATIVE_SD_HU = 10.0
"""Noise of a clean soft-tissue CT; standard chest scans have 21 to 28 HU, heads 3 to 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianNoise:
    """Add noise in HU: a scan at a lower dose. The mean of every tissue stays.

    White noise has no grain; that of a scanner has one in axial slices, because filtered
    back-projection raises high frequencies up to its kernel's cut-off and leaves the mean alone:
    ``power ∝ f · exp(-(f / peak)² / 2)``.

    Attributes:
        sd_hu: Smallest and largest standard deviation that is added.
        peak_per_mm: Frequency at which the noise is strongest, in cycles per mm: 0.2 to 0.35 for
            soft kernels, up to 0.7 for sharp ones; 0 is white noise.
        probability: How often it is applied.
        sharing: Per view, or one standard deviation for the whole batch; the noise itself always
            differs.

    Example:
        >>> GaussianNoise(sd_hu=(0.0, 20.0)).contract("CT")[Flag.HU_CALIBRATION].bound
        0.0
    """

    kind: ClassVar[str] = "gaussian_noise"
    cause: ClassVar[str] = "scan at a lower dose"
    sd_hu: tuple[float, float]
    peak_per_mm: float = 0.0
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("sd_hu", self.sd_hu, 0.0, 1000.0)
        require_range("peak_per_mm", (self.peak_per_mm, self.peak_per_mm), 0.0, 5.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a standard deviation in HU."""
        return {"sd_hu": (chance.between(*self.sd_hu),)}

    def identity(self) -> Parameters:
        """Return no noise."""
        return {"sd_hu": (0.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return views with noise added."""
        shape = tuple(views.shape[1:])
        noise = normal(setting.seeds, shape, stream=setting.stream, device=views.device)
        if self.peak_per_mm > 0:
            noise = _grained(noise, setting.spacing_mm, self.peak_per_mm)
        return torch.addcmul(views, noise, per_view(parameters["sd_hu"]))

    def spread(self) -> Mapping[str, float]:
        """Return the standard deviation of the noise."""
        return {"noise_hu": self.sd_hu[1]}

    def presumed_noise(self) -> float:
        """Return the noise of a clean soft-tissue CT in HU, which what is added is held against."""
        return _NATIVE_SD_HU

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return at most 30 HU; only CT has noise in HU."""
        return {"sd_hu": (0.0, 30.0 if modality == "CT" else 0.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: the mean of every tissue, on CT.

        Variances add, so contrast over noise falls to ``1 / sqrt(1 + (added / native)²)`` of what
        it was. The bound is that of a scan as noisy as `presumed_noise` or more; in a cleaner one
        the same noise drowns more, see `medcl.augment.safety.native_noise`.
        """
        if modality != "CT":
            return keeping(
                *PLACE,
                *SHOWN,
                Flag.LESION_MASS,
                Flag.UPTAKE_ABS,
                Flag.UPTAKE_TOTAL,
                Flag.CONTRAST_POLARITY,
            )
        ratio = (1 + (self.sd_hu[1] / _NATIVE_SD_HU) ** 2) ** 0.5
        return keeping(
            *PLACE,
            *VALUES,
            *SHOWN,
            Flag.LESION_MASS,
            Flag.UPTAKE_TOTAL,
            lowcontrast_cnr=bounded(1 - 1 / ratio, "fraction"),
        )


def _grained(
    noise: Views, spacing_mm: tuple[float, float, float], peak_per_mm: float
) -> torch.Tensor:
    """Return white noise with the power of a reconstruction kernel in axial slices, variance 1."""
    size_x, size_y = noise.shape[2:4]
    x = torch.fft.fftfreq(size_x, spacing_mm[0], device=noise.device)
    y = torch.fft.fftfreq(size_y, spacing_mm[1], device=noise.device)
    frequency = torch.sqrt(x[:, None] ** 2 + y**2)
    power = frequency * torch.exp(-((frequency / peak_per_mm) ** 2) / 2)
    amplitude = torch.sqrt(power / power.mean().clamp_min(1e-30))[:, : size_y // 2 + 1, None]
    spectrum = torch.fft.rfft2(noise, dim=(2, 3)) * amplitude
    grained: torch.Tensor = torch.fft.irfft2(spectrum, s=(size_x, size_y), dim=(2, 3))
    return grained


@dataclass(frozen=True, slots=True, kw_only=True)
class RicianNoise:
    """Add complex noise and take the magnitude: a faster MR scan.

    Attributes:
        sd_fraction: Smallest and largest standard deviation, as a fraction of the volume's range
            (its 99th percentile is 1).
        probability: How often it is applied.
        sharing: Per view, or one standard deviation for the whole batch.

    References:
        Gudbjartsson and Patz, "The Rician distribution of noisy MRI data", 1995.

    Example:
        >>> RicianNoise(sd_fraction=(0.0, 0.03)).limits("MR_WEIGHTED")["sd_fraction"]
        (0.0, 0.09)
    """

    kind: ClassVar[str] = "rician_noise"
    cause: ClassVar[str] = "faster MR scan with fewer averages"
    sd_fraction: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("sd_fraction", self.sd_fraction, 0.0, 10.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a standard deviation as a fraction."""
        return {"sd_fraction": (chance.between(*self.sd_fraction),)}

    def identity(self) -> Parameters:
        """Return no noise."""
        return {"sd_fraction": (0.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return magnitudes of views with complex noise added."""
        sd = per_view(parameters["sd_fraction"])
        shape = (2, *views.shape[1:])
        noise = normal(setting.seeds, shape, stream=setting.stream, device=views.device)
        magnitude = torch.hypot(torch.addcmul(views, noise[:, 0], sd), noise[:, 1] * sd)
        return torch.where(sd > 0, magnitude, views)

    def spread(self) -> Mapping[str, float]:
        """Return the standard deviation of the noise."""
        return {"noise_fraction": self.sd_fraction[1]}

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return at most 9 % of the range; only magnitude MR has Rician noise."""
        return {"sd_fraction": (0.0, 0.09 if modality == "MR_WEIGHTED" else 0.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: geometry and polarity; low values are lifted."""
        del modality
        return keeping(*PLACE, *SHOWN, Flag.LESION_MASS, Flag.CONTRAST_POLARITY)
