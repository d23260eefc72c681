"""Crop: where a view is taken, and how far two views of one volume may lie apart."""

from dataclasses import dataclass
from typing import ClassVar

from medcl.augment.contract import Contract, PolicyModality, bounded, preserving


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """Take each view at a random place, at fixed mm spacing, without any resizing.

    A crop at fixed spacing keeps size truthful; a resized crop does not. How much of a lesion both
    views share is at least the overlap in expectation over its place, hence the bound.

    Attributes:
        min_overlap: Smallest shared fraction of the volume of two views of one volume, after
            rotation and scale, measured both ways.

    Example:
        >>> Crop(min_overlap=0.5).contract("CT")["lesion_mass"].bound
        0.5
    """

    kind: ClassVar[str] = "crop"
    cause: ClassVar[str] = "another field of view of the same patient"
    min_overlap: float = 0.5

    def __post_init__(self) -> None:
        """Refuse an overlap that is no fraction.

        Raises:
            ValueError: The overlap leaves ``[0, 1)``.
        """
        if not 0 <= self.min_overlap < 1:
            raise ValueError(f"min_overlap must lie in [0, 1), got {self.min_overlap}.")

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all but what leaves the view."""
        del modality
        lost = bounded(1 - self.min_overlap, "fraction")
        return preserving(lesion_mass=lost)
