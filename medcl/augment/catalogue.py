"""Every transform a policy may hold: a new one is added here and nowhere else."""

from medcl.augment.anisotropic_scale import AnisotropicScale
from medcl.augment.bias_field import BiasField
from medcl.augment.blur import Blur
from medcl.augment.count_noise import CountNoise
from medcl.augment.crop import Crop
from medcl.augment.cutout import Cutout
from medcl.augment.displacement import Displacement
from medcl.augment.gain import Gain, Gamma
from medcl.augment.ghosting import Ghosting
from medcl.augment.gibbs import Gibbs
from medcl.augment.kernel_change import KernelChange
from medcl.augment.low_resolution import LowResolution
from medcl.augment.monai_adapter import Monai
from medcl.augment.monai_affine import MonaiAffine
from medcl.augment.monotone_map import MonotoneMap
from medcl.augment.motion import Motion
from medcl.augment.noise import GaussianNoise, RicianNoise
from medcl.augment.partial_fov import PartialFov
from medcl.augment.refusable import Flip, HuOffset, ResizedCrop
from medcl.augment.respiratory_blur import RespiratoryBlur
from medcl.augment.rot90 import Rot90
from medcl.augment.rotation import Rotation
from medcl.augment.scale import Scale
from medcl.augment.shear import GantryTilt, Shear
from medcl.augment.slice_dropout import SliceDropout
from medcl.augment.thick_slice import ThickSlice
from medcl.augment.translation import Translation
from medcl.augment.window_jitter import WindowJitter

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
    | MonaiAffine
)
"""Transforms of where anatomy appears that are one matrix and one move."""

SpatialTransform = LinearTransform | Displacement
"""Transforms of where anatomy appears."""

ValueTransform = (
    GaussianNoise
    | RicianNoise
    | CountNoise
    | Blur
    | KernelChange
    | ThickSlice
    | LowResolution
    | SliceDropout
    | RespiratoryBlur
    | Gain
    | Gamma
    | MonotoneMap
    | BiasField
    | Ghosting
    | Motion
    | Gibbs
    | WindowJitter
    | HuOffset
    | Monai
)
"""Transforms of the values of voxels."""

OcclusionTransform = PartialFov | Cutout
"""Transforms of what is seen: they take voxels out of the validity mask."""

IntensityTransform = ValueTransform | OcclusionTransform
"""Transforms of sampled views."""

PointTransform = (
    GaussianNoise
    | RicianNoise
    | CountNoise
    | Gain
    | Gamma
    | MonotoneMap
    | BiasField
    | WindowJitter
    | HuOffset
)
"""Transforms of values that look at one voxel at a time; `is_pointwise` says which settings do."""

Transform = Crop | SpatialTransform | IntensityTransform
"""What a policy may hold."""


def is_pointwise(transform: ValueTransform) -> bool:
    """Return whether a transform looks at one voxel at a time: these are compiled into one pass.

    Noise with a grain is made by a Fourier transform of the whole view and stands alone.

    Example:
        >>> is_pointwise(GaussianNoise(sd_hu=(0.0, 20.0)))
        True
        >>> is_pointwise(GaussianNoise(sd_hu=(0.0, 20.0), peak_per_mm=0.25))
        False
    """
    is_grained = isinstance(transform, GaussianNoise) and transform.peak_per_mm > 0
    return isinstance(transform, PointTransform) and not is_grained
