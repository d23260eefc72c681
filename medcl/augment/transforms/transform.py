"""What a transform is: ranges, a draw, an application, and a contract.

A transform is a small frozen dataclass. `Spatial` ones say where anatomy goes and are all fused
into one resampling; `Intensity` ones change the values of a batch of sampled views; `Occlusion`
ones say which of their voxels are no longer seen. Drawing is apart from applying, and what was
drawn is recorded.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from jaxtyping import Float64

from medcl.augment.chance import Chance
from medcl.augment.contract import Contract, PolicyModality, Region, Sharing
from medcl.augment.normalisation import Normalisation
from medcl.augment.worst_case import Extremes
from medcl.shapes import Vector3, ViewMask, Views

Parameters = Mapping[str, tuple[float, ...]]
"""What was drawn for one view: numbers by name."""

Linear = Float64[np.ndarray, "3 3"]
"""Anatomy → view, in world mm, about the centre of the view."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What a transform of values or of visibility may know about the batch it changes.

    Views lie on RAS axes whatever the file says: X runs left → right, Y posterior → anterior, Z
    inferior → superior.

    Attributes:
        spacing_mm: Voxel spacing of the views.
        seeds: One 63-bit seed per view, for noise; depends on the view, not on its batch. As
            numbers or as `medcl.augment.random_field.seed_words`.
        stream: Number of the transform in its policy: two kinds of noise are independent.
        modality: What the volumes are.
        window: From physical values to what the network sees; ``None`` where none follows.
        measured: True where voxels of the views were measured; ``None`` if all were.
        lesions: True where a voxel is, or may be, a lesion; ``None`` where nobody marked lesions.
        compiled: Whether heavy parts may be compiled.
    """

    spacing_mm: tuple[float, float, float]
    seeds: tuple[int, ...] | torch.Tensor
    stream: int = 0
    modality: PolicyModality = "OT"
    window: Normalisation | None = None
    measured: ViewMask | None = None
    lesions: ViewMask | None = None
    compiled: bool = False


class Spatial(Protocol):
    """A transform of where anatomy appears."""

    kind: ClassVar[str]
    cause: ClassVar[str]

    @property
    def probability(self) -> float:
        """How often it is applied."""

    @property
    def sharing(self) -> Sharing:
        """Per view, or one draw for the whole batch."""

    def draw(self, chance: Chance) -> Parameters:
        """Return the parameters of one applied draw."""

    def identity(self) -> Parameters:
        """Return the parameters that change nothing."""

    def linear(self, parameters: Parameters) -> Linear:
        """Return the linear part, anatomy → view."""

    def offset_mm(self, parameters: Parameters) -> Vector3:
        """Return how far the centre of the view moves, in world mm."""

    def extremes(self) -> Extremes:
        """Return the worst cases over all draws."""

    def limits(self, modality: PolicyModality, region: Region) -> Mapping[str, tuple[float, float]]:
        """Return the range each parameter may have in real patients and scanners."""

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved."""


class Intensity(Protocol):
    """A transform of the values of views."""

    kind: ClassVar[str]
    cause: ClassVar[str]

    @property
    def probability(self) -> float:
        """How often it is applied."""

    @property
    def sharing(self) -> Sharing:
        """Per view, or one draw for the whole batch."""

    def draw(self, chance: Chance) -> Parameters:
        """Return the parameters of one applied draw."""

    def identity(self) -> Parameters:
        """Return the parameters that change nothing."""

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return changed views; ``parameters`` hold one row per view."""

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return the range each parameter may have in real acquisitions of this modality."""

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved."""


class Occlusion(Protocol):
    """A transform of what is seen: it takes voxels out of the validity mask of views.

    The voxels get the modality's fill after all transforms of values, so that nothing of it leaks
    into tissue that is still seen.
    """

    kind: ClassVar[str]
    cause: ClassVar[str]

    @property
    def probability(self) -> float:
        """How often it is applied."""

    @property
    def sharing(self) -> Sharing:
        """Per view, or one draw for the whole batch."""

    def draw(self, chance: Chance) -> Parameters:
        """Return the parameters of one applied draw."""

    def identity(self) -> Parameters:
        """Return the parameters that hide nothing."""

    def seen(
        self, mask: ViewMask, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> ViewMask:
        """Return the mask without what is hidden; ``parameters`` hold one row per view."""

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return the range each parameter may have in real acquisitions of this modality."""

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved."""


def require_range(name: str, values: tuple[float, float], low: float, high: float) -> None:
    """Refuse a range that is not ordered or leaves ``[low, high]``.

    Raises:
        ValueError: As said.

    Example:
        >>> require_range("gain", (1.2, 0.8), 0.0, 10.0)
        Traceback (most recent call last):
        ...
        ValueError: gain must be an ordered range within [0.0, 10.0], got (1.2, 0.8).
    """
    good = all(math.isfinite(value) for value in values)
    if not (good and low <= values[0] <= values[1] <= high):
        raise ValueError(f"{name} must be an ordered range within [{low}, {high}], got {values}.")


def require_common(probability: float, sharing: str) -> None:
    """Refuse a probability or a sharing that does not exist.

    Raises:
        ValueError: The probability leaves ``[0, 1]``, or sharing is neither ``independent`` nor
            ``batch``.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must lie in [0, 1], got {probability}.")
    if sharing not in ("independent", "batch"):
        raise ValueError(
            f"sharing must be 'independent' (each view its own) or 'batch' (one draw for the "
            f"whole batch), got {sharing!r}. Shared by the views of one volume only, a parameter "
            f"tells which views belong together, and the network matches it instead of anatomy."
        )


def require_axis(axis: str) -> None:
    """Refuse an axis that views do not have.

    Raises:
        ValueError: As said.
    """
    if axis not in ("x", "y", "z"):
        raise ValueError(f"axis must be x, y or z, got {axis!r}.")


def per_view(parameter: torch.Tensor, column: int = 0) -> torch.Tensor:
    """Return one column of drawn parameters, shaped to broadcast over views ``(B, C, X, Y, Z)``."""
    return parameter[:, column].reshape(-1, 1, 1, 1, 1)
