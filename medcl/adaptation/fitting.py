"""The steps that both kinds of fine-tuning take: head first, then the encoder, gently."""

from collections.abc import Callable

import torch
from torch import nn

from medcl.adaptation.recipe import FinetuneRecipe
from medcl.errors import MedclError
from medcl.runtime.schedules import warmup_cosine

StepReport = Callable[[int, int, float], None]
"""Called after each step with steps taken, steps in all, and the loss."""


def silent(_step: int, _steps: int, _loss: float) -> None:
    """Report nothing."""


class Fitting:
    """AdamW on an encoder and what stands on it, under a `FinetuneRecipe`.

    While the encoder is frozen it is in evaluation mode and without gradients, so that nothing in
    it changes, running statistics included.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, recipe: FinetuneRecipe) -> None:
        """Make the optimiser.

        Args:
            encoder: May be a part of ``head``.
            head: All that learns at the full rate, except for the encoder in it.
            recipe: The numbers.
        """
        self._encoder, self._head, self._recipe = encoder, head, recipe
        inner = {id(parameter) for parameter in encoder.parameters()}
        outer = [parameter for parameter in head.parameters() if id(parameter) not in inner]
        self._rates = [recipe.learning_rate, recipe.learning_rate * recipe.encoder_rate]
        self._optimizer = torch.optim.AdamW(
            [{"params": outer}, {"params": list(encoder.parameters())}],
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )

    def prepare(self, step: int) -> None:
        """Set modes and rates for a step.

        Args:
            step: Steps taken so far.
        """
        recipe = self._recipe
        learns = step >= recipe.frozen_steps
        self._head.train()
        self._encoder.train(learns).requires_grad_(learns)
        factor = warmup_cosine(step, steps=recipe.steps, warmup_steps=recipe.warmup_steps)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def take(self, loss: torch.Tensor, step: int) -> float:
        """Take the step.

        Args:
            loss: With gradient.
            step: Steps taken so far.

        Returns:
            The loss as a number.

        Raises:
            MedclError: The loss is not finite; the weights are left alone.
        """
        value = float(loss.item())
        if not torch.isfinite(loss).item():
            raise MedclError(
                f"The loss of step {step + 1} must be a number, but is not finite. A lower "
                "learning_rate helps most often."
            )
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        learning = [p for group in self._optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(learning, self._recipe.clip_norm)
        self._optimizer.step()
        return value
