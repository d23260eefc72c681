"""How hard the pretext task of a policy is: safe views that change nothing teach nothing.

Pairs of held-out patients are matched by an encoder with fresh weights, and again after a few
dozen steps. If fresh weights match them already, the task is trivial; if a short training does not
beat chance, it is not learnable at this size of encoder and views.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch

from medcl.errors import InputError
from medcl.evaluation.difficulty.matching import (
    BATCH,
    Matching,
    matching_by_chance,
    matching_of,
    share_of_two,
)
from medcl.evaluation.difficulty.pairs import PairMaker
from medcl.evaluation.difficulty.verdict import judged
from medcl.methods.contrastive import ContrastiveMethod
from medcl.runtime.seeds import derive_seed, generator
from medcl.store.rows import VolumeRow

StepReport = Callable[[int], None]
"""Called with the number of steps done since the last call."""

FEWEST_PATIENTS = 4
"""Two to learn from, two to match."""

_LEARNING_RATE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """The difficulty of a policy's pairs.

    Attributes:
        num_pairs: Pairs that compete at once; R@1 by chance falls with it.
        num_patients: Held-out patients they are of.
        steps: Optimiser steps on other patients.
        chance: What embeddings that tell nothing reach.
        untrained: Matching by fresh weights.
        trained: Matching after the steps; ``None`` without steps.
        verdict: ``trivial``, ``workable``, ``unlearnable``, or ``unclear`` for too few pairs.
        sentence: The verdict for people.
        partner_share: Part of the matched pairs whose second view was of another series; ``None``
            for a policy without partners.
    """

    num_pairs: int
    num_patients: int
    steps: int
    chance: Matching
    untrained: Matching
    trained: Matching | None
    verdict: str
    sentence: str
    partner_share: float | None = None

    @property
    def partner_sentence(self) -> str | None:
        """How many of the pairs had a partner, or ``None`` for a policy without partners."""
        if self.partner_share is None:
            return None
        return (
            f"Of {100 * self.partner_share:.0f} % of the pairs whose difficulty was measured the "
            "second view was of another series, as in pretraining."
        )

    def to_json(self) -> dict[str, object]:
        """Return plain dictionaries, lists, text and numbers."""
        return {**asdict(self), "partner_sentence": self.partner_sentence}


def measure_difficulty(
    method: ContrastiveMethod,
    maker: PairMaker,
    *,
    rows: Sequence[VolumeRow],
    steps: int,
    report: StepReport | None = None,
) -> Difficulty:
    """Match pairs of views before and after a short training on other patients.

    Args:
        method: With fresh weights; trained in place.
        maker: Of the pairs.
        rows: Volumes; of each patient the first one counts.
        steps: Optimiser steps of 8 pairs; 0 measures fresh weights only, on all patients.
        report: Called as steps are done.

    Returns:
        Figures and verdict.

    Raises:
        InputError: There are fewer than 4 patients.
    """
    owners = {row.patient_key: row for row in reversed(rows)}
    chosen = sorted(
        owners.values(), key=lambda row: derive_seed(maker.seed, "difficulty", row.word)
    )
    if len(chosen) < FEWEST_PATIENTS:
        raise InputError(
            f"Difficulty needs volumes of {FEWEST_PATIENTS} patients or more, got {len(chosen)}."
        )
    half = len(chosen) // 2 if steps else 0
    method = method.to(maker.device)
    untrained = matching_of(method, maker, chosen[half:])
    if steps:
        _train(method, maker, chosen[:half], steps=steps, report=report)
    trained = matching_of(method, maker, chosen[half:]) if steps else None
    num_pairs = len(chosen) - half
    chance = matching_by_chance(method, num_pairs)
    verdict, sentence = judged(untrained, trained, chance=chance, num_pairs=num_pairs, steps=steps)
    return Difficulty(
        num_pairs=num_pairs,
        num_patients=num_pairs,
        steps=steps,
        chance=chance,
        untrained=untrained,
        trained=trained,
        verdict=verdict,
        sentence=sentence,
        partner_share=None if maker.policy.partner is None else share_of_two(maker, chosen[half:]),
    )


def _train(
    method: ContrastiveMethod,
    maker: PairMaker,
    rows: Sequence[VolumeRow],
    *,
    steps: int,
    report: StepReport | None,
) -> None:
    method.train()
    optimiser = torch.optim.AdamW(method.parameters(), lr=_LEARNING_RATE)
    for step in range(steps):
        order = generator(maker.seed, "difficulty batch", step).permutation(len(rows))
        batch = [rows[place] for place in order[:BATCH]]
        optimiser.zero_grad()
        method(*maker.pairs(batch, step)).loss.backward()
        torch.nn.utils.clip_grad_norm_(method.parameters(), 1.0)
        optimiser.step()
        if report is not None:
            report(1)
