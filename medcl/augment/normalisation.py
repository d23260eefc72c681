"""From physical values to what a network sees: -1 is the low end, +1 the high end."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from medcl.augment.elementary import limit_, limited, reciprocal
from medcl.shapes import Views

HEADROOM = 1.5
"""Weighted MR keeps values up to this multiple of the range, so that bright lesions stay apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedWindow:
    """The same range for every volume: HU, SUV, or the range of a derived map.

    Attributes:
        low: Value that becomes -1; all below becomes -1 too.
        high: Value that becomes +1; all above becomes +1 too.

    Example:
        >>> window = FixedWindow(low=-1000.0, high=1000.0)
        >>> window.finish(torch.full((1, 1, 1, 1, 1), 500.0)).item()
        0.5
    """

    kind: ClassVar[str] = "fixed_window"
    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse an empty window.

        Raises:
            ValueError: ``low`` is not below ``high``.
        """
        if not self.low < self.high:
            raise ValueError(f"A window needs low < high, got {self.low} and {self.high}.")

    def begin(self, views: Views, low: torch.Tensor, high: torch.Tensor) -> Views:
        """Return views as they are: intensity transforms see physical values."""
        del low, high
        return views

    def finish(self, views: Views) -> Views:
        """Return views clipped to the window and mapped to ``[-1, 1]``."""
        scaled = (views - self.low).mul_(2.0 / (self.high - self.low)).sub_(1.0)
        return limit_(scaled, -1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentileWindow:
    """Each volume's own range, its 1st to 99th percentile: weighted MR has no unit.

    Intensity transforms see values from 0 (low end) over 1 (high end) to `HEADROOM`.

    Example:
        >>> window = PercentileWindow()
        >>> raw = torch.full((1, 1, 1, 1, 1), 150.0)
        >>> window.finish(window.begin(raw, torch.tensor([100.0]), torch.tensor([200.0]))).item()
        0.0
    """

    kind: ClassVar[str] = "percentile_window"

    def begin(self, views: Views, low: torch.Tensor, high: torch.Tensor) -> Views:
        """Return views in fractions of each volume's range, clipped to ``[0, HEADROOM]``."""
        low, high = (end.reshape(-1, 1, 1, 1, 1) for end in (low, high))
        return limit_((views - low).mul_(reciprocal(limited(high - low, 1e-6))), 0.0, HEADROOM)

    def finish(self, views: Views) -> Views:
        """Return views with 0 → -1 and 1 → +1, clipped to ``[-1, 2 * HEADROOM - 1]``."""
        return limit_((views * 2.0).sub_(1.0), -1.0, 2.0 * HEADROOM - 1.0)


Normalisation = FixedWindow | PercentileWindow
