"""AdamW, whose rate is set from the step each time."""

import torch
from torch import nn

from medcl.runtime.schedules import warmup_cosine
from medcl.training.recipe import Recipe


def adamw(module: nn.Module, *, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW that decays matrices and kernels but no biases and norms.

    Args:
        module: Whose parameters to train.
        learning_rate: Peak rate.
        weight_decay: Of all parameters with two or more axes.

    Returns:
        The optimiser.

    References:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
        arXiv:1711.05101.

    Example:
        >>> optimizer = adamw(nn.Linear(2, 2), learning_rate=0.1, weight_decay=0.5)
        >>> [group["weight_decay"] for group in optimizer.param_groups]
        [0.5, 0.0]
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate)


def set_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, step: int) -> float:
    """Return the learning rate of a step, see `warmup_cosine`, after setting it."""
    factor = warmup_cosine(step, steps=recipe.steps, warmup_steps=recipe.warmup_steps)
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * factor
    return recipe.learning_rate * factor
