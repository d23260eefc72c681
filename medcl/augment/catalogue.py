"""Every transform a policy may hold: a new one is added here and nowhere else."""

from medcl.augment.bias_field import BiasField
from medcl.augment.blur import Blur
from medcl.augment.crop import Crop
from medcl.augment.gain import Gain, Gamma
from medcl.augment.noise import GaussianNoise, RicianNoise
from medcl.augment.refusable import Flip, HuOffset, ResizedCrop
from medcl.augment.rotation import Rotation
from medcl.augment.scale import Scale
from medcl.augment.translation import Translation

SpatialTransform = Rotation | Scale | Translation | Flip | ResizedCrop
"""Transforms of where anatomy appears."""

IntensityTransform = GaussianNoise | RicianNoise | Blur | Gain | Gamma | BiasField | HuOffset
"""Transforms of values."""

Transform = Crop | SpatialTransform | IntensityTransform
"""What a policy may hold."""
