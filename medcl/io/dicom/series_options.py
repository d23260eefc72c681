"""What a site decides about the reading of DICOM series."""

from dataclasses import dataclass
from typing import Literal

PetUnit = Literal["SUVbw", "Bq/ml"]
"""Standardised uptake by body weight in g/ml, or activity concentration."""

Tilt = Literal["refuse", "keep", "deshear"]
"""What becomes of a series whose slices slide sideways."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesOptions:
    """What a site decided about the reading of DICOM series.

    Attributes:
        tilt: ``keep`` gives a sheared affine, ``deshear`` resamples to a right-angled one.
        pet_unit: What PET voxels shall be.
    """

    tilt: Tilt = "refuse"
    pet_unit: PetUnit = "SUVbw"
