"""Settings of `medcl audit`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from medcl.config.cohort import CohortConfig
from medcl.config.encoder import EncoderConfig, ResidualConfig
from medcl.config.machine import MachineConfig
from medcl.config.objective import NtXentConfig, ObjectiveConfig
from medcl.config.policy import PolicyConfig, Task
from medcl.config.section import Count, Name, Section, Seed
from medcl.config.training import TrackingConfig
from medcl.config.unknown import AcceptUnknown


class ContactSheetConfig(Section):
    """The pictures of views beside their originals."""

    volumes: Annotated[int, Field(ge=1, le=64)] = 6
    """Volumes shown; 12 or more for a page that is signed"""
    draws: Annotated[int, Field(ge=1, le=256)] = 16
    """Random draws of each, of which the median and the largest change are shown"""


class DifficultyConfig(Section):
    """How hard the pairs are to match: for fresh weights and after a short training."""

    steps: Annotated[int, Field(ge=0, le=10_000)] = 30
    """Optimiser steps of 8 pairs; 0 asks fresh weights only"""
    volumes: Annotated[int, Field(ge=4, le=4096)] = 40
    """Volumes, of different patients; half of them are matched, the others trained on"""
    encoder: EncoderConfig = ResidualConfig(name="residual", width=8)
    """The encoder that tries; a small one says enough"""
    objective: ObjectiveConfig = NtXentConfig(name="nt_xent")
    """The loss whose place between floor and chance is told"""


class EncoderProbeConfig(Section):
    """What a pretrained encoder is asked, where one is given."""

    volumes: Annotated[int, Field(ge=5, le=4096)] = 100
    """Volumes shown, of different patients where there are enough"""


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
    """Volumes, and pairs of two series, measured; of different patients where there are enough"""
    views_per_volume: Count = 4
    """Random pairs of views drawn from each"""
    seed: Seed = 0
    """Decides volumes and views"""
    lesion_set: Name | None = None
    """Set of label maps whose every class but 0 marks lesions: kept off, measured and outlined"""
    difficulty: DifficultyConfig = DifficultyConfig()
    """How hard the pairs are to match"""
    encoder: Path | None = None
    """Folder of a pretrained encoder to be probed; medcl audit --encoder sets it"""
    probe: EncoderProbeConfig = EncoderProbeConfig()
    """What that encoder is asked"""
    contact_sheet: ContactSheetConfig = ContactSheetConfig()
    """The pictures of views"""
    machine: MachineConfig = MachineConfig()
    """Device, threads, processes: how fast, not what"""
    tracking: TrackingConfig = TrackingConfig()
    """Where the audit is shown"""
