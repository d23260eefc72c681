"""One measured quantity: its name for people, its unit, and where passing and warning end."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from medcl.augment.contract import Flag, claim_of
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile, required_flags
from medcl.augment.transforms.catalogue import ValueTransform

Better = Literal["low", "high", "zero", "one"]
"""Which values are good: small ones, large ones, near 0 of either sign, ratios near 1."""

NEVER = float("inf")
BETWEEN = "_between_views"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity and its limits.

    Attributes:
        name: What it is called in files.
        title: What people call it.
        unit: Its unit.
        better: Which values are good.
        passes: Where passing ends; of a ratio the upper end, its inverse is the lower one.
        fails: Where failing begins; between them it warns.
        flag: What of the contract it measures; ``None`` for none.
        always: Whether it may fail whatever the task needs.
        is_share: Judged by the mean over draws instead of by the worst one.
        has_gap: Whether the difference (or the ratio) between two views is measured too.
    """

    name: str
    title: str
    unit: str
    better: Better
    passes: float
    fails: float
    flag: Flag | None = None
    always: bool = False
    is_share: bool = False
    has_gap: bool = False

    @property
    def is_gap(self) -> bool:
        """Whether it compares two views."""
        return self.name.endswith(BETWEEN)

    def badness(self, value: float) -> float:
        """Return how bad a value is, in an order that suits: larger is worse.

        Example:
            >>> ratio = Quantity("gain", "gain", "", "one", 1.25, 1.6)
            >>> ratio.badness(0.5) == ratio.badness(2.0)
            True
        """
        if self.better == "one":
            return abs(_log(value))
        return {"low": value, "high": -value, "zero": abs(value)}[self.better]

    def gap(self) -> "Quantity":
        """Return the quantity that compares two views by this one."""
        title = f"{self.title}, between two views"
        return replace(self, name=self.name + BETWEEN, title=title, has_gap=False)

    def may_fail(self, task: TaskProfile, policy: Policy) -> bool:
        """Return whether a task needs it; what no task needs warns at most.

        What the whole batch shares, no comparison of views can see; there the difference decides.
        """
        needed = required_flags(task, policy.modality)
        if self.has_gap and self.flag is not None and _is_shared(policy, self.flag):
            return False  # its difference between two views decides
        return self.always or (self.flag is not None and self.flag in needed)


def _is_shared(policy: Policy, flag: Flag) -> bool:
    """Return whether all that changes a flag is one change for the whole batch."""
    live = [
        each
        for each in policy.transforms
        if isinstance(each, ValueTransform) and each.probability > 0
    ]
    own = [each for each in live if each.sharing == "independent"]
    exact = all(claim_of(each.contract(policy.modality), flag).bound == 0 for each in own)
    return exact and len(own) < len(live)


def _log(value: float) -> float:
    # A ratio of 0 or below is as bad as can be.
    return float("inf") if value <= 0 else math.log(value)
