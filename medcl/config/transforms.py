"""Settings of the transforms of a view policy, one section each, discriminated by ``kind``.

Each mirrors one dataclass of `medcl.augment`, field by field and with the same widest ranges. What
a modality and a task allow is narrower and is checked there before a run.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field

from medcl.config.acquisitions import (
    CountNoiseConfig,
    KernelChangeConfig,
    LowResolutionConfig,
    RespiratoryBlurConfig,
    SliceDropoutConfig,
    ThickSliceConfig,
    WindowJitterConfig,
)
from medcl.config.drawn import Drawn, SharingWord, rising
from medcl.config.monai import MonaiAffineConfig, MonaiConfig
from medcl.config.mr_artefacts import GhostingConfig, GibbsConfig, MonotoneMapConfig, MotionConfig
from medcl.config.occlusions import CutoutConfig, PartialFovConfig
from medcl.config.section import Fraction, Section


class CropConfig(Section):
    """Each view is cut at a random place, at fixed mm spacing."""

    kind: Literal["crop"]
    """Name of the transform"""
    min_overlap: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Smallest shared fraction of the volume of two views of one volume"""
    min_body_fraction: Fraction = 0.0
    """Smallest part of a view that lies in the body, where that can be"""
    lesions: Literal["ignore", "both_or_neither", "both"] = "ignore"
    """Whether both views of a volume must show its known lesions alike, or show at least one"""


class RotationConfig(Drawn):
    """Turn about a random axis."""

    kind: Literal["rotation"]
    """Name of the transform"""
    max_degrees: Annotated[float, Field(ge=0, le=180)]
    """Largest angle in degrees"""


class ScaleConfig(Drawn):
    """Magnify all axes alike."""

    kind: Literal["scale"]
    """Name of the transform"""
    zoom: Annotated[
        tuple[Annotated[float, Field(ge=0.1, le=10)], Annotated[float, Field(ge=0.1, le=10)]],
        AfterValidator(rising),
    ]
    """Smallest and largest linear magnification"""


class TranslationConfig(Drawn):
    """Move the centre of the view along each axis."""

    kind: Literal["translation"]
    """Name of the transform"""
    max_mm: Annotated[float, Field(ge=0, le=500)]
    """Largest move along each axis in mm"""


class AnisotropicScaleConfig(Drawn):
    """Magnify each axis by its own factor."""

    kind: Literal["anisotropic_scale"]
    """Name of the transform"""
    zoom: Annotated[
        tuple[Annotated[float, Field(ge=0.1, le=10)], Annotated[float, Field(ge=0.1, le=10)]],
        AfterValidator(rising),
    ]
    """Smallest and largest linear magnification of an axis"""


class ShearConfig(Drawn):
    """Shift planes against one another."""

    kind: Literal["shear"]
    """Name of the transform"""
    max_degrees: Annotated[float, Field(ge=0, le=60)]
    """Largest angle by which an upright line leans, in degrees"""


class GantryTiltConfig(Drawn):
    """A head CT scanned with a tilted gantry, read as upright."""

    kind: Literal["gantry_tilt"]
    """Name of the transform"""
    max_degrees: Annotated[float, Field(ge=0, le=45)]
    """Largest tilt in degrees"""


class DisplacementConfig(Drawn):
    """Smooth displacement of a grid of control points; it cannot fold."""

    kind: Literal["displacement"]
    """Name of the transform"""
    spacing_mm: Annotated[float, Field(ge=1, le=1000)]
    """Distance between control points in mm"""
    max_fraction: Annotated[float, Field(ge=0, lt=0.403)] = 0.2
    """Largest displacement of a control point, as a part of that distance"""


class GaussianNoiseConfig(Drawn):
    """Add noise to CT: a scan at a lower dose."""

    kind: Literal["gaussian_noise"]
    """Name of the transform"""
    sd_hu: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1000)], Annotated[float, Field(ge=0, le=1000)]],
        AfterValidator(rising),
    ]
    """Smallest and largest standard deviation that is added, in HU"""
    peak_per_mm: Annotated[float, Field(ge=0, le=5)] = 0.0
    """Frequency at which the noise is strongest, in cycles per mm; 0 is white noise"""


class RicianNoiseConfig(Drawn):
    """Complex noise in magnitude MR: a faster scan."""

    kind: Literal["rician_noise"]
    """Name of the transform"""
    sd_fraction: Annotated[
        tuple[Annotated[float, Field(ge=0, le=10)], Annotated[float, Field(ge=0, le=10)]],
        AfterValidator(rising),
    ]
    """Smallest and largest standard deviation, as a fraction of the volume's range"""


class BlurConfig(Drawn):
    """A softer reconstruction kernel."""

    kind: Literal["blur"]
    """Name of the transform"""
    sigma_mm: Annotated[
        tuple[Annotated[float, Field(ge=0, le=50)], Annotated[float, Field(ge=0, le=50)]],
        AfterValidator(rising),
    ]
    """Smallest and largest standard deviation of the Gaussian in mm"""


class GainConfig(Drawn):
    """Multiply all values alike."""

    kind: Literal["gain"]
    """Name of the transform"""
    factor: Annotated[
        tuple[Annotated[float, Field(ge=0.01, le=100)], Annotated[float, Field(ge=0.01, le=100)]],
        AfterValidator(rising),
    ]
    """Smallest and largest factor"""


class GammaConfig(Drawn):
    """Raise values to a power: another echo or flip angle."""

    kind: Literal["gamma"]
    """Name of the transform"""
    exponent: Annotated[
        tuple[Annotated[float, Field(ge=0.05, le=20)], Annotated[float, Field(ge=0.05, le=20)]],
        AfterValidator(rising),
    ]
    """Smallest and largest exponent"""


class BiasFieldConfig(Drawn):
    """MR coils see near tissue brighter."""

    kind: Literal["bias_field"]
    """Name of the transform"""
    strength: Annotated[
        tuple[Annotated[float, Field(ge=0, le=10)], Annotated[float, Field(ge=0, le=10)]],
        AfterValidator(rising),
    ]
    """Smallest and largest departure of the field from 1"""


class FlipConfig(Section):
    """Mirror along one axis; breaks side and orientation."""

    kind: Literal["flip"]
    """Name of the transform"""
    axis: Literal["x", "y", "z"]
    """x right-left, y posterior-anterior, z inferior-superior"""
    probability: Fraction = 0.5
    """Share of views that the transform is applied to"""
    sharing: SharingWord = "independent"
    """independent: each view has its own parameters; batch: one draw for a whole batch"""


class Rot90Config(Section):
    """Turn by quarters of a circle; breaks orientation."""

    kind: Literal["rot90"]
    """Name of the transform"""
    axis: Literal["x", "y", "z"]
    """What the body turns about"""
    probability: Fraction = 0.5
    """Share of views that the transform is applied to"""
    sharing: SharingWord = "independent"
    """independent: each view has its own parameters; batch: one draw for a whole batch"""


class ResizedCropConfig(Drawn):
    """Crop a part and stretch it to the whole view; breaks size."""

    kind: Literal["resized_crop"]
    """Name of the transform"""
    fraction: Annotated[
        tuple[Annotated[float, Field(ge=0.05, le=1)], Annotated[float, Field(ge=0.05, le=1)]],
        AfterValidator(rising),
    ]
    """Smallest and largest part of the view's edge that is stretched to all of it"""


class HuOffsetConfig(Drawn):
    """Add one number to all HU; breaks density unless shared over the batch."""

    kind: Literal["hu_offset"]
    """Name of the transform"""
    offset_hu: Annotated[
        tuple[
            Annotated[float, Field(ge=-5000, le=5000)], Annotated[float, Field(ge=-5000, le=5000)]
        ],
        AfterValidator(rising),
    ]
    """Smallest and largest number in HU"""


TransformConfig = Annotated[
    CropConfig
    | RotationConfig
    | ScaleConfig
    | AnisotropicScaleConfig
    | ShearConfig
    | GantryTiltConfig
    | DisplacementConfig
    | TranslationConfig
    | GaussianNoiseConfig
    | RicianNoiseConfig
    | BlurConfig
    | GainConfig
    | GammaConfig
    | BiasFieldConfig
    | FlipConfig
    | Rot90Config
    | ResizedCropConfig
    | HuOffsetConfig
    | CountNoiseConfig
    | KernelChangeConfig
    | ThickSliceConfig
    | LowResolutionConfig
    | RespiratoryBlurConfig
    | WindowJitterConfig
    | MonotoneMapConfig
    | GhostingConfig
    | MotionConfig
    | GibbsConfig
    | SliceDropoutConfig
    | PartialFovConfig
    | CutoutConfig
    | MonaiConfig
    | MonaiAffineConfig,
    Discriminator("kind"),
]
