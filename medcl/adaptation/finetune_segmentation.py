"""Fine-tuning for a class per voxel."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from monai.losses.dice import DiceCELoss

from medcl.adaptation.balance import batch_places
from medcl.adaptation.cases import SegmentationCase, SegmentationTask
from medcl.adaptation.fitting import Fitting, StepReport, silent
from medcl.adaptation.foreground import foreground_body, foreground_voxels
from medcl.adaptation.recipe import FinetuneRecipe
from medcl.adaptation.segment import Measure, measured
from medcl.adaptation.shelf import Shelf
from medcl.augment import views
from medcl.augment.policy import Policy
from medcl.augment.views import Drawn
from medcl.encoders.decoder import PyramidDecoder
from medcl.encoders.interface import Encoder
from medcl.errors import RequestError
from medcl.geometry.boxes import Box
from medcl.runtime import seeds
from medcl.shapes import Views


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FinetunedSegmenter:
    """What came of a fine-tuning.

    Attributes:
        network: Encoder and decoder; the encoder is a trained copy.
        cases: One per test volume.
        losses: One per step.
    """

    network: PyramidDecoder
    cases: list[SegmentationCase]
    losses: list[float]


def finetune_segmentation(
    encoder: Encoder,
    task: SegmentationTask,
    *,
    policy: Policy,
    recipe: FinetuneRecipe,
    device: torch.device,
    measure: Measure,
    report: StepReport = silent,
) -> FinetunedSegmenter:
    """Train encoder and decoder on labelled volumes and measure the test volumes.

    Args:
        encoder: Where to start; it is copied, not changed.
        task: Labelled subset and test volumes.
        policy: How training views are drawn, safe for the task; its grid is the window slid over
            test volumes. Volumes larger than it need a crop in it to be seen all over.
        recipe: The numbers.
        device: Where to compute.
        measure: Dice of each foreground class for a predicted and a true map.
        report: Called after each step.

    Returns:
        The network after the last step, and how well it did on each test volume.

    Raises:
        RequestError: A map holds a class that the task does not know, or the encoder cannot take
            views of this size apart and put them together again.
        MedclError: The loss is no longer a number.
    """
    _require_multiple(encoder, policy)
    learner = _Learner(task, policy, recipe, device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seeds.derive_seed(recipe.seed, "decoder"))
        network = PyramidDecoder(copy.deepcopy(encoder), num_classes=task.num_classes).to(device)
        fitting = Fitting(network.encoder, network, recipe)
        objective = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False)
        losses = []
        for step in range(recipe.steps):
            torch.manual_seed(seeds.derive_seed(recipe.seed, "finetune", step))
            given, wanted = learner.batch(step)
            fitting.prepare(step)
            losses.append(fitting.take(objective(network(given), wanted), step))
            report(step + 1, recipe.steps, losses[-1])
    network.requires_grad_(True)
    cases = measured(network, task, policy=policy, device=device, measure=measure)
    return FinetunedSegmenter(network=network, cases=cases, losses=losses)


def _require_multiple(encoder: Encoder, policy: Policy) -> None:
    multiple, size = encoder.size_multiple, policy.grid.size_voxels
    if any(voxels % multiple for voxels in size):
        raise RequestError(
            f"For segmentation this encoder needs views in multiples of {multiple} voxels, but the "
            f"grid of the policy is {size}."
        )


class _Learner:
    """Views of the labelled volumes with their labels."""

    def __init__(
        self, task: SegmentationTask, policy: Policy, recipe: FinetuneRecipe, device: torch.device
    ) -> None:
        self._policy, self._recipe, self._device = policy, recipe, device
        self._shelf = Shelf(task.store, task.train)
        self._maps = [task.store.read_label_map(task.label_set, row.key) for row in task.train]
        highest = max(int(labels.max()) for labels in self._maps)
        if highest >= task.num_classes:
            raise RequestError(
                f"Label maps must hold classes from 0 to {task.num_classes - 1}; a map of the "
                f"labelled subset holds class {highest}."
            )
        self._foreground = [foreground_voxels(labels, seed=recipe.seed) for labels in self._maps]

    def batch(self, step: int) -> tuple[Views, torch.Tensor]:
        """Return views ``(B, C, X, Y, Z)`` and their classes ``(B, 1, X, Y, Z)``."""
        seed, size = self._recipe.seed, self._recipe.batch_size
        targets = [0] * len(self._maps)
        places = batch_places(targets, step=step, batch_size=size, is_balanced=False, seed=seed)
        bodies = [self._body(place, step, slot) for slot, place in enumerate(places)]
        drawn = self._shelf.draw(self._policy, places, seed=seed, step=step, bodies=bodies)
        labels = self._labels(drawn, places)
        return self._shelf.render(drawn, device=self._device), labels

    def _body(self, place: int, step: int, slot: int) -> Box | None:
        draw = seeds.generator(self._recipe.seed, "body", step, slot)
        if draw.random() >= self._recipe.foreground_share:
            return None
        row, voxels = self._shelf.rows[place], self._foreground[place]
        return foreground_body(row, self._policy.grid, voxels, draw=draw)

    def _labels(self, drawn: Drawn, places: Sequence[int]) -> torch.Tensor:
        cuts = [
            np.asarray(self._maps[place][box.slices])
            for place, box in zip(places, views.boxes(drawn), strict=True)
        ]
        return views.render_labels(drawn, cuts, device=self._device)[:, None]
