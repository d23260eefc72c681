"""Settings of transforms that imitate another acquisition or reconstruction."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from medcl.config.drawn import Drawn, rising


class CountNoiseConfig(Drawn):
    """Noise of counted decays on PET: a shorter scan."""

    kind: Literal["count_noise"]
    """Name of the transform"""
    liver_cov: Annotated[
        tuple[Annotated[float, Field(ge=0, le=2)], Annotated[float, Field(ge=0, le=2)]],
        AfterValidator(rising),
    ]
    """Smallest and largest coefficient of variation that is added in the liver"""


class KernelChangeConfig(Drawn):
    """A sharper or softer reconstruction kernel on CT."""

    kind: Literal["kernel_change"]
    """Name of the transform"""
    high_band_gain: Annotated[
        tuple[Annotated[float, Field(ge=0, le=20)], Annotated[float, Field(ge=0, le=20)]],
        AfterValidator(rising),
    ]
    """Smallest and largest factor of fine detail; below 1 is softer"""


class ThickSliceConfig(Drawn):
    """Thicker slices along one axis."""

    kind: Literal["thick_slice"]
    """Name of the transform"""
    thickness_mm: Annotated[
        tuple[Annotated[float, Field(ge=0, le=50)], Annotated[float, Field(ge=0, le=50)]],
        AfterValidator(rising),
    ]
    """Smallest and largest thickness of the final slices in mm"""
    axis: Literal["x", "y", "z"] = "z"
    """Axis across the slices"""


class LowResolutionConfig(Drawn):
    """Larger voxels along all axes."""

    kind: Literal["low_resolution"]
    """Name of the transform"""
    voxel_mm: Annotated[
        tuple[Annotated[float, Field(ge=0, le=50)], Annotated[float, Field(ge=0, le=50)]],
        AfterValidator(rising),
    ]
    """Smallest and largest edge of the larger voxels in mm"""


class SliceDropoutConfig(Drawn):
    """Single slices are lost and interpolated."""

    kind: Literal["slice_dropout"]
    """Name of the transform"""
    fraction: Annotated[
        tuple[Annotated[float, Field(ge=0, le=0.1)], Annotated[float, Field(ge=0, le=0.1)]],
        AfterValidator(rising),
    ]
    """Smallest and largest part of slices that is lost"""
    axis: Literal["x", "y", "z"] = "z"
    """Axis across the slices"""


class RespiratoryBlurConfig(Drawn):
    """Breathing smears PET along the body."""

    kind: Literal["respiratory_blur"]
    """Name of the transform"""
    range_mm: Annotated[
        tuple[Annotated[float, Field(ge=0, le=100)], Annotated[float, Field(ge=0, le=100)]],
        AfterValidator(rising),
    ]
    """Smallest and largest way of the movement in mm"""


class WindowJitterConfig(Drawn):
    """The window is moved and widened, for a whole batch alike."""

    kind: Literal["window_jitter"]
    """Name of the transform"""
    centre_hu: Annotated[
        tuple[
            Annotated[float, Field(ge=-1000, le=1000)], Annotated[float, Field(ge=-1000, le=1000)]
        ],
        AfterValidator(rising),
    ] = (-10.0, 10.0)
    """Smallest and largest shift of the centre in HU"""
    width: Annotated[
        tuple[Annotated[float, Field(ge=0.1, le=10)], Annotated[float, Field(ge=0.1, le=10)]],
        AfterValidator(rising),
    ] = (0.9, 1.1)
    """Smallest and largest factor of the width"""
    sharing: Literal["independent", "batch"] = "batch"
    """independent: each view has its own window; batch: one for a whole batch"""
