"""What the settings of all drawn transforms share."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from medcl.config.section import Fraction, Section


def rising(ends: tuple[float, float]) -> tuple[float, float]:
    """Return a range whose lowest value comes first.

    Raises:
        ValueError: It does not.
    """
    if ends[0] > ends[1]:
        raise ValueError(f"the lowest value comes first, got {ends[0]} and {ends[1]}.")
    return ends


def _not_by_pair(word: object) -> object:
    if word == "pair":
        raise ValueError(
            "sharing within a pair tells which views belong together, and the network matches the "
            "parameter instead of the anatomy; write independent or batch."
        )
    return word


SharingWord = Annotated[Literal["independent", "batch"], BeforeValidator(_not_by_pair)]


class Drawn(Section):
    """What every transform with drawn parameters takes."""

    probability: Fraction = 1.0
    """Share of views that the transform is applied to"""
    sharing: SharingWord = "independent"
    """independent: each view has its own parameters; batch: one draw for a whole batch"""
