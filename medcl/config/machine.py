"""Settings of where and how fast a run goes; none of them changes what it finds."""

from typing import Annotated, Literal

from pydantic import Field

from medcl.config.section import Count, Positive, Section

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bf16"]
Threads = Annotated[int, Field(ge=1, le=256)]


class MachineConfig(Section):
    """One process on one device."""

    device: Device = "auto"
    """auto takes a CUDA device where there is one"""
    reader_threads: Threads = 2
    """Threads that read volumes from the store"""


class TrainingMachineConfig(Section):
    """Where and how pretraining goes."""

    device: Device = "auto"
    """auto takes a CUDA device where there is one"""
    precision: Precision = "auto"
    """auto takes bf16 on a GPU that has it in hardware, float32 elsewhere"""
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes per node, one per GPU"""
    nodes: Annotated[int, Field(ge=1, le=4096)] = 1
    """Machines that train together"""
    reader_threads: Threads = 2
    """Readers per process that read ahead"""
    readers: Literal["auto", "threads", "processes"] = "auto"
    """auto reads in processes for a GPU, which threads cannot feed, and in threads otherwise"""
    compile: Literal["auto", "on", "off"] = "auto"
    """Compile the kernels that make views; auto does where it saves more time than it takes. Views
    are the same within rounding"""
    prefetch_steps: Annotated[int, Field(ge=1, le=64)] = 2
    """Batches read ahead"""
    device_cache_gib: Annotated[float, Field(ge=0, le=4096)] = 0.0
    """Memory of the device in which the whole cohort is kept, if it fits; views are the same"""
    checkpoint_every_steps: Count = 1000
    """Steps between checkpoints"""
    checkpoint_every_s: Positive = 600.0
    """Seconds after which a checkpoint is written whatever the step"""
    log_every_steps: Count = 10
    """Steps between progress reports and logged metrics"""


class StudyMachineConfig(Section):
    """Where and how the cells of a study go."""

    device: Device = "auto"
    """auto takes a CUDA device where there is one"""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that work on cells at once"""
    scheduler: str | None = None
    """Address of a Dask scheduler, instead of local processes"""
    reader_threads: Threads = 2
    """Threads per worker that read volumes from the store"""
