"""Settings that say which volumes take part, and which patients are kept for testing."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from medcl.config.section import (
    Count,
    Fraction,
    Name,
    NonNegative,
    Positive,
    Section,
    Seed,
    SizeVoxels,
)


class QualityConfig(Section):
    """What a volume must be to take part; everything left out admits every one."""

    min_foreground_fraction: Fraction = 0.0
    """Least share of voxels that are foreground"""
    max_clipped_fraction: Fraction = 1.0
    """Largest share of voxels lost at an end of the range"""
    max_noise_fraction: Positive | None = None
    """Largest standard deviation of the noise, over the range from the 1 % to the 99 % quantile"""
    max_empty_fraction: Fraction = 1.0
    """Largest share of slices without foreground"""
    min_extent_mm: NonNegative = 0.0
    """Least length of the shortest edge"""
    max_spacing_mm: Positive | None = None
    """Widest voxel spacing"""
    min_slice_coverage: NonNegative = 0.0
    """Least slice thickness over slice distance; below 1 there are gaps"""
    hu_scale: tuple[Literal["plausible", "shifted", "unknown"], ...] = (
        "plausible",
        "unknown",
        "shifted",
    )
    """What the values of a CT may be"""
    orientation: tuple[Literal["scanner", "header", "assumed"], ...] = (
        "scanner",
        "header",
        "assumed",
    )
    """Who may have said where left is"""


class CohortConfig(Section):
    """Which volumes of the store take part; everything left out means all."""

    modality: Literal["CT", "MR", "PT", "OT"] | None = None
    """Only volumes of this modality"""
    label_set: Name | None = None
    """Only volumes that carry a label of this set"""
    split: Name | None = None
    """Only volumes of this split of the label set, such as train"""
    min_shape_voxels: SizeVoxels = (1, 1, 1)
    """Fewest voxels along x, y, z"""
    exclude_patients_of: tuple[Name, ...] = ()
    """Label sets whose patients are left out altogether"""
    quality: QualityConfig = QualityConfig()
    """What a volume must be, by what was measured when it was taken in; nothing is deleted"""
    collapse_near_duplicates: bool = False
    """Take one volume of each group that shows the same scan"""
    max_volumes: Count | None = None
    """At most so many volumes, always the same ones"""

    @model_validator(mode="after")
    def _split_of_something(self) -> "CohortConfig":
        if self.split is not None and self.label_set is None:
            raise ValueError("split needs a label_set that it is a split of.")
        return self


class DrawnTest(Section):
    """Test patients drawn at random."""

    fraction: Annotated[float, Field(gt=0, lt=1)]
    """Share of the labelled patients kept for testing"""
    seed: Seed = 0
    """Decides who they are"""


class GivenTest(Section):
    """Test patients named by a split of the label set."""

    split: Name
    """The split that is tested on, such as val; patients of other splits are trained on"""


def _test_kind(value: Any) -> str:  # noqa: ANN401 - whatever stands in the file
    if isinstance(value, Section):
        return type(value).__name__
    return "GivenTest" if isinstance(value, dict) and "split" in value else "DrawnTest"


TestConfig = Annotated[
    Annotated[DrawnTest, Tag("DrawnTest")] | Annotated[GivenTest, Tag("GivenTest")],
    Discriminator(_test_kind),
]
"""``{fraction, seed}`` draws test patients; ``{split}`` takes them as given."""


class HoldOutConfig(Section):
    """The test patients of a coming study, never to be pretrained on."""

    label_set: Name
    """The label set of that study"""
    test: TestConfig
    """Its test patients, written exactly as in the study"""
