"""Crop: where a view is taken, and how far two views of one volume may lie apart."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from medcl.augment.contract import (
    PLACE,
    SHOWN,
    VALUES,
    Contract,
    Flag,
    PolicyModality,
    bounded,
    keeping,
)

LESION_KEPT = 0.8
"""Part of a lesion that a view must show to be said to show it."""

LesionRule = Literal["ignore", "both_or_neither", "both"]
"""``both_or_neither``: what one view shows of a lesion, the other one shows too, and a lesion that
one leaves out the other leaves out; ``both``: at least one lesion is shown besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """Take each view at a random place, at fixed mm spacing, without any resizing.

    A crop at fixed spacing keeps size truthful; a resized crop does not. How much of a lesion both
    views share is at least the overlap in expectation over its place, hence the bound. Where the
    lesions are known, the crop can keep to them instead.

    Attributes:
        min_overlap: Smallest shared fraction of the volume of two views of one volume, after
            rotation and scale, measured both ways.
        min_body_fraction: Smallest part of a view, a local one too, that lies in the body; a view
            that would hold less even around the middle of the body is taken there.
        lesions: What becomes of lesions of `Source.lesions`. A lesion counts as shown from 80 % on,
            and views lie so that none is cut where that is possible.

    Example:
        >>> Crop(min_overlap=0.5).contract("CT")["lesion_mass"].bound
        0.5
        >>> round(Crop(lesions="both").contract("CT")["lesion_mass"].bound, 6)
        0.2
    """

    kind: ClassVar[str] = "crop"
    cause: ClassVar[str] = "another field of view of the same patient"
    min_overlap: float = 0.5
    min_body_fraction: float = 0.0
    lesions: LesionRule = "ignore"

    def __post_init__(self) -> None:
        """Refuse fractions that are none.

        Raises:
            ValueError: The overlap leaves ``[0, 1)`` or the body fraction ``[0, 1]``.
        """
        if not 0 <= self.min_overlap < 1:
            raise ValueError(f"min_overlap must lie in [0, 1), got {self.min_overlap}.")
        if not 0 <= self.min_body_fraction <= 1:
            raise ValueError(f"min_body_fraction must lie in [0, 1], got {self.min_body_fraction}.")

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all but what leaves the view, and with it the sums over it.

        A crop says where a view is taken. What becomes of values that are sampled there depends on
        the volumes; it is claimed, checked and measured by itself: `medcl.augment.safety.sampling`.
        """
        del modality
        lost = 1 - self.min_overlap
        if self.lesions != "ignore":
            lost = min(lost, 1 - LESION_KEPT)
        left_out = bounded(lost, "fraction")
        return keeping(
            *PLACE,
            *VALUES,
            *SHOWN,
            Flag.HU_TEXTURE,
            Flag.LOWCONTRAST_CNR,
            lesion_mass=left_out,
            uptake_total=left_out,
        )
