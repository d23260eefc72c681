"""Settings of `medcl embed`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from medcl.config.cohort import CohortConfig
from medcl.config.machine import MachineConfig
from medcl.config.section import Name, Section


class EmbedConfig(Section):
    """Features of volumes, as a Parquet table."""

    name: Name
    """Name of the run and of its folder"""
    store: Path
    """Folder of the volume store"""
    runs: Path = Path("runs")
    """Folder that holds the folders of runs"""
    encoder: Path
    """Folder of a delivered encoder; it brings its own grid and normalisation"""
    cohort: CohortConfig = CohortConfig()
    """Which volumes are embedded"""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 8
    """Volumes per forward pass"""
    machine: MachineConfig = MachineConfig()
    """Device, threads, processes: how fast, not what"""
