"""Settings of a view policy: grid, normalisation, transforms with their ranges in physical units.

Each section mirrors one dataclass of `medcl.augment`, which says what the transform does and what
it preserves. Whether a policy is safe for a task is decided there, not by these ranges.
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, model_validator

from medcl.config.section import Fraction, Name, Section, SizeVoxels, SpacingMm
from medcl.config.transforms import TransformConfig

PolicyModality = Literal["CT", "MR_WEIGHTED", "MR_QUANTITATIVE", "PT", "OT"]

Task = Literal[
    "generic",
    "lateral",
    "density",
    "size",
    "focal",
    "texture",
    "suv_absolute",
    "suv_ratio",
    "suv_total",
    "contrast_class",
    "quantitative_mr",
    "shape",
    "acquisition",
]


class GridConfig(Section):
    """The grid that a view is sampled on."""

    size_voxels: SizeVoxels
    """Voxels of a view along x, y, z"""
    spacing_mm: SpacingMm
    """Voxel size along x, y, z in mm"""


class LocalConfig(Section):
    """Small views inside of the others, matched with them in pretraining."""

    count: Annotated[int, Field(ge=1, le=64)]
    """Local views of each volume; each lies inside one of its two global views in turn"""
    size_voxels: SizeVoxels
    """Voxels of a local view along x, y, z"""
    spacing_mm: SpacingMm
    """Voxel size along x, y, z in mm"""


class PartnerConfig(Section):
    """The second view from another series of the same patient, in the same frame of reference.

    What two series of a patient do not have in common the encoder learns to ignore: texture,
    contrast phase or sequence, uptake. A task that needs one of these refuses it.
    """

    kind: Literal["other_series"]
    """Name of the partner: another volume of patient, frame, modality and unit"""
    probability: Fraction = 0.5
    """Part of the pairs for which one is looked for; where none shows the place, there is none"""


class FixedWindowConfig(Section):
    """The same range for every volume becomes the network's input range."""

    kind: Literal["fixed_window"]
    """Name of the window"""
    low: Annotated[float, Field(ge=-1e6, le=1e6)]
    """Lowest value kept, in the unit of the modality (HU, SUV)"""
    high: Annotated[float, Field(ge=-1e6, le=1e6)]
    """Highest value kept, in the unit of the modality (HU, SUV)"""

    @model_validator(mode="after")
    def _ordered(self) -> "FixedWindowConfig":
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}.")
        return self


class PercentileWindowConfig(Section):
    """Each volume's own 1st to 99th percentile: for images without a unit."""

    kind: Literal["percentile_window"]
    """Name of the window"""


WindowConfig = Annotated[FixedWindowConfig | PercentileWindowConfig, Discriminator("kind")]


class PolicyConfig(Section):
    """A view policy; ``policy: path`` in a settings file reads it from a file of its own.

    As JSON values it is what `medcl.augment.policy.Policy.from_json` takes.
    """

    name: Name
    """What the policy is called in reports"""
    modality: PolicyModality
    """What it may be used on; weighted and quantitative MR are different"""
    region: Literal["body", "head"] = "body"
    """A body lies still within 15 degrees, a head within 30"""
    grid: GridConfig
    """The grid that views are sampled on"""
    window: WindowConfig
    """How voxel values become network input"""
    transforms: tuple[TransformConfig, ...] = ()
    """What differs between views, in the order of application"""
    local: LocalConfig | None = None
    """Small views inside of the others; none by default"""
    partner: PartnerConfig | None = None
    """When the second view is of another series of the patient; never by default"""

    @model_validator(mode="after")
    def _one_crop(self) -> "PolicyConfig":
        if sum(transform.kind == "crop" for transform in self.transforms) > 1:
            raise ValueError("a policy has one crop at most.")
        return self
