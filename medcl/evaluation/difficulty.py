"""How hard the pretext task of a policy is: safe views that change nothing teach nothing.

Pairs of held-out patients are matched by an encoder with fresh weights, and again after a few
dozen steps. If fresh weights match them already, the task is trivial; if a short training does not
beat chance, it is not learnable at this size of encoder and views.

Legend: N pairs, E embedding dimensions, M = 2 N views.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Float64, Int

from medcl.augment import views
from medcl.augment.policy import Policy
from medcl.errors import InputError
from medcl.geometry.boxes import Box
from medcl.methods.contrastive import ContrastiveMethod
from medcl.methods.pairing import excluded_rows, patient_ids
from medcl.runtime.seeds import derive_seed, generator
from medcl.shapes import Embeddings, PatientIds, Points, RowMask, Views
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import read_boxes, read_lesions, source_of

Ranks = Int[np.ndarray, "M"]
Chances = Float64[np.ndarray, "M"]
Figures = Float[np.ndarray, "N"]
StepReport = Callable[[int], None]
"""Called with the number of steps done since the last call."""

FEWEST_PATIENTS = 4
"""Two to learn from, two to match."""

_FEWEST_PAIRS = 8
_TRIVIAL_FIRST, _TRIVIAL_POSITION = 0.9, 0.05
_REPEATS, _BATCH, _LEARNING_RATE = 2, 8, 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How well pairs are matched among all views of other patients.

    Attributes:
        r_at_1: Share of views whose partner is nearer than every other view.
        r_at_1_interval: Its 95 % interval, by bootstrap over pairs.
        mrr: Mean of one over the partner's rank.
        loss: Of the objective, in nats.
        loss_position: 0 at the least possible loss, 1 at that of embeddings that tell nothing.
    """

    r_at_1: float
    r_at_1_interval: tuple[float, float]
    mrr: float
    loss: float
    loss_position: float


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
    """

    num_pairs: int
    num_patients: int
    steps: int
    chance: Matching
    untrained: Matching
    trained: Matching | None
    verdict: str
    sentence: str

    def to_json(self) -> dict[str, object]:
        """Return plain dictionaries, lists, text and numbers."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMaker:
    """Draws and renders both views of some volumes.

    Attributes:
        store: Where the voxels are.
        policy: How views are drawn.
        seed: Of everything random.
        lesion_set: Set of label maps that marks lesions, for views that keep off them; without
            one lesions may be anywhere.
        lesions: By key of the volume, points of each of its lesions, for crops that mind them.
        device: Where to compute.
    """

    store: Store
    policy: Policy
    seed: int = 0
    lesion_set: str | None = None
    lesions: Mapping[str, tuple[Points, ...]] = field(default_factory=dict)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def pairs(self, rows: Sequence[VolumeRow], step: int) -> tuple[Views, Views, PatientIds]:
        """Return first views, second views and patients of volumes at a step."""
        sources = [source_of(row, self.lesions) for row in rows]
        drawn = [
            views.draw(self.policy, sources, seed=self.seed, step=step, view=view)
            for view in (0, 1)
        ]
        needed = list(zip(*(views.boxes(each) for each in drawn), strict=True))
        contents = [
            read_boxes(self.store, row.key, boxes) for row, boxes in zip(rows, needed, strict=True)
        ]
        lesions = [self._lesions(row, boxes) for row, boxes in zip(rows, needed, strict=True)]
        first, second = (
            views.render(
                each,
                [content[view][0] for content in contents],
                [content[view][1] for content in contents],
                [known[view] for known in lesions],
                device=self.device,
            )[0]
            for view, each in enumerate(drawn)
        )
        ids = patient_ids([row.patient_key for row in rows])
        return first, second, ids.to(self.device)

    def _lesions(self, row: VolumeRow, boxes: Sequence[Box]) -> Sequence[np.ndarray | None]:
        unknown: list[np.ndarray | None] = [None] * len(boxes)
        if self.lesion_set is None:
            return unknown
        return read_lesions(self.store, self.lesion_set, row.key, boxes) or unknown


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
    untrained = _matched(method, maker, chosen[half:])
    if steps:
        _train(method, maker, chosen[:half], steps=steps, report=report)
    trained = _matched(method, maker, chosen[half:]) if steps else None
    num_pairs = len(chosen) - half
    chance = _by_chance(method, num_pairs)
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
    )


def ranks_of_partners(z_a: Embeddings, z_b: Embeddings, *, excluded: RowMask) -> Ranks:
    """Return the rank of each view's partner among all views that are not excluded.

    Ties count against the partner, so that collapsed embeddings match nothing.

    Args:
        z_a: First views, shape ``(N, E)``.
        z_b: Second views, same shape and order.
        excluded: Shape ``(2N, 2N)``, True where two views show one patient in two pairs.

    Returns:
        Shape ``(2N,)``, from 1.

    Example:
        >>> none = torch.zeros(6, 6, dtype=torch.bool)
        >>> ranks_of_partners(torch.eye(3), torch.eye(3), excluded=none).tolist()
        [1, 1, 1, 1, 1, 1]
        >>> ranks_of_partners(torch.ones(3, 2), torch.ones(3, 2), excluded=none).tolist()
        [5, 5, 5, 5, 5, 5]
    """
    unit = torch.nn.functional.normalize(torch.cat([z_a, z_b]).double(), dim=1)
    cosine = unit @ unit.T
    half = len(z_a)
    partner = cosine.diagonal(half).tile(2)
    ends = torch.eye(half, dtype=torch.bool, device=cosine.device).tile(2, 2)
    others = cosine.masked_fill(ends | excluded, -2.0)
    return np.asarray(1 + (others >= partner[:, None] - 1e-12).sum(dim=1).cpu().numpy())


def judged(
    untrained: Matching,
    trained: Matching | None,
    *,
    chance: Matching,
    num_pairs: int,
    steps: int,
) -> tuple[str, str]:
    """Return the verdict and what it means.

    Args:
        untrained: Matching by fresh weights.
        trained: Matching after the steps.
        chance: What embeddings that tell nothing reach.
        num_pairs: Pairs that competed.
        steps: Steps taken.

    Returns:
        A word and a sentence.
    """
    if num_pairs < _FEWEST_PAIRS:
        return "unclear", (
            f"{num_pairs} pairs are too few for a verdict; volumes of more patients are needed."
        )
    fresh = f"an untrained encoder finds {100 * untrained.r_at_1:.0f} % of the partners"
    if untrained.r_at_1 >= _TRIVIAL_FIRST:
        return "trivial", (
            f"Trivial: {fresh} already, so there is little left to learn; views may differ more."
        )
    if trained is None:
        return "workable", f"Not trivial: {fresh}. Whether it can be learnt was not tried."
    after = f"after {steps} steps it finds {100 * trained.r_at_1:.0f} %"
    if trained.r_at_1 >= _TRIVIAL_FIRST and trained.loss_position <= _TRIVIAL_POSITION:
        return "trivial", f"Trivial: {after} at nearly the least loss; views may differ more."
    if trained.r_at_1_interval[0] <= chance.r_at_1:
        return "unlearnable", (
            f"Not learnt: {after}, which is not distinguishable from chance "
            f"({100 * chance.r_at_1:.0f} %); views may differ too much, or need a larger encoder."
        )
    return "workable", (
        f"Workable: {fresh}, {after}, with the loss at {trained.loss_position:.2f} of the way from "
        f"the least to that of chance."
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
        batch = [rows[place] for place in order[:_BATCH]]
        optimiser.zero_grad()
        method(*maker.pairs(batch, step)).loss.backward()
        torch.nn.utils.clip_grad_norm_(method.parameters(), 1.0)
        optimiser.step()
        if report is not None:
            report(1)


def _matched(method: ContrastiveMethod, maker: PairMaker, rows: Sequence[VolumeRow]) -> Matching:
    """Return how all pairs are matched at once, on draws that were not trained on."""
    method.eval()
    ranks, losses = [], []
    with torch.no_grad():
        for repeat in range(_REPEATS):
            first, second, ids = maker.pairs(rows, 1_000_000 + repeat)
            z_a, z_b = (
                torch.cat(
                    [method.projector(method.encoder(part)) for part in torch.split(half, _BATCH)]
                )
                for half in (first, second)
            )
            excluded = excluded_rows(ids)
            ranks.append(ranks_of_partners(z_a, z_b, excluded=excluded))
            losses.append(float(method.objective(z_a, z_b, excluded=excluded)))
    per_pair = np.stack(ranks).reshape(_REPEATS, 2, len(rows)).transpose(2, 0, 1)
    loss = float(np.mean(losses))
    floor, chance = (end(len(rows)) for end in (method.objective.floor, method.objective.chance))
    found = (per_pair == 1).mean(axis=(1, 2))
    return Matching(
        r_at_1=float(found.mean()),
        r_at_1_interval=_interval(found),
        mrr=float((1 / per_pair).mean()),
        loss=loss,
        loss_position=(loss - floor) / (chance - floor),
    )


def _interval(per_pair: Figures) -> tuple[float, float]:
    picks = np.random.default_rng(0).integers(0, len(per_pair), (1000, len(per_pair)))
    low, high = np.percentile(per_pair[picks].mean(axis=1), [2.5, 97.5]).tolist()
    return low, high


def _by_chance(method: ContrastiveMethod, num_pairs: int) -> Matching:
    candidates = 2 * num_pairs - 1
    first = 1 / candidates
    return Matching(
        r_at_1=first,
        r_at_1_interval=(first, first),
        mrr=float((1 / np.arange(1, candidates + 1)).mean()),
        loss=method.objective.chance(num_pairs),
        loss_position=1.0,
    )
