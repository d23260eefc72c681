"""One cell of a study: how the encoder starts, how it is adapted, how many labels, which seed."""

import hashlib
import json
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from medcl.errors import RequestError

Adaptation = Literal["probe", "finetune", "frozen", "voxels"]
"""Logistic regression on frozen features; all weights trained; only a decoder trained on a frozen
encoder; logistic regression on the voxels, without any encoder."""

SCRATCH = "scratch"
"""Name of the init with fresh weights."""

_LABELS: Mapping[str, str] = {
    "probe": "linear probe",
    "finetune": "fine-tuned",
    "frozen": "frozen encoder",
    "voxels": "raw voxels + logistic regression",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,63}")


@dataclass(frozen=True, slots=True, order=True)
class Arm:
    """One line of the curve.

    Attributes:
        init: Name of the starting weights, such as ``scratch`` or ``pretrained``; letters, digits,
            ``_`` and ``.``.
        adaptation: How the few labels are used.

    Raises:
        RequestError: The name or the adaptation is none.

    Example:
        >>> Arm("scratch", "finetune").name
        'scratch-finetune'
    """

    init: str
    adaptation: Adaptation

    def __post_init__(self) -> None:
        """Refuse a name that could not be a file name.

        Raises:
            RequestError: The name or the adaptation is none.
        """
        if not _NAME.fullmatch(self.init):
            raise RequestError(
                "An init's name must be 1 to 64 letters, digits, '_' or '.', and begin with a "
                "letter or digit."
            )
        if self.adaptation not in get_args(Adaptation):
            raise RequestError(
                f"An adaptation must be one of {', '.join(get_args(Adaptation))}; "
                f"'{self.adaptation}' is none."
            )

    @property
    def name(self) -> str:
        """Return the short name that tables and runs use."""
        return f"{self.init}-{self.adaptation}"

    @property
    def label(self) -> str:
        """Return the name that a person reads.

        Example:
            >>> Arm("scratch", "finetune").label
            'scratch, fine-tuned'
        """
        if self.adaptation == "voxels":
            return _LABELS["voxels"]
        return f"{self.init}, {_LABELS[self.adaptation]}"

    @property
    def is_pretrained(self) -> bool:
        """Return whether the arm starts from an encoder that has learnt before.

        Example:
            >>> [Arm(*each).is_pretrained for each in (("ours", "probe"), ("none", "voxels"))]
            [True, False]
        """
        return self.init != SCRATCH and self.adaptation != "voxels"


@dataclass(frozen=True, slots=True)
class Cell:
    """One adaptation to be run.

    Attributes:
        arm: Which line of the curve.
        num_labels: Labelled patients, at least 1.
        seed: Drives the subset, the new weights and the order of batches; the same for all arms.
    """

    arm: Arm
    num_labels: int
    seed: int

    @property
    def name(self) -> str:
        """Return a name fit for a file and for a sentence.

        Example:
            >>> Cell(Arm("scratch", "finetune"), 20, 3).name
            'scratch-finetune-n20-s3'
        """
        return f"{self.arm.name}-n{self.num_labels}-s{self.seed}"

    def fingerprint(self, inputs: Mapping[str, object]) -> str:
        """Return a hash of everything that decides this cell's result.

        Args:
            inputs: What all cells share or what belongs to this one: settings, store and label
                digests, encoder checksum; JSON values.

        Returns:
            32 hexadecimal characters.

        Example:
            >>> cell = Cell(Arm("scratch", "finetune"), 20, 3)
            >>> cell.fingerprint({"steps": 10}) == cell.fingerprint({"steps": 11})
            False
        """
        text = json.dumps([self.name, inputs], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def grid(arms: Iterable[Arm], num_labels: Iterable[int], seeds: Iterable[int]) -> list[Cell]:
    """Return every combination, seed by seed, so that a study cut short still compares all arms.

    Args:
        arms: Lines of the curve, each once.
        num_labels: Counts of labelled patients, each once.
        seeds: Seeds, each once.

    Returns:
        ``len(arms) * len(num_labels) * len(seeds)`` cells.

    Raises:
        RequestError: A list is empty or repeats an entry, or a count is below 1.

    Example:
        >>> [cell.name for cell in grid([Arm("scratch", "probe")], [5, 10], [0])]
        ['scratch-probe-n5-s0', 'scratch-probe-n10-s0']
    """
    all_arms, counts, all_seeds = list(arms), sorted(num_labels), list(seeds)
    _each_once("arms", all_arms)
    _each_once("label counts", counts)
    _each_once("seeds", all_seeds)
    if counts[0] < 1:
        raise RequestError(f"A label count must be at least 1 patient; found {counts[0]}.")
    return [Cell(arm, count, seed) for seed in all_seeds for count in counts for arm in all_arms]


def usual_reference(arms: Iterable[Arm]) -> Arm | None:
    """Return the arm that others are compared with: random weights, trained as far as any are.

    Args:
        arms: Of a study.

    Returns:
        Fine-tuning from scratch where that was run, else a decoder or head on a random encoder,
        else a probe of one; ``None`` where no arm has random weights.

    Example:
        >>> usual_reference([Arm("ours", "probe"), Arm("scratch", "probe")]).name
        'scratch-probe'
    """
    known = set(arms)
    order: tuple[Adaptation, ...] = ("finetune", "frozen", "probe")
    wanted = (Arm(SCRATCH, adaptation) for adaptation in order)
    return next((arm for arm in wanted if arm in known), None)


def arm_named(name: str, arms: Iterable[Arm]) -> Arm:
    """Return the arm of this name.

    Args:
        name: Such as ``scratch-finetune``.
        arms: Of a study.

    Returns:
        One of them.

    Raises:
        RequestError: None of them has this name.

    Example:
        >>> arm_named("none-voxels", [Arm("ours", "probe"), Arm("none", "voxels")]).label
        'raw voxels + logistic regression'
    """
    known = {arm.name: arm for arm in arms}
    if name not in known:
        raise RequestError(
            f"The reference must be one of the study's arms {', '.join(known)}; '{name}' is none."
        )
    return known[name]


def _each_once(what: str, entries: Sequence[Hashable]) -> None:
    if not entries or len(set(entries)) != len(entries):
        raise RequestError(
            f"A study needs at least one entry among its {what} and each only once; found "
            f"{len(entries)} entries, {len(set(entries))} of them different."
        )
