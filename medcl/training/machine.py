"""The one place that knows Lightning Fabric: devices, processes and precision of a run."""

from typing import Literal

import torch
from lightning_fabric import Fabric

from medcl.runtime.devices import choose_device
from medcl.training.recipe import Machine, Precision


def launch(machine: Machine) -> Fabric:
    """Return the handle on devices and processes, all of them started.

    Args:
        machine: Where and how to run.

    Returns:
        Fabric, launched.

    Raises:
        RequestError: CUDA was asked for and none is there.
    """
    device = choose_device(machine.device)
    fabric = Fabric(
        accelerator=device.type,
        devices=machine.processes,
        num_nodes=machine.nodes,
        strategy="ddp" if machine.processes * machine.nodes > 1 else "auto",
        precision=_precision(machine.precision, device),
    )
    fabric.launch()
    return fabric


def _precision(choice: Precision, device: torch.device) -> Literal["32-true", "bf16-mixed"]:
    if choice != "auto":
        return choice
    has_bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return "bf16-mixed" if has_bfloat16 else "32-true"
