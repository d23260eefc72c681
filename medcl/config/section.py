"""What every section of a settings file is, and the number types they share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of a settings file: frozen, strict, and closed to unknown keys.

    A section holds values and builds nothing. Units stand in the names of fields.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


SECRET = {"secret": True}
"""Mark of a field whose value is never echoed: ``Field(json_schema_extra=SECRET)``."""

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""Steps, volumes, patients: a slip of the finger is refused, no real run is."""
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
"""A name that is also a safe folder name."""

SizeVoxels = tuple[
    Annotated[int, Field(ge=1, le=1024)],
    Annotated[int, Field(ge=1, le=1024)],
    Annotated[int, Field(ge=1, le=1024)],
]
SpacingMm = tuple[
    Annotated[float, Field(ge=0.05, le=50)],
    Annotated[float, Field(ge=0.05, le=50)],
    Annotated[float, Field(ge=0.05, le=50)],
]
