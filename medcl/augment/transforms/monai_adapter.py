"""MONAI's array transforms of values, by name from a closed list, each under a contract.

MONAI's own defaults are made for photographs of unknown scale: ranges without a unit, a spread that
is drawn once more, zeros beyond the edge (which is water on CT), bias fields that only brighten. So
a transform enters with its amount in a physical unit and with those defaults overridden, and says
what it preserves as medcl's own transform of the same effect does. One that is not listed has no
contract, and counts as breaking everything.

Of transforms that move anatomy the matrix enters, see
`medcl.augment.transforms.monai_affine`. Dropouts do not enter: they fill with random values and
leave no mask.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from medcl.augment.chance import Chance
from medcl.augment.contract import PLACE, SHOWN, Contract, Flag, PolicyModality, Sharing, keeping
from medcl.augment.random_field import seed_words
from medcl.augment.transforms import monai_calls
from medcl.augment.transforms.bias_field import BiasField
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.gibbs import Gibbs
from medcl.augment.transforms.kernel_change import OVERSHOOT_HU
from medcl.augment.transforms.monai_calls import Call, View
from medcl.augment.transforms.monai_names import MonaiUnit, require_contract
from medcl.augment.transforms.noise import GaussianNoise, RicianNoise
from medcl.augment.transforms.refusable import HuOffset
from medcl.augment.transforms.transform import Parameters, Setting, require_common, require_range
from medcl.augment.worst_case import HasLine, HasPresumedNoise, HasSpread, Line
from medcl.runtime.seeds import derive_seed
from medcl.shapes import Views

Ends = tuple[float, float]
Twin = Blur | GaussianNoise | RicianNoise | Gamma | Gain | HuOffset | BiasField | Gibbs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What medcl knows about one transform of MONAI.

    Attributes:
        unit: Of the amount.
        widest: Amounts that mean anything.
        identity: Amount that changes nothing.
        cause: What happens to real patients and scanners.
        run: MONAI's transform of one view.
        twin: medcl's own transform of the same effect, whose contract and limits hold.
    """

    unit: MonaiUnit
    widest: Ends
    identity: float
    cause: str
    run: Callable[[View, Call], View]
    twin: Callable[[Ends], Twin] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Monai:
    """One of MONAI's transforms of values, view by view on the CPU.

    Attributes:
        transform: Its name, one of `medcl.augment.transforms.monai_names`.
        amount: Smallest and largest amount, in ``unit``: ``gaussian_smooth`` standard deviation in
            mm; ``gaussian_noise`` standard deviation in HU; ``shift_intensity`` offset in HU;
            ``rician_noise`` standard deviation, ``scale_intensity`` change, ``bias_field`` largest
            departure from 1, ``gibbs_noise`` part of k-space cut off, ``gaussian_sharpen`` part of
            the fine detail added, as fractions; ``adjust_contrast`` exponent.
        unit: Stated so that no range is without one; must be that of the transform.
        probability: How often it is applied.
        sharing: Per view, or one amount for the whole batch.

    Example:
        >>> smooth = Monai(transform="gaussian_smooth", amount=(0.0, 0.6), unit="mm")
        >>> smooth.limits("CT"), smooth.contract("CT")[Flag.HU_CALIBRATION].bound
        ({'amount': (0.0, 0.7)}, 0.0)
    """

    kind: ClassVar[str] = "monai"
    transform: str
    amount: Ends
    unit: str
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse a transform without a contract, and a range without its unit.

        Raises:
            ValueError: As said, with the code SC100 or SC070.
        """
        require_contract(self.transform)
        entry = _ENTRIES[self.transform]
        if self.unit != entry.unit:
            raise ValueError(
                f"The amount of {self.transform} must be in {entry.unit}, got {self.unit} (SC070)."
            )
        require_range("amount", self.amount, *entry.widest)
        require_common(self.probability, self.sharing)

    @property
    def cause(self) -> str:
        """What happens to real patients and scanners."""
        return _ENTRIES[self.transform].cause

    @property
    def effect(self) -> str:
        """Kind of medcl's own transform that does the same; sharpening is a change of kernel."""
        twin = self._twin()
        return "kernel_change" if twin is None else twin.kind

    def draw(self, chance: Chance) -> Parameters:
        """Return an amount."""
        return {"amount": (chance.between(*self.amount),)}

    def identity(self) -> Parameters:
        """Return the amount that changes nothing."""
        return {"amount": (_ENTRIES[self.transform].identity,)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return changed views; MONAI sees one at a time, each with a seed of its own."""
        entry = _ENTRIES[self.transform]
        seeds = setting.seeds
        words = (seeds if isinstance(seeds, torch.Tensor) else seed_words(seeds)).tolist()
        overshoot = OVERSHOOT_HU if setting.modality == "CT" else float("inf")
        changed = views.clone()
        for row, amount in enumerate(parameters["amount"][:, 0].tolist()):
            if amount == entry.identity:
                continue
            seed = derive_seed(*words[row], setting.stream, "monai") % 2**32
            known = None if setting.measured is None else setting.measured[row].to("cpu")
            call = Call(amount, setting.spacing_mm, seed, known, overshoot)
            view = views[row].detach().to("cpu", torch.float32)
            changed[row] = entry.run(view, call).to(views)
        return changed

    def line(self) -> Line:
        """Return gain and offset, as medcl's own transform has them; all others have neither."""
        twin = self._twin()
        return twin.line() if isinstance(twin, HasLine) else Line()

    def spread(self) -> Mapping[str, float]:
        """Return what adds up with other noise and blur, as medcl's own transform says."""
        twin = self._twin()
        return twin.spread() if isinstance(twin, HasSpread) else {}

    def presumed_noise(self) -> float:
        """Return the least noise of a scan that its contract speaks of, as its twin does."""
        twin = self._twin()
        return twin.presumed_noise() if isinstance(twin, HasPresumedNoise) else 0.0

    def limits(self, modality: PolicyModality) -> Mapping[str, Ends]:
        """Return what real acquisitions of a modality have, as medcl's own transform does."""
        twin, own = self._twin(), _OWN_LIMITS.get(self.transform)
        if own is not None or twin is None:
            return {"amount": (own or {}).get(modality, (0.0, 0.0))}
        low, high = next(iter(twin.limits(modality).values()))
        offset = 1.0 if self.transform == "scale_intensity" else 0.0
        return {"amount": (low - offset, high - offset)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved, as medcl's own transform of the same effect does."""
        twin = self._twin()
        if twin is not None:
            return twin.contract(modality)
        return keeping(*PLACE, *SHOWN, Flag.LESION_MASS, Flag.CONTRAST_POLARITY)

    def _twin(self) -> Twin | None:
        make = _ENTRIES[self.transform].twin
        return make(self.amount) if make is not None else None


def _gain(ends: Ends) -> Gain:
    return Gain(factor=(1 + ends[0], 1 + ends[1]))


_ENTRIES: Mapping[str, _Entry] = {
    "gaussian_smooth": _Entry(
        unit="mm",
        widest=(0.0, 50.0),
        identity=0.0,
        cause="softer reconstruction kernel or wider point spread",
        run=monai_calls.smooth,
        twin=lambda ends: Blur(sigma_mm=ends),
    ),
    "gaussian_sharpen": _Entry(
        unit="fraction",
        widest=(0.0, 30.0),
        identity=0.0,
        cause="sharper reconstruction kernel",
        run=monai_calls.sharpen,
    ),
    "gaussian_noise": _Entry(
        unit="HU",
        widest=(0.0, 1000.0),
        identity=0.0,
        cause="scan at a lower dose",
        run=monai_calls.gaussian,
        twin=lambda ends: GaussianNoise(sd_hu=ends),
    ),
    "rician_noise": _Entry(
        unit="fraction",
        widest=(0.0, 10.0),
        identity=0.0,
        cause="faster MR scan with fewer averages",
        run=monai_calls.rician,
        twin=lambda ends: RicianNoise(sd_fraction=ends),
    ),
    "gibbs_noise": _Entry(
        unit="fraction",
        widest=(0.0, 0.95),
        identity=0.0,
        cause="MR scan with a smaller acquisition matrix",
        run=monai_calls.gibbs,
        twin=lambda ends: Gibbs(alpha=ends),
    ),
    "adjust_contrast": _Entry(
        unit="exponent",
        widest=(0.05, 20.0),
        identity=1.0,
        cause="another echo time or flip angle",
        run=monai_calls.gamma,
        twin=lambda ends: Gamma(exponent=ends),
    ),
    "scale_intensity": _Entry(
        unit="fraction",
        widest=(-0.99, 99.0),
        identity=0.0,
        cause="coil loading and receiver gain; on PET a cross-calibration error",
        run=monai_calls.scaled,
        twin=_gain,
    ),
    "shift_intensity": _Entry(
        unit="HU",
        widest=(-5000.0, 5000.0),
        identity=0.0,
        cause="CT scanner that is out of calibration",
        run=monai_calls.shifted,
        twin=lambda ends: HuOffset(offset_hu=ends),
    ),
    "bias_field": _Entry(
        unit="fraction",
        widest=(0.0, 10.0),
        identity=0.0,
        cause="receive coils see near tissue brighter",
        run=monai_calls.biased,
        twin=lambda ends: BiasField(strength=ends),
    ),
}

_OWN_LIMITS: Mapping[str, Mapping[PolicyModality, Ends]] = {
    "gaussian_sharpen": {"CT": (0.0, 1.5), "MR_WEIGHTED": (0.0, 1.5)},
    "gibbs_noise": {"MR_WEIGHTED": (0.0, 0.4)},
}
