"""Settings of `medcl finetune`."""

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from medcl.config.cohort import CohortConfig, TestConfig
from medcl.config.encoder import EncoderConfig
from medcl.config.machine import MachineConfig
from medcl.config.policy import PolicyConfig, Task
from medcl.config.section import Count, Name, Section, Seed
from medcl.config.training import FinetuneSettings, ProbeConfig, TrackingConfig
from medcl.config.unknown import AcceptUnknown

Kind = Literal["classification", "segmentation"]
Adaptation = Literal["probe", "frozen", "finetune"]


class FinetuneConfig(Section):
    """One model from an encoder and labels."""

    name: Name
    """Name of the run and of its folder"""
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
    """What the labels mean; the encoder's policy is checked against it"""
    accept_unknown: AcceptUnknown = ()
    """Quantities that nobody can vouch for, each with a justification"""
    test: TestConfig
    """Patients that the model is measured on"""
    num_labels: Count | None = None
    """Labelled patients to learn from; all by default"""
    seed: Seed = 0
    """Decides the labelled subset, new weights and batches"""
    encoder: Path | None = None
    """Folder of a delivered encoder; random weights without one"""
    architecture: EncoderConfig | None = None
    """The network, where the weights are random"""
    adaptation: Adaptation = "finetune"
    """probe: logistic regression on frozen features, of label maps on the maps at single voxels;
    frozen: a new head or decoder only; finetune: all"""
    policy: PolicyConfig
    """Grid, window and views for training with labels, or the path of their file"""
    probe: ProbeConfig = ProbeConfig()
    """Used by adaptation probe"""
    finetune: FinetuneSettings = FinetuneSettings()
    """Used by adaptations frozen and finetune"""
    machine: MachineConfig = MachineConfig()
    """Device, threads, processes: how fast, not what"""
    tracking: TrackingConfig = TrackingConfig()
    """Where the run is shown"""

    @model_validator(mode="after")
    def _one_origin_of_weights(self) -> "FinetuneConfig":
        if (self.encoder is None) == (self.architecture is None):
            raise ValueError(
                "give either encoder (a delivered encoder) or architecture (random weights)."
            )
        return self
