"""Settings of `medcl study`."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from medcl.config.cohort import CohortConfig, TestConfig
from medcl.config.encoder import EncoderConfig
from medcl.config.finetune import Kind
from medcl.config.machine import StudyMachineConfig
from medcl.config.policy import PolicyConfig, Task
from medcl.config.section import Count, Name, Section, Seed
from medcl.config.training import (
    BootstrapConfig,
    FinetuneSettings,
    ProbeConfig,
    TrackingConfig,
)
from medcl.config.unknown import AcceptUnknown

InitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*$", max_length=64)]


class ArmConfig(Section):
    """One curve, called ``<init>-<adaptation>``: where weights come from, how they are adapted."""

    init: InitName
    """A name under encoders, scratch (new weights), or none (no network)"""
    adaptation: Literal["probe", "frozen", "finetune", "voxels"]
    """probe: logistic regression on frozen features, of label maps on the maps at single voxels;
    frozen: a new head or decoder only; finetune: all weights; voxels: logistic regression on
    pooled voxels, without a network"""

    @model_validator(mode="after")
    def _voxels_have_no_network(self) -> "ArmConfig":
        if (self.init == "none") != (self.adaptation == "voxels"):
            raise ValueError("init none and adaptation voxels go together.")
        return self


class StudyConfig(Section):
    """Label-efficiency curves: arms x label counts x seeds, measured on one set of patients."""

    name: Name
    """Name of the study and of its folder"""
    store: Path
    """Folder of the volume store"""
    runs: Path = Path("runs")
    """Folder that holds the folders of runs"""
    cohort: CohortConfig = CohortConfig()
    """Which volumes may take part"""
    label_set: Name
    """The labels to learn"""
    kind: Kind
    """classification: one number per volume; segmentation: a label map per volume"""
    task: Task = "generic"
    """What the labels mean; the encoders' policies are checked against it"""
    accept_unknown: AcceptUnknown = ()
    """Quantities that nobody can vouch for, each with a justification"""
    test: TestConfig
    """Patients that every cell is measured on"""
    encoders: dict[InitName, Path] = Field(default_factory=dict)
    """Folders of delivered encoders, by the name that arms use"""
    architecture: EncoderConfig | None = None
    """The network of arms with random weights; that of the first encoder by default"""
    policy: PolicyConfig
    """Grid, window and views for training with labels, or the path of their file"""
    arms: Annotated[tuple[ArmConfig, ...], Field(min_length=1, max_length=50)]
    """The curves"""
    reference_arm: str | None = None
    """The arm that the others are compared with, called <init>-<adaptation>; by default
    scratch-finetune where that is among the arms, else scratch-frozen or scratch-probe. Any arm
    may be it, and choosing another one runs no cell again"""
    label_counts: Annotated[tuple[Count, ...], Field(min_length=1, max_length=50)]
    """Numbers of labelled patients, rising"""
    min_per_class: Annotated[int, Field(ge=1, le=1000)] = 1
    """Labelled patients of each class that every subset holds"""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=100)] = (0, 1, 2)
    """Each decides subset, new weights and order, the same for every arm"""
    probe: ProbeConfig = ProbeConfig()
    """Used by adaptations probe and voxels"""
    finetune: FinetuneSettings = FinetuneSettings()
    """Used by adaptations frozen and finetune"""
    bootstrap: BootstrapConfig = BootstrapConfig()
    """Intervals"""
    machine: StudyMachineConfig = StudyMachineConfig()
    """Device, threads, processes: how fast, not what"""
    tracking: TrackingConfig = TrackingConfig()
    """Where the study is shown"""

    @model_validator(mode="after")
    def _consistent(self) -> "StudyConfig":
        _refuse_repeats("arms", (_name(arm) for arm in self.arms))
        _refuse_repeats("label_counts", self.label_counts)
        _refuse_repeats("seeds", self.seeds)
        if list(self.label_counts) != sorted(self.label_counts):
            raise ValueError("label_counts must rise.")
        if {"scratch", "none"} & self.encoders.keys():
            raise ValueError("encoders must not be called scratch or none; these mean no encoder.")
        for arm in self.arms:
            self._check_arm(arm)
        self._check_reference()
        return self

    def _check_arm(self, arm: ArmConfig) -> None:
        known = [*self.encoders, "scratch", "none"]
        if arm.init not in known:
            raise ValueError(f"arms: init must be one of {', '.join(known)}, got {arm.init}.")
        if arm.init == "scratch" and self.architecture is None and not self.encoders:
            raise ValueError("arms: init scratch needs an architecture, or an encoder to copy.")

    def _check_reference(self) -> None:
        choices, name = [_name(arm) for arm in self.arms], self.reference_arm
        if name is None or name in choices:
            return
        # Told at its own key, in the words for any value that is none of its choices.
        wrong = InitErrorDetails(
            type="literal_error",
            loc=("reference_arm",),
            input=name,
            ctx={"expected": str(choices)},
        )
        raise ValidationError.from_exception_data("StudyConfig", [wrong])


def _name(arm: ArmConfig) -> str:
    return f"{arm.init}-{arm.adaptation}"


def _refuse_repeats(name: str, values: Iterable[object]) -> None:
    repeated = [str(value) for value, times in Counter(values).items() if times > 1]
    if repeated:
        raise ValueError(f"{name} must differ from one another; repeated: {', '.join(repeated)}.")
