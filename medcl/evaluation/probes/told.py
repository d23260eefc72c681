"""What an encoder was asked, what it told, and whether the task needs it."""

from collections.abc import Sequence
from dataclasses import dataclass

from medcl.augment.contract import Flag
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile, required_flags
from medcl.evaluation.probes.mirror import Mirror

_TOLD = {"R²": 0.8, "AUC": 0.9}
_LOST = {"R²": 0.2, "AUC": 0.6}


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
        is_needed: Whether the task needs the answer.
        verdict: ``told``, ``partly`` or ``lost``.
    """

    name: str
    title: str
    measure: str
    value: float
    interval: tuple[float, float]
    untrained: float
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
    if value >= _TOLD[measure]:
        return "told"
    return "lost" if value < _LOST[measure] else "partly"


def warnings_of(probes: Sequence[Probe], mirror: Mirror, task: TaskProfile) -> list[str]:
    """Return sentences where a task needs what an encoder does not tell."""
    found = []
    for probe in probes:
        is_less = probe.interval[1] < probe.untrained
        if probe.is_needed and (probe.verdict == "lost" or (is_less and probe.verdict != "told")):
            how = "no longer tells" if probe.verdict == "lost" else "tells less than fresh weights"
            found.append(
                f"The task {task.value.replace('_', ' ')} needs {probe.title}, which the encoder "
                f"{how}: {probe.measure} {probe.value:.2f} [{probe.interval[0]:.2f}, "
                f"{probe.interval[1]:.2f}], untrained {probe.untrained:.2f}."
            )
        if probe.name == "side" and probe.is_needed and mirror.difference_interval[0] <= 0:
            found.append(f"{mirror.sentence} The task needs it.")
    return found
