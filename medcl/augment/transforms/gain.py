"""Gain and gamma: weighted MR has no unit, its brightness and contrast are the operator's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

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
from medcl.augment.elementary import exp2_, limited, log2_
from medcl.augment.transforms.transform import (
    Parameters,
    Setting,
    per_view,
    require_common,
    require_range,
)
from medcl.augment.worst_case import Line
from medcl.shapes import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Multiply all values alike: coil loading, receiver gain; on PET a cross-calibration error.

    Attributes:
        factor: Smallest and largest factor.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Gain(factor=(0.95, 1.05)).contract("PT")[Flag.UPTAKE_ABS].bound
        0.05
    """

    kind: ClassVar[str] = "gain"
    cause: ClassVar[str] = "coil loading and receiver gain; on PET a cross-calibration error"
    factor: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("factor", self.factor, 0.01, 100.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a factor."""
        return {"factor": (chance.between(*self.factor),)}

    def identity(self) -> Parameters:
        """Return factor 1."""
        return {"factor": (1.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return multiplied views."""
        del setting
        return views * per_view(parameters["factor"])

    def line(self) -> Line:
        """Return the gain."""
        return Line(gain=self.factor)

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return 0.75 to 1.25 for weighted MR, 0.9 to 1.1 for PET, nothing elsewhere."""
        ranges = {"MR_WEIGHTED": (0.75, 1.25), "PT": (0.9, 1.1), "CT": (0.99, 1.01)}
        return {"factor": ranges.get(modality, (1.0, 1.0))}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: ratios; on CT and PET absolute values within the factor.

        Noise is multiplied as the signal is, so on weighted MR and on PET texture stays up to the
        end of what is seen: a value ``v`` is shown as the smaller of ``factor * v`` and that end,
        at least ``1 / factor`` of what it should be. So signal over noise departs by at most
        ``1 - 1 / factor`` where the factor is above 1, and not at all elsewhere.
        """
        off = bounded(round(max(abs(end - 1) for end in self.factor), 12), "fraction")
        cut = bounded(round(1 - 1 / max(*self.factor, 1.0), 12), "fraction")
        if modality == "CT":
            # At 1000 HU, the densest and the emptiest tissue.
            drift = bounded(1000.0 * (off.bound or 0.0), "HU")
            return keeping(
                *PLACE,
                *SHOWN,
                Flag.LESION_MASS,
                Flag.UPTAKE_ABS,
                Flag.UPTAKE_RATIO,
                Flag.UPTAKE_TOTAL,
                Flag.LOWCONTRAST_CNR,
                Flag.CONTRAST_POLARITY,
                hu_calibration=drift,
                hu_texture=off,
            )
        if modality == "PT":
            return keeping(
                *PLACE,
                *SHOWN,
                Flag.LESION_MASS,
                Flag.UPTAKE_RATIO,
                Flag.LOWCONTRAST_CNR,
                Flag.CONTRAST_POLARITY,
                uptake_abs=off,
                uptake_total=off,
                hu_texture=cut,
            )
        # Only where values have a unit is a multiple of the noise a change of it.
        noise = off if modality == "MR_QUANTITATIVE" else cut
        return keeping(
            *PLACE,
            *SHOWN,
            Flag.LESION_MASS,
            Flag.UPTAKE_RATIO,
            Flag.LOWCONTRAST_CNR,
            Flag.CONTRAST_POLARITY,
            hu_texture=noise,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma:
    """Raise values to a power: another echo or flip angle. Order of tissues stays.

    Attributes:
        exponent: Smallest and largest exponent, applied to fractions of the volume's range.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Gamma(exponent=(0.8, 1.25)).contract("CT")[Flag.HU_CALIBRATION].bound is None
        True
    """

    kind: ClassVar[str] = "gamma"
    cause: ClassVar[str] = "another echo time or flip angle"
    exponent: tuple[float, float]
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("exponent", self.exponent, 0.05, 20.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return an exponent."""
        return {"exponent": (chance.between(*self.exponent),)}

    def identity(self) -> Parameters:
        """Return exponent 1."""
        return {"exponent": (1.0,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return views raised to the power; negative values, which MR has none of, become 0."""
        del setting
        exponent = per_view(parameters["exponent"])
        # Faster than a power; log 0 is -inf, and 2 to the power of that is 0 again.
        powers = exp2_(log2_(limited(views, 0.0)).mul_(exponent))
        return torch.where(exponent == 1.0, views, powers)

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return 0.75 to 1.35 for weighted MR, nothing elsewhere."""
        return {"exponent": (0.75, 1.35) if modality == "MR_WEIGHTED" else (1.0, 1.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: geometry and the order of tissues, no value."""
        del modality
        return keeping(*PLACE, *SHOWN, Flag.LESION_MASS, Flag.CONTRAST_POLARITY)
