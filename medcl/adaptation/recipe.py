"""How few labels are learnt from: a fixed number of steps, no selection on test patients."""

from dataclasses import dataclass
from typing import Literal

from medcl.errors import RequestError

HeadStart = Literal["zero", "probe"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneRecipe:
    """Numbers of one fine-tuning; the defaults suit an encoder that was pretrained.

    The weights after the last step are the result, whatever the loss did on the way: with few
    labels there is no honest set to select on. An encoder from scratch gets the same recipe with
    ``encoder_rate=1`` and ``frozen_share=0``, as there is nothing in it to protect.

    Attributes:
        steps: Optimiser steps, at least 1.
        batch_size: Views per step, at least 1.
        learning_rate: Peak rate of the head, above 0.
        encoder_rate: Factor on it for the encoder, at least 0; 0 keeps the encoder frozen.
        frozen_share: Part of the steps, at the start, in which only the head learns, in
            ``[0, 1]`` (Kumar et al., ICLR 2022, arXiv:2202.10054: a random head distorts features).
        warmup_share: Part of the steps in which the rate rises, in ``[0, 1)``.
        weight_decay: Of AdamW, at least 0.
        clip_norm: Longest gradient, above 0.
        label_smoothing: Of cross-entropy, in ``[0, 1)``; classification only.
        is_balanced: Draw every class equally often; classification only.
        head_start: ``probe`` begins with the logistic regression on frozen features, ``zero``
            undecided; classification only.
        foreground_share: Part of the views that surely show a labelled structure, in ``[0, 1]``;
            segmentation only, where volumes are larger than views.
        seed: Of batches, views and new weights.
    """

    steps: int = 500
    batch_size: int = 16
    learning_rate: float = 1e-3
    encoder_rate: float = 0.1
    frozen_share: float = 0.15
    warmup_share: float = 0.1
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    label_smoothing: float = 0.1
    is_balanced: bool = True
    head_start: HeadStart = "zero"
    foreground_share: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers no fine-tuning could follow.

        Raises:
            RequestError: A number is outside the range described above.
        """
        ranges: dict[str, tuple[float, bool, str]] = {
            "steps": (self.steps, self.steps >= 1, "at least 1"),
            "batch_size": (self.batch_size, self.batch_size >= 1, "at least 1"),
            "learning_rate": (self.learning_rate, self.learning_rate > 0, "above 0"),
            "encoder_rate": (self.encoder_rate, self.encoder_rate >= 0, "at least 0"),
            "frozen_share": (self.frozen_share, 0 <= self.frozen_share <= 1, "in [0, 1]"),
            "warmup_share": (self.warmup_share, 0 <= self.warmup_share < 1, "in [0, 1)"),
            "weight_decay": (self.weight_decay, self.weight_decay >= 0, "at least 0"),
            "clip_norm": (self.clip_norm, self.clip_norm > 0, "above 0"),
            "label_smoothing": (self.label_smoothing, 0 <= self.label_smoothing < 1, "in [0, 1)"),
            "foreground_share": (
                self.foreground_share,
                0 <= self.foreground_share <= 1,
                "in [0, 1]",
            ),
        }
        broken = [
            f"{n} must be {text}, got {v}" for n, (v, holds, text) in ranges.items() if not holds
        ]
        if broken:
            raise RequestError("; ".join(broken) + ".")

    @property
    def frozen_steps(self) -> int:
        """Steps, at the start, in which the encoder does not learn; all if its rate is 0."""
        return self.steps if self.encoder_rate == 0 else round(self.frozen_share * self.steps)

    @property
    def warmup_steps(self) -> int:
        """Steps of linear rise."""
        return int(self.warmup_share * self.steps)
