"""Settings of `medcl pretrain`."""

from pathlib import Path

from medcl.config.cohort import CohortConfig, HoldOutConfig
from medcl.config.encoder import EncoderConfig
from medcl.config.machine import TrainingMachineConfig
from medcl.config.objective import NtXentConfig, ObjectiveConfig, ProjectorConfig
from medcl.config.policy import PolicyConfig, Task
from medcl.config.section import Name, Section
from medcl.config.training import TrackingConfig, TrainingConfig
from medcl.config.unknown import AcceptUnknown


class PretrainConfig(Section):
    """An encoder trained on unlabelled volumes of a store."""

    name: Name
    """Name of the run and of its folder"""
    store: Path
    """Folder of the volume store"""
    runs: Path = Path("runs")
    """Folder that holds the folders of runs"""
    cohort: CohortConfig = CohortConfig()
    """Which volumes are trained on"""
    hold_out: HoldOutConfig | None = None
    """Test patients of a coming study, left out of pretraining"""
    policy: PolicyConfig
    """The view policy, or the path of its file"""
    task: Task = "generic"
    """What the encoder is for; generic is the strictest"""
    accept_unknown: AcceptUnknown = ()
    """Quantities that nobody can vouch for, each with a justification"""
    encoder: EncoderConfig
    """The network"""
    projector: ProjectorConfig = ProjectorConfig()
    """Head between features and embeddings"""
    objective: ObjectiveConfig = NtXentConfig(name="nt_xent")
    """The loss"""
    training: TrainingConfig
    """Steps, batches, machine"""
    machine: TrainingMachineConfig = TrainingMachineConfig()
    """Device, threads, processes: how fast, not what"""
    tracking: TrackingConfig = TrackingConfig()
    """Where the run is shown"""
