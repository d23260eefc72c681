"""Verdicts: why a policy is refused, in codes and in sentences."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from medcl.augment.contract import Flag
from medcl.augment.safety.tasks import TaskProfile

CODES: Mapping[Flag, str] = {
    Flag.LATERALITY: "SC001",
    Flag.HU_CALIBRATION: "SC010",
    Flag.HU_TEXTURE: "SC011",
    Flag.FINITE_RANGE: "SC014",
    Flag.CONTRAST_POLARITY: "SC015",
    Flag.PHYSICAL_SCALE: "SC020",
    Flag.SPACING_TRUTH: "SC021",
    Flag.ORIENTATION: "SC022",
    Flag.TOPOLOGY: "SC030",
    Flag.LESION_MASS: "SC040",
    Flag.LOWCONTRAST_CNR: "SC041",
    Flag.UPTAKE_ABS: "SC050",
    Flag.UPTAKE_RATIO: "SC051",
    Flag.UPTAKE_TOTAL: "SC052",
    Flag.FOV_TRUTH: "SC060",
}
"""Stable code of each broken flag. Further: SC012 window, SC013 beyond real acquisitions, SC070
range without a unit, SC090 physics of another modality, SC100 not in this modality, SC110 hides
what the task is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One reason to refuse a policy.

    Attributes:
        code: Stable code, SC followed by three digits.
        transform: Name of the transform, several joined by ``+``.
        parameter: Name of its parameter.
        found: What the policy has.
        allowed: What it may have.
        reason: What would be broken.
    """

    code: str
    transform: str
    parameter: str
    found: str
    allowed: str
    reason: str

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        return (
            f"{self.transform}.{self.parameter} is {self.found}, allowed is {self.allowed}:"
            f" {self.reason} ({self.code})."
        )


@dataclass(frozen=True, slots=True)
class Unknown:
    """A quantity that a task needs, and of which nobody can say that it survives.

    Attributes:
        flag: The quantity.
        reason: What is not known.
        justification: Why somebody takes responsibility for it; ``None``, or no words, where
            nobody does.
    """

    flag: Flag
    reason: str
    justification: str | None = None

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        text = f"{self.flag.value} is UNKNOWN: {self.reason} ({CODES[self.flag]})"
        return f"{text}." if self.justification is None else f"{text}, accepted."

    def to_json(self) -> dict[str, str | None]:
        """Return flag, reason and justification."""
        return {
            "flag": self.flag.value,
            "reason": self.reason,
            "justification": self.justification,
        }


Outcome = Literal["PASS", "FAIL", "UNKNOWN"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a policy is safe for a task.

    Attributes:
        task: The task.
        violations: Reasons to refuse; none if safe.
        unknowns: What nobody can say, whether somebody accepts it or not.
    """

    task: TaskProfile
    violations: tuple[Violation, ...]
    unknowns: tuple[Unknown, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """FAIL if something is broken, UNKNOWN if something is open and not accepted, else PASS."""
        if self.violations:
            return "FAIL"
        return "UNKNOWN" if self.open else "PASS"

    @property
    def open(self) -> tuple[Unknown, ...]:
        """What is not known and not accepted."""
        return tuple(each for each in self.unknowns if not (each.justification or "").strip())

    @property
    def is_safe(self) -> bool:
        """Whether nothing is broken or open that the task needs."""
        return self.outcome == "PASS"

    def to_json(self) -> dict[str, object]:
        """Return the outcome, its reasons, and what was accepted with which justification."""
        return {
            "task": self.task.value,
            "outcome": self.outcome,
            "violations": [asdict(violation) for violation in self.violations],
            "unknown": [unknown.to_json() for unknown in self.unknowns],
        }
