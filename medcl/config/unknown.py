"""Settings with which somebody takes responsibility for what nobody can say of the data."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from medcl.config.section import Section

Flag = Literal[
    "hu_calibration",
    "hu_texture",
    "laterality",
    "orientation",
    "physical_scale",
    "spacing_truth",
    "topology",
    "lesion_mass",
    "uptake_abs",
    "uptake_ratio",
    "uptake_total",
    "lowcontrast_cnr",
    "contrast_polarity",
    "fov_truth",
    "finite_range",
]


_FEWEST_LETTERS = 8


def _in_words(text: str) -> str:
    """Return a justification that may say something, in any script.

    Raises:
        ValueError: It has too few different letters: spaces and repetitions answer for nothing.
    """
    letters = {letter.lower() for letter in text if letter.isalpha()}
    if len(letters) < _FEWEST_LETTERS:
        raise ValueError(
            f"a justification says in words why it is right all the same; this one has "
            f"{len(letters)} different letters."
        )
    return text


class AcceptConfig(Section):
    """One quantity whose being unknown is accepted; it is kept with everything that follows."""

    flag: Flag
    """The quantity, as the refusal names it"""
    justification: Annotated[str, Field(min_length=20, max_length=1000), AfterValidator(_in_words)]
    """Why it is right all the same, in words a reviewer can judge; nothing that names a patient"""


def _once_each(accepted: tuple[AcceptConfig, ...]) -> tuple[AcceptConfig, ...]:
    repeated = [
        flag for flag, times in Counter(each.flag for each in accepted).items() if times > 1
    ]
    if repeated:
        raise ValueError(f"each flag is accepted once; repeated: {', '.join(repeated)}.")
    return accepted


AcceptUnknown = Annotated[tuple[AcceptConfig, ...], AfterValidator(_once_each)]
