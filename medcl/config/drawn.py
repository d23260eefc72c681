"""What the settings of all drawn transforms share."""

from typing import Literal

from medcl.config.section import Fraction, Section


def rising(ends: tuple[float, float]) -> tuple[float, float]:
    """Return a range whose lowest value comes first.

    Raises:
        ValueError: It does not.
    """
    if ends[0] > ends[1]:
        raise ValueError(f"the lowest value comes first, got {ends[0]} and {ends[1]}.")
    return ends


class Drawn(Section):
    """What every transform with drawn parameters takes."""

    probability: Fraction = 1.0
    """Share of views that the transform is applied to"""
    sharing: Literal["independent", "batch"] = "independent"
    """independent: each view has its own parameters; batch: one draw for a whole batch"""
