"""Settings that say which volumes take part, and which patients are kept for testing."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from medcl.config.section import Count, Name, Section, Seed, SizeVoxels


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
