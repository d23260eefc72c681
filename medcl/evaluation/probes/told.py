"""What an encoder was asked, what it told, and whether the task needs it."""

from collections.abc import Sequence
from dataclasses import dataclass

from medcl.augment.contract import Flag
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile, required_flags
from medcl.evaluation.probes.mirror import Mirror

TOLD = {"R²": 0.8, "AUC": 0.9}
LOST = {"R²": 0.2, "AUC": 0.6}
"""From where on an encoder tells something, and below which it has lost it, by measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One thing an encoder was asked.

    Attributes:
        name: Of the probe.
        title: What was asked, for people.
        measure: ``R²`` or ``AUC``.
        value: On patients the probe has not seen.
        interval: 95 %, by bootstrap over patients.
        untrained: The same of fresh weights.
        untrained_interval: Its 95 % interval.
        is_needed: Whether the task needs the answer.
        verdict: ``told``, ``partly`` or ``lost``.
    """

    name: str
    title: str
    measure: str
    value: float
    interval: tuple[float, float]
    untrained: float
    untrained_interval: tuple[float, float]
    is_needed: bool
    verdict: str


def needed(task: TaskProfile, policy: Policy) -> set[str]:
    """Return the names of probes that a task needs the answer of."""
    names = {
        Flag.HU_CALIBRATION: "hu_offset" if policy.modality == "CT" else "gain",
        Flag.UPTAKE_ABS: "gain",
        Flag.UPTAKE_TOTAL: "gain",
        Flag.PHYSICAL_SCALE: "scale",
        Flag.LATERALITY: "side",
    }
    flags = required_flags(task, policy.modality)
    return {names[flag] for flag in flags if flag in names}


def verdict_of(measure: str, value: float) -> str:
    """Return ``told``, ``partly`` or ``lost``."""
    if value >= TOLD[measure]:
        return "told"
    return "lost" if value < LOST[measure] else "partly"


def _how(probe: Probe) -> str:
    """Return what an encoder does not tell, without blaming it for what no weights tell."""
    if probe.verdict != "lost":
        return "tells less than fresh weights"
    if verdict_of(probe.measure, probe.untrained) == "lost":
        return "does not tell, as fresh weights do not either"
    return "no longer tells"


def warnings_of(probes: Sequence[Probe], mirror: Mirror, task: TaskProfile) -> list[str]:
    """Return sentences where a task needs what an encoder does not tell."""
    found = []
    for probe in probes:
        is_less = probe.interval[1] < probe.untrained
        if probe.is_needed and (probe.verdict == "lost" or (is_less and probe.verdict != "told")):
            how = _how(probe)
            found.append(
                f"The task {task.value.replace('_', ' ')} needs {probe.title}, which the encoder "
                f"{how}: {probe.measure} {probe.value:.2f} [{probe.interval[0]:.2f}, "
                f"{probe.interval[1]:.2f}], untrained {probe.untrained:.2f}."
            )
        if probe.name == "side" and probe.is_needed and mirror.difference_interval[0] <= 0:
            found.append(f"{mirror.sentence} The task needs it.")
    return found
