"""Settings of objectives and of the projector in front of them."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field

from medcl.config.section import Section

Temperature = Annotated[float, Field(ge=0.005, le=10)]


class NtXentConfig(Section):
    """Normalised temperature-scaled cross entropy (SimCLR)."""

    name: Literal["nt_xent"]
    temperature: Temperature = 0.2
    """Divides the cosine similarities; no unit"""


class DclConfig(Section):
    """Decoupled contrastive learning: the positive leaves the denominator."""

    name: Literal["dcl"]
    temperature: Temperature = 0.2
    """Divides the cosine similarities; no unit"""


ObjectiveConfig = Annotated[NtXentConfig | DclConfig, Discriminator("name")]


class ProjectorConfig(Section):
    """The head between features and embeddings; it is thrown away after pretraining."""

    num_embeddings: Annotated[int, Field(ge=2, le=16384)] = 128
    """Dimensions of an embedding"""
    width: Annotated[int, Field(ge=1, le=16384)] | None = None
    """Width of the hidden layers; that of the features by default"""
    depth: Annotated[int, Field(ge=1, le=8)] = 2
    """Linear layers; 1 is a linear map"""
    norm: Literal["layer", "none"] = "layer"
    """Normalisation after each hidden layer"""
