"""Settings of encoders, one section per family of `medcl.encoders`, discriminated by ``name``."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field

from medcl.config.section import Count, Section

Norm = Literal["group", "instance", "batch"]


class ResidualConfig(Section):
    """A small residual network, for two cores and for small views."""

    name: Literal["residual"]
    width: Annotated[int, Field(ge=8, le=256, multiple_of=8)] = 16
    """Channels of the finest map; the features are 8 times as many"""
    blocks: tuple[Count, Count, Count, Count] = (1, 1, 1, 1)
    """Basic blocks per level"""
    stem_stride: Literal[1, 2] = 2
    """Voxels of the view per voxel of the finest map"""
    norm: Norm = "group"
    """Normalisation; batch couples the samples of a batch"""


EncoderConfig = Annotated[ResidualConfig, Discriminator("name")]
