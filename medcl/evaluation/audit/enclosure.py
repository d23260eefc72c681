"""Whether contracts are true: declared bounds against what each transform does on its own.

A bound that a transform exceeds in more than one draw of a thousand is a wrong contract, and every
verdict that was built on it is wrong too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from medcl.augment.contract import Flag, claim_of
from medcl.augment.policy import Policy
from medcl.augment.views import draw
from medcl.augment.worst_case import HasPresumedNoise
from medcl.evaluation.audit.departures import as_presumed, departures
from medcl.evaluation.measures.anatomy import Anatomy, Case
from medcl.evaluation.measures.observed import observe
from medcl.evaluation.measures.view import measure_pair, measure_view

_SHARE = 0.999
_LEAST = {
    Flag.ORIENTATION: 0.05,
    Flag.PHYSICAL_SCALE: 5e-4,
    Flag.HU_CALIBRATION: 1e-3,
    Flag.UPTAKE_ABS: 1e-3,
}
"""What the fit of an affine to a rendered map is known to, HU in single precision, and the gain of
tissue that is not perfectly level."""
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One declared bound beside what was measured.

    Attributes:
        transform: Name of the transform in its policy.
        flag: What it claims to preserve.
        bound: Largest departure it declares; 0 for none.
        unit: Unit of the bound.
        measured: Departure that all but one draw of a thousand stay within.
        precision: What views without the transform measure: the resolution of the audit itself.
        num_draws: Views or pairs measured.
    """

    transform: str
    flag: str
    bound: float
    unit: str
    measured: float
    precision: float
    num_draws: int

    @property
    def is_enclosed(self) -> bool:
        """Whether the bound holds, as far as can be told."""
        return self.measured <= self.bound + self.precision

    @property
    def sentence(self) -> str:
        """What is declared and what was measured, in one sentence."""
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.transform} declares to change {self.flag} by {self.bound:.3g}{unit} at most, "
            f"and {self.measured:.3g}{unit} was measured, {self.precision:.2g} of which may be the "
            f"measurement's own."
        )


def enclosures(
    policy: Policy,
    cases: Sequence[Case],
    anatomies: Sequence[Anatomy],
    *,
    draws: int,
    corners: int,
    seed: int = 0,
) -> list[Declared]:
    """Measure every transform of a policy alone, at the places that the policy's crop gives.

    Args:
        policy: The policy.
        cases: Volumes of its modality.
        anatomies: What is where in them.
        draws: Random pairs of views per volume.
        corners: Pairs per volume at the corners of all ranges.
        seed: Seed of the draws.

    Returns:
        One per transform and declared flag that can be measured.
    """
    places = tuple(each for each in policy.transforms if each.kind == "crop")
    still = _departures(
        replace(policy, transforms=places, partner=None), cases, anatomies, draws, 0, seed
    )
    found = []
    for name, transform in policy.named.items():
        is_crop = transform.kind == "crop"
        transforms = (transform,) if is_crop else (*places, transform)
        alone = replace(policy, transforms=transforms, partner=None)
        presumed = transform.presumed_noise() if isinstance(transform, HasPresumedNoise) else 0.0
        measured = _departures(alone, cases, anatomies, draws, corners, seed, presumed)
        contract = transform.contract(policy.modality)
        is_shared = getattr(transform, "sharing", "independent") == "batch"
        for flag in Flag:
            claim = claim_of(contract, flag)
            source = flag.value
            if is_crop and flag is Flag.LESION_MASS:
                source = _LOST_BY_CROP
            elif is_shared and claim.bound == 0 and flag in _OF_VALUES:
                source = f"{flag.value}{_GAP}"
            if claim.bound is None or not measured.get(source):
                continue
            plain = 0.0 if is_crop else _most(still.get(flag.value, []))
            found.append(
                Declared(
                    transform=name,
                    flag=flag.value,
                    bound=claim.bound,
                    unit=claim.unit,
                    measured=_most(measured[source]),
                    precision=plain + _LEAST.get(flag, _ROUNDING),
                    num_draws=len(measured[source]),
                )
            )
    return found


def _most(values: Sequence[float]) -> float:
    return float(np.quantile(values, _SHARE, method="higher")) if values else 0.0


_GAP = "_between_views"
_OF_VALUES = frozenset(
    {
        Flag.HU_CALIBRATION,
        Flag.HU_TEXTURE,
        Flag.UPTAKE_ABS,
        Flag.UPTAKE_RATIO,
        Flag.UPTAKE_TOTAL,
    }
)
"""What a whole batch may share without harm: no comparison can see it, so it is compared."""

_LOST_BY_CROP = "lost by crop"
"""A crop's bound is on what two views do not share: a lesion lies anywhere in them."""


def _departures(
    policy: Policy,
    cases: Sequence[Case],
    anatomies: Sequence[Anatomy],
    draws: int,
    corners: int,
    seed: int,
    presumed: float = 0.0,
) -> dict[str, list[float]]:
    """Return how far each view departs from the truth, by flag."""
    sources = [case.source for case in cases]
    found: dict[str, list[float]] = {}
    for step in range(draws + corners):
        pairs = [
            observe(
                draw(policy, sources, seed=seed, step=step, view=view, corners=step >= draws),
                cases,
                anatomies,
            )
            for view in (0, 1)
        ]
        for first, second in zip(*pairs, strict=True):
            figures = measure_view(first), measure_view(second)
            for each in figures:
                for flag, value in departures(as_presumed(each, presumed), policy).items():
                    found.setdefault(flag.value, []).append(value)
            pair = measure_pair(first, second, figures)
            found.setdefault(_LOST_BY_CROP, []).append(1 - pair["overlap"])
            apart = dict(figures[0]) | {
                name.removesuffix(_GAP): value for name, value in pair.items() if _GAP in name
            }
            for flag, value in departures(apart, policy).items():
                found.setdefault(f"{flag.value}{_GAP}", []).append(value)
    return found
