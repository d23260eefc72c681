"""Settings of the transforms of a view policy, one section each, discriminated by ``name``.

Each mirrors one dataclass of `medcl.augment`, field by field. The ranges here are the widest that
make sense at all; what a modality and a task allow is narrower and is checked there before a run.
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Field

from medcl.config.section import Fraction, Section

Ends = tuple[float, float]
"""Lowest and highest value of a range."""


class Drawn(Section):
    """What every transform with drawn parameters takes."""

    probability: Fraction = 1.0
    """Share of views that the transform is applied to"""
    sharing: Literal["independent", "batch"] = "independent"
    """independent: each view has its own parameters; batch: one draw for a whole batch"""


class CropConfig(Section):
    """Each view is cut at a random place, at fixed mm spacing."""

    name: Literal["crop"]
    min_overlap: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Smallest shared fraction of the volume of two views of one volume"""


class RotationConfig(Drawn):
    """Turn about a random axis."""

    name: Literal["rotation"]
    max_degrees: Annotated[float, Field(ge=0, le=180)]
    """Largest angle in degrees"""


class ScaleConfig(Drawn):
    """Magnify all axes alike."""

    name: Literal["scale"]
    zoom: Ends
    """Smallest and largest linear magnification"""


TransformConfig = Annotated[CropConfig | RotationConfig | ScaleConfig, Discriminator("name")]
