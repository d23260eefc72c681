"""Settings of transforms that hide parts of a view."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from medcl.config.drawn import Drawn, rising


class PartialFovConfig(Drawn):
    """Cut a view short at one end: another scan range or reconstruction circle."""

    kind: Literal["partial_fov"]
    """Name of the transform"""
    length_fraction: Annotated[
        tuple[Annotated[float, Field(ge=0, le=0.9)], Annotated[float, Field(ge=0, le=0.9)]],
        AfterValidator(rising),
    ]
    """Smallest and largest part of the length that is cut at the upper or lower end"""
    lateral_mm: Annotated[
        tuple[Annotated[float, Field(ge=0, le=500)], Annotated[float, Field(ge=0, le=500)]],
        AfterValidator(rising),
    ]
    """Smallest and largest width in mm that is cut at one side"""


class CutoutConfig(Drawn):
    """Hide cubes of a view, never over a lesion."""

    kind: Literal["cutout"]
    """Name of the transform"""
    fraction: Annotated[
        tuple[Annotated[float, Field(ge=0, le=0.9)], Annotated[float, Field(ge=0, le=0.9)]],
        AfterValidator(rising),
    ]
    """Smallest and largest part of the view's volume that is hidden"""
    edge_mm: Annotated[float, Field(ge=0.1, le=15)] = 12.0
    """Edge of the cubes in mm"""
    off_lesion: bool = True
    """Keep marked lesions uncovered; needs a set of label maps"""
