"""Settings of `medcl audit`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from medcl.config.cohort import CohortConfig
from medcl.config.machine import MachineConfig
from medcl.config.policy import PolicyConfig, Task
from medcl.config.section import Count, Name, Section, Seed
from medcl.config.training import TrackingConfig
from medcl.config.unknown import AcceptUnknown


class ContactSheetConfig(Section):
    """The picture of views beside their originals."""

    volumes: Annotated[int, Field(ge=1, le=64)] = 6
    """Rows: volumes shown"""
    views: Annotated[int, Field(ge=1, le=16)] = 4
    """Columns beside the original: views of each"""


class AuditConfig(Section):
    """A policy measured on volumes of a store."""

    name: Name
    """Name of the run and of its folder"""
    store: Path
    """Folder of the volume store"""
    runs: Path = Path("runs")
    """Folder that holds the folders of runs"""
    cohort: CohortConfig = CohortConfig()
    """Which volumes may be measured"""
    policy: PolicyConfig
    """The policy to measure, or the path of its file"""
    task: Task = "generic"
    """What the encoder is for; generic is the strictest"""
    accept_unknown: AcceptUnknown = ()
    """Quantities that nobody can vouch for, each with a justification"""
    volumes: Count = 20
    """Volumes measured, of different patients where there are enough"""
    views_per_volume: Count = 4
    """Random pairs of views drawn from each"""
    seed: Seed = 0
    """Decides volumes and views"""
    contact_sheet: ContactSheetConfig = ContactSheetConfig()
    """The picture of views"""
    machine: MachineConfig = MachineConfig()
    """Device, threads, processes: how fast, not what"""
    tracking: TrackingConfig = TrackingConfig()
    """Where the audit is shown"""
