"""Settings of what happens to weighted MR: other contrast, pulse, motion, a small matrix."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from medcl.config.drawn import Drawn, rising


class MonotoneMapConfig(Drawn):
    """Another sequence of the same contrast: a rising map of values."""

    kind: Literal["monotone_map"]
    """Name of the transform"""
    slope: Annotated[
        tuple[Annotated[float, Field(ge=1, le=20)], Annotated[float, Field(ge=1, le=20)]],
        AfterValidator(rising),
    ]
    """Smallest and largest bound of the slopes of the map; 1 changes nothing"""


class GhostingConfig(Drawn):
    """Faint copies along the phase axis of MR."""

    kind: Literal["ghosting"]
    """Name of the transform"""
    intensity: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]],
        AfterValidator(rising),
    ]
    """Smallest and largest part by which every n-th line of k-space is weakened"""
    ghosts: Annotated[
        tuple[Annotated[float, Field(ge=1, le=64)], Annotated[float, Field(ge=1, le=64)]],
        AfterValidator(rising),
    ] = (2.0, 6.0)
    """Fewest and most copies"""
    axis: Literal["x", "y", "z"] = "y"
    """Phase-encoding axis"""


class MotionConfig(Drawn):
    """The patient moves once or twice during an MR scan."""

    kind: Literal["motion"]
    """Name of the transform"""
    degrees: Annotated[
        tuple[Annotated[float, Field(ge=0, le=90)], Annotated[float, Field(ge=0, le=90)]],
        AfterValidator(rising),
    ]
    """Smallest and largest angle of a movement in degrees"""
    mm: Annotated[
        tuple[Annotated[float, Field(ge=0, le=100)], Annotated[float, Field(ge=0, le=100)]],
        AfterValidator(rising),
    ]
    """Smallest and largest way of a movement in mm"""
    axis: Literal["x", "y", "z"] = "y"
    """Phase-encoding axis"""


class GibbsConfig(Drawn):
    """Ringing at sharp edges of MR."""

    kind: Literal["gibbs"]
    """Name of the transform"""
    alpha: Annotated[
        tuple[Annotated[float, Field(ge=0, le=0.95)], Annotated[float, Field(ge=0, le=0.95)]],
        AfterValidator(rising),
    ]
    """Smallest and largest part of the radius of k-space that is cut off"""
