"""Every transform a policy may hold: a new one is added here and nowhere else."""

from medcl.augment.transforms.anisotropic_scale import AnisotropicScale
from medcl.augment.transforms.bias_field import BiasField
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.count_noise import CountNoise
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.cutout import Cutout
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.ghosting import Ghosting
from medcl.augment.transforms.gibbs import Gibbs
from medcl.augment.transforms.kernel_change import KernelChange
from medcl.augment.transforms.low_resolution import LowResolution
from medcl.augment.transforms.monai_adapter import Monai
from medcl.augment.transforms.monai_affine import MonaiAffine
from medcl.augment.transforms.monotone_map import MonotoneMap
from medcl.augment.transforms.motion import Motion
from medcl.augment.transforms.noise import GaussianNoise, RicianNoise
from medcl.augment.transforms.partial_fov import PartialFov
from medcl.augment.transforms.refusable import Flip, HuOffset, ResizedCrop
from medcl.augment.transforms.respiratory_blur import RespiratoryBlur
from medcl.augment.transforms.rot90 import Rot90
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.transforms.shear import GantryTilt, Shear
from medcl.augment.transforms.slice_dropout import SliceDropout
from medcl.augment.transforms.thick_slice import ThickSlice
from medcl.augment.transforms.translation import Translation
from medcl.augment.transforms.window_jitter import WindowJitter

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
