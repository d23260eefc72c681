"""Settings of encoders, one section per family of `medcl.encoders`, discriminated by ``name``."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field

from medcl.config.section import Section

Norm = Literal["group", "instance", "batch"]
Width = Annotated[int, Field(ge=8, le=512, multiple_of=8)]
Blocks = Annotated[int, Field(ge=1, le=100)]


class ResidualConfig(Section):
    """A small residual network, for two cores and for small views."""

    name: Literal["residual"]
    width: Width = 16
    """Channels of the finest map; the features are 8 times as many"""
    blocks: tuple[Blocks, Blocks, Blocks, Blocks] = (1, 1, 1, 1)
    """Basic blocks per level"""
    stem_stride: Literal[1, 2] = 2
    """Voxels of the view per voxel of the finest map"""
    norm: Norm = "group"
    """Normalisation; batch couples the samples of a batch"""


class ResnetConfig(Section):
    """A ResNet with a 7x7x7 stem and max pooling."""

    name: Literal["resnet18", "resnet50"]
    width: Width = 64
    """Channels of the stem; the features are 8 times as many, 32 times for resnet50"""
    stem_stride: Literal[1, 2] = 2
    """Voxels of the view per voxel of the finest map"""
    norm: Norm = "group"
    """Normalisation; batch couples the samples of a batch"""


class Densenet121Config(Section):
    """DenseNet-121 in three dimensions."""

    name: Literal["densenet121"]
    norm: Norm = "group"
    """Normalisation; batch couples the samples of a batch"""


class SegresnetConfig(Section):
    """The encoder of SegResNet."""

    name: Literal["segresnet"]
    width: Width = 16
    """Channels at the resolution of the view; the features are 8 times as many"""
    norm: Norm = "group"
    """Normalisation; batch couples the samples of a batch"""


class SwinUnetrConfig(Section):
    """The encoder of SwinUNETR; published weights are of width 48."""

    name: Literal["swin_unetr"]
    width: Annotated[int, Field(ge=12, le=192, multiple_of=12)] = 24
    """Channels of the finest map; the features are 16 times as many"""


EncoderConfig = Annotated[
    ResidualConfig | ResnetConfig | Densenet121Config | SegresnetConfig | SwinUnetrConfig,
    Discriminator("name"),
]
