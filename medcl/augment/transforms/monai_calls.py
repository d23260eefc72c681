"""Calls of MONAI's transforms of values, one view at a time, with its defaults overridden."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch.nn import functional as F

View = Float[torch.Tensor, "C X Y Z"]
Measured = Bool[torch.Tensor, "1 X Y Z"]
SpacingMm = tuple[float, float, float]

_BIAS_DEGREE, _BIAS_TERMS = 3, 20
_SHARPENED_MM = 0.5
_FILTER_REACH = 4.0
_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True)
class Call:
    """One call of MONAI.

    Attributes:
        amount: As drawn.
        spacing_mm: Of the view.
        seed: Of its randomness.
        measured: True where voxels were measured, ``(1, X, Y, Z)``; ``None`` if all were.
        overshoot: The most that sharpening may add beside an edge or take away.
    """

    amount: float
    spacing_mm: SpacingMm
    seed: int
    measured: Measured | None = None
    overshoot: float = float("inf")


def _monai() -> Any:  # noqa: ANN401 - a module without types
    """Return MONAI's transforms; loading them takes seconds, and few policies ask for them."""
    from monai import transforms

    return transforms


def smooth(view: View, call: Call) -> View:
    """Return a view convolved with a Gaussian of so many mm."""
    sigma = _voxels(call.amount, call.spacing_mm)
    return _filtered(view, call, sigma, _monai().GaussianSmooth(sigma=sigma))


def sharpen(view: View, call: Call) -> View:
    """Return a view with so much of its fine detail added, beside an edge no more than allowed."""
    # MONAI smooths by sigma1 first, by 3 voxels unless told otherwise; here by next to nothing.
    fine, coarse = (_voxels(mm, call.spacing_mm) for mm in (0.01, _SHARPENED_MM))
    changer = _monai().GaussianSharpen(sigma1=fine, sigma2=coarse, alpha=call.amount)
    added = _filtered(view, call, coarse, changer) - view
    return view + added.clamp(-call.overshoot, call.overshoot)


def gaussian(view: View, call: Call) -> View:
    """Return a view with white noise of this standard deviation."""
    changer = _monai().RandGaussianNoise(prob=1.0, mean=0.0, std=call.amount, sample_std=False)
    return _plain(changer.set_random_state(seed=call.seed)(view))


def rician(view: View, call: Call) -> View:
    """Return the magnitude of a view with complex noise of this standard deviation."""
    changer = _monai().RandRicianNoise(
        prob=1.0, mean=0.0, std=call.amount, relative=False, sample_std=False
    )
    return _plain(changer.set_random_state(seed=call.seed)(view))


def gibbs(view: View, call: Call) -> View:
    """Return a view without the outer part of its k-space."""
    return _plain(_monai().GibbsNoise(alpha=call.amount)(view))


def gamma(view: View, call: Call) -> View:
    """Return a view raised to a power between its own lowest and highest value."""
    return _plain(_monai().AdjustContrast(gamma=call.amount)(view))


def scaled(view: View, call: Call) -> View:
    """Return a view multiplied by 1 plus the amount."""
    return _plain(_monai().ScaleIntensity(minv=None, maxv=None, factor=call.amount)(view))


def shifted(view: View, call: Call) -> View:
    """Return a view plus the amount."""
    return _plain(_monai().ShiftIntensity(offset=call.amount)(view))


def biased(view: View, call: Call) -> View:
    """Return a view times a smooth field that departs from 1 by the amount at most."""
    # The exponents of MONAI's polynomials add to so much at most, brighter as well as darker.
    largest = float(np.log1p(call.amount)) / _BIAS_TERMS
    changer = _monai().RandBiasField(degree=_BIAS_DEGREE, coeff_range=(-largest, largest), prob=1.0)
    return _plain(changer.set_random_state(seed=call.seed)(view))


def _voxels(mm: float, spacing_mm: SpacingMm) -> list[float]:
    return [mm / spacing for spacing in spacing_mm]


def _filtered(
    view: View, call: Call, sigma: list[float], changer: Callable[[View], torch.Tensor]
) -> View:
    """Return a filtered view that goes on beyond its edge as it ends there, not as zeros."""
    reach = [int(np.ceil(_FILTER_REACH * each)) + 1 for each in sigma]
    sides = [size for each in reversed(reach) for size in (each, each)]
    wide = F.pad(_completed(view, call, sigma)[None], sides, mode="replicate")[0]
    inside = tuple(slice(each, -each) for each in reach)
    return _plain(changer(wide))[:, *inside]


def _completed(view: View, call: Call, sigma: list[float]) -> View:
    """Return a view whose unmeasured voxels go on as the measured ones nearby."""
    known = call.measured
    if known is None or bool(known.all()) or not bool(known.any()):
        return view
    smooth, weights = _monai().GaussianSmooth(sigma=sigma), known.to(view)
    near, weight = _plain(smooth(view * weights)), _plain(smooth(weights))
    mean = view[known.expand_as(view)].mean()
    guess = torch.where(weight > _LEAST_WEIGHT, near / weight.clamp_min(_LEAST_WEIGHT), mean)
    return torch.where(known, view, guess)


def _plain(image: torch.Tensor) -> View:
    """Return a tensor without MONAI's metadata."""
    return torch.as_tensor(image).as_subclass(torch.Tensor)
