"""Fine-tuning for a class per volume."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from medcl.adaptation.balance import batch_places
from medcl.adaptation.cases import ClassificationCase, ClassificationTask, cases_of
from medcl.adaptation.features import extract
from medcl.adaptation.fitting import Fitting, StepReport, silent
from medcl.adaptation.probe import fit_probe
from medcl.adaptation.recipe import FinetuneRecipe
from medcl.adaptation.shelf import Shelf
from medcl.augment.policy import Policy
from medcl.encoders.heads import classifier
from medcl.encoders.interface import Encoder
from medcl.runtime.seeds import derive_seed
from medcl.shapes import Views


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FinetunedClassifier:
    """What came of a fine-tuning.

    Attributes:
        encoder: A trained copy.
        head: The classifier on it.
        cases: One per test volume.
        losses: One per step.
    """

    encoder: Encoder
    head: nn.Linear
    cases: list[ClassificationCase]
    losses: list[float]


def finetune_classification(
    encoder: Encoder,
    task: ClassificationTask,
    *,
    policy: Policy,
    recipe: FinetuneRecipe,
    device: torch.device,
    report: StepReport = silent,
) -> FinetunedClassifier:
    """Train encoder and classifier on a labelled subset and predict the test volumes.

    Args:
        encoder: Where to start; it is copied, not changed.
        task: Labelled subset and test volumes.
        policy: How training views are drawn, safe for the task; without transforms they are
            plain. Test volumes are always seen by their plain view.
        recipe: The numbers.
        device: Where to compute.
        report: Called after each step.

    Returns:
        The network after the last step, and its predictions.

    Raises:
        RequestError: The probe to start from has only one class to see.
        MedclError: The loss is no longer a number.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        encoder = copy.deepcopy(encoder).to(device)
        head = classifier(encoder.num_features, num_classes=task.num_classes).to(device)
        if recipe.head_start == "probe":
            _start_from_probe(head, encoder, task, policy, recipe, device)
        learner = _Learner(task, policy, recipe, device)
        fitting = Fitting(encoder, head, recipe)
        losses = []
        for step in range(recipe.steps):
            torch.manual_seed(derive_seed(recipe.seed, "finetune", step))
            given, wanted = learner.batch(step)
            fitting.prepare(step)
            loss = F.cross_entropy(
                head(encoder(given)), wanted, label_smoothing=recipe.label_smoothing
            )
            losses.append(fitting.take(loss, step))
            report(step + 1, recipe.steps, losses[-1])
    encoder.requires_grad_(True)
    cases = _predict(encoder, head, task, policy, device)
    return FinetunedClassifier(encoder=encoder, head=head, cases=cases, losses=losses)


class _Learner:
    """Views of the labelled volumes with their classes."""

    def __init__(
        self,
        task: ClassificationTask,
        policy: Policy,
        recipe: FinetuneRecipe,
        device: torch.device,
    ) -> None:
        self._policy, self._recipe, self._device = policy, recipe, device
        self._shelf = Shelf(task.store, [case.row for case in task.train])
        self._targets = [case.target for case in task.train]

    def batch(self, step: int) -> tuple[Views, torch.Tensor]:
        """Return views ``(B, C, X, Y, Z)`` and their classes ``(B,)``."""
        recipe = self._recipe
        places = batch_places(
            self._targets,
            step=step,
            batch_size=recipe.batch_size,
            is_balanced=recipe.is_balanced,
            seed=recipe.seed,
        )
        drawn = self._shelf.draw(self._policy, places, seed=recipe.seed, step=step)
        wanted = torch.tensor([self._targets[place] for place in places], device=self._device)
        return self._shelf.render(drawn, device=self._device), wanted


def _start_from_probe(
    head: nn.Linear,
    encoder: Encoder,
    task: ClassificationTask,
    policy: Policy,
    recipe: FinetuneRecipe,
    device: torch.device,
) -> None:
    rows = [case.row for case in task.train]
    probe = fit_probe(
        extract(encoder, store=task.store, rows=rows, policy=policy, device=device),
        np.array([case.target for case in task.train]),
        [row.patient_key for row in rows],
        num_classes=task.num_classes,
        is_balanced=recipe.is_balanced,
        seed=recipe.seed,
    )
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(probe.weight))
        head.bias.copy_(torch.from_numpy(probe.bias))


def _predict(
    encoder: Encoder,
    head: nn.Linear,
    task: ClassificationTask,
    policy: Policy,
    device: torch.device,
) -> list[ClassificationCase]:
    rows = [case.row for case in task.test]
    features = extract(encoder, store=task.store, rows=rows, policy=policy, device=device)
    with torch.no_grad():
        logits = head(torch.from_numpy(features).to(device)).double()
        scores = torch.softmax(logits, dim=1).cpu().numpy()
    return cases_of(task.test, scores)
