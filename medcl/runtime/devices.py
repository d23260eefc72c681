"""Which device a run uses."""

from typing import Literal

import torch

from medcl.errors import RequestError
from medcl.runtime.memory import keep_freed_memory

DeviceChoice = Literal["auto", "cpu", "cuda"]


def choose_device(choice: DeviceChoice) -> torch.device:
    """Return the device for a choice; where it is the CPU, make its memory ready for a long run.

    Args:
        choice: ``auto`` takes a CUDA device where there is one.

    Returns:
        A torch device.

    Raises:
        RequestError: CUDA was asked for and none is there.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    if choice == "cuda" and not torch.cuda.is_available():
        raise RequestError("device: cuda was asked for, but torch finds no CUDA device here.")
    if choice == "auto":
        choice = "cuda" if torch.cuda.is_available() else "cpu"
    if choice == "cpu":
        keep_freed_memory()
    return torch.device(choice)
