"""Every transform a policy may hold: a new one is added here and nowhere else."""

from medcl.augment.anisotropic_scale import AnisotropicScale
from medcl.augment.bias_field import BiasField
from medcl.augment.blur import Blur
from medcl.augment.crop import Crop
from medcl.augment.displacement import Displacement
from medcl.augment.gain import Gain, Gamma
from medcl.augment.noise import GaussianNoise, RicianNoise
from medcl.augment.refusable import Flip, HuOffset, ResizedCrop
from medcl.augment.rot90 import Rot90
from medcl.augment.rotation import Rotation
from medcl.augment.scale import Scale
from medcl.augment.shear import GantryTilt, Shear
from medcl.augment.translation import Translation

LinearTransform = (
    Rotation
    | Scale
    | AnisotropicScale
    | Shear
    | GantryTilt
    | Translation
    | Flip
    | Rot90
    | ResizedCrop
)
"""Transforms of where anatomy appears that are one matrix and one move."""

SpatialTransform = LinearTransform | Displacement
"""Transforms of where anatomy appears."""

IntensityTransform = GaussianNoise | RicianNoise | Blur | Gain | Gamma | BiasField | HuOffset
"""Transforms of values."""

Transform = Crop | SpatialTransform | IntensityTransform
"""What a policy may hold."""
