"""Which of several processes this one is."""

import os


def is_first_process() -> bool:
    """Return whether this process writes what a run leaves behind.

    Launchers (torchrun, SLURM) tell each process its rank by an environment variable; a process
    that was told nothing is the only one.

    Example:
        >>> is_first_process()
        True
    """
    rank = os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))
    return rank == "0"
