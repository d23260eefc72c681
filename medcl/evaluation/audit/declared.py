"""A declared bound beside what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SHARE = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One declared bound beside what was measured.

    Attributes:
        transform: Name of the transform in its policy.
        flag: What it claims to preserve.
        bound: Largest departure it declares; 0 for none.
        unit: Unit of the bound.
        measured: Departure that all but one draw of a thousand stay within.
        precision: What views without the transform measure: the resolution of the audit itself.
        num_draws: Views or pairs measured.
        is_local: Whether it was measured on local views.
    """

    transform: str
    flag: str
    bound: float
    unit: str
    measured: float
    precision: float
    num_draws: int
    is_local: bool = False

    @property
    def is_enclosed(self) -> bool:
        """Whether the bound holds, as far as can be told."""
        return self.measured <= self.bound + self.precision

    @property
    def sentence(self) -> str:
        """What is declared and what was measured, in one sentence."""
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.transform} declares to change {self.flag} by {self.bound:.3g}{unit} at most, "
            f"and {self.measured:.3g}{unit} was measured{' on local views' * self.is_local}, "
            f"{self.precision:.2g} of which may be the measurement's own."
        )


def most_of(values: Sequence[float]) -> float:
    """Return what all but one value of a thousand do not exceed; 0 where there is none.

    Example:
        >>> most_of([1.0, 3.0, 2.0]), most_of([])
        (3.0, 0.0)
    """
    return float(np.quantile(values, _SHARE, method="higher")) if values else 0.0
