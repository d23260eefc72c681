"""The bench on which cells are run: one split, one store, and the encoders that arms start from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import nn

from medcl.adaptation.cases import (
    ClassificationTask,
    Labelled,
    SegmentationCase,
    SegmentationTask,
)
from medcl.adaptation.features import FeatureTable, extract
from medcl.adaptation.finetune_classification import finetune_classification
from medcl.adaptation.finetune_segmentation import finetune_segmentation
from medcl.adaptation.probe import fit_probe
from medcl.adaptation.recipe import FinetuneRecipe
from medcl.adaptation.voxel_baseline import VoxelPyramid, voxel_features
from medcl.adaptation.voxel_probe import probe_segmentation
from medcl.augment.policy import Policy
from medcl.encoders.interface import Encoder
from medcl.evaluation.segmentation import dice_per_class
from medcl.shapes import LabelMap
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.study.cells import SCRATCH, Arm, Cell
from medcl.study.scores import CaseTable, classification_table, segmentation_table
from medcl.study.split import LabelledVolume, Split
from medcl.study.subsets import subset

Kind = Literal["classification", "segmentation"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Adapted:
    """What came of one cell.

    Attributes:
        cases: One per test volume, in the order of the split.
        weights: Of the whole model by name, on the CPU: ``encoder.…``, ``head.…`` or
            ``decoder.…``; of a probe of classes ``head.weight`` and ``head.bias`` on raw features,
            of a probe of label maps ``maps.…``, ``weights.…`` (one per level) and ``bias``.
        losses: One per step; none of a probe.
    """

    cases: CaseTable
    weights: Mapping[str, torch.Tensor]
    losses: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bench:
    """Everything that the cells of one study share.

    Attributes:
        store: Where the voxels are.
        policy: Grid, window and training views.
        split: Who may be learnt from and who is tested.
        kind: What a label is.
        label_set: Name of the labels in the store.
        num_classes: ``K``, with the background for segmentation.
        min_per_class: Labelled patients of each class in every subset.
        encoder_of: Init name and seed → encoder; the seed decides fresh weights only.
        recipe_of: Arm and seed → numbers of a fine-tuning.
        is_balanced: Weigh classes in logistic regression by the inverse of their frequency.
        device: Where to compute.
    """

    store: Store
    policy: Policy
    split: Split
    kind: Kind
    label_set: str
    num_classes: int
    min_per_class: int
    encoder_of: Callable[[str, int], Encoder]
    recipe_of: Callable[[Arm, int], FinetuneRecipe]
    is_balanced: bool
    device: torch.device
    _features: dict[tuple[str, int], dict[str, np.ndarray]] = field(default_factory=dict)

    def run(self, cell: Cell) -> Adapted:
        """Adapt on the cell's labelled subset and predict every test volume.

        Args:
            cell: Arm, number of labelled patients, seed.

        Returns:
            Predictions and weights.
        """
        chosen = subset(
            self.split.train,
            num_patients=cell.num_labels,
            seed=cell.seed,
            min_per_class=self.min_per_class,
        )
        if self.kind == "segmentation":
            return self._segment(cell, chosen)
        if cell.arm.adaptation in {"probe", "voxels"}:
            return self._probe(cell, chosen)
        return self._finetune(cell, chosen)

    def _probe(self, cell: Cell, chosen: Sequence[LabelledVolume]) -> Adapted:
        probe = fit_probe(
            self._features_of(cell, chosen),
            _targets(chosen),
            [volume.patient_key for volume in chosen],
            num_classes=self.num_classes,
            is_balanced=self.is_balanced,
            seed=cell.seed,
        )
        test = self.split.test
        cases = classification_table(
            [volume.key for volume in test],
            [volume.patient_key for volume in test],
            targets=_targets(test),
            scores=probe.scores(self._features_of(cell, test)),
        )
        weights = {"head.weight": probe.weight, "head.bias": probe.bias}
        return Adapted(
            cases=cases,
            weights={name: torch.from_numpy(array) for name, array in weights.items()},
        )

    def _finetune(self, cell: Cell, chosen: Sequence[LabelledVolume]) -> Adapted:
        tuned = finetune_classification(
            self.encoder_of(cell.arm.init, cell.seed),
            ClassificationTask(
                store=self.store,
                num_classes=self.num_classes,
                train=self._labelled(chosen),
                test=self._labelled(self.split.test),
            ),
            policy=self.policy,
            recipe=self.recipe_of(cell.arm, cell.seed),
            device=self.device,
        )
        cases = classification_table(
            [case.key for case in tuned.cases],
            [case.patient_key for case in tuned.cases],
            targets=[case.target for case in tuned.cases],
            scores=[case.scores for case in tuned.cases],
        )
        parts = nn.ModuleDict({"encoder": tuned.encoder, "head": tuned.head})
        return Adapted(cases=cases, weights=_weights(parts), losses=tuned.losses)

    def _segment(self, cell: Cell, chosen: Sequence[LabelledVolume]) -> Adapted:
        task = SegmentationTask(
            store=self.store,
            label_set=self.label_set,
            num_classes=self.num_classes,
            train=self._rows(chosen),
            test=self._rows(self.split.test),
        )
        measure = partial(_dice, num_classes=self.num_classes)
        if cell.arm.adaptation in {"probe", "voxels"}:
            found = probe_segmentation(
                self._maps(cell, task.train[0].num_channels),
                task,
                policy=self.policy,
                seed=cell.seed,
                device=self.device,
                measure=measure,
            )
            return Adapted(cases=_segmented(found.cases), weights=_weights(found.network))
        tuned = finetune_segmentation(
            self.encoder_of(cell.arm.init, cell.seed),
            task,
            policy=self.policy,
            recipe=self.recipe_of(cell.arm, cell.seed),
            device=self.device,
            measure=measure,
        )
        return Adapted(
            cases=_segmented(tuned.cases), weights=_weights(tuned.network), losses=tuned.losses
        )

    def _maps(self, cell: Cell, in_channels: int) -> Encoder | VoxelPyramid:
        if cell.arm.adaptation == "voxels":
            return VoxelPyramid(in_channels)
        return self.encoder_of(cell.arm.init, cell.seed).to(self.device)

    def _features_of(self, cell: Cell, volumes: Sequence[LabelledVolume]) -> FeatureTable:
        """Return features in the order of volumes; each volume is seen once per encoder."""
        seed = cell.seed if cell.arm.init == SCRATCH else 0
        known = self._features.setdefault((cell.arm.init, seed), {})
        missing = [volume for volume in volumes if volume.key not in known]
        if missing:
            rows = self._rows(missing)
            found = self._extract(cell.arm, seed, rows)
            known.update(zip([row.key for row in rows], found, strict=True))
        return np.stack([known[volume.key] for volume in volumes])

    def _extract(self, arm: Arm, seed: int, rows: Sequence[VolumeRow]) -> FeatureTable:
        if arm.adaptation == "voxels":
            return voxel_features(
                store=self.store, rows=rows, policy=self.policy, device=self.device
            )
        return extract(
            self.encoder_of(arm.init, seed).to(self.device),
            store=self.store,
            rows=rows,
            policy=self.policy,
            device=self.device,
        )

    def _rows(self, volumes: Sequence[LabelledVolume]) -> list[VolumeRow]:
        return [self.store.row(volume.key) for volume in volumes]

    def _labelled(self, volumes: Sequence[LabelledVolume]) -> list[Labelled]:
        pairs = zip(self._rows(volumes), _targets(volumes), strict=True)
        return [Labelled(row=row, target=int(target)) for row, target in pairs]


def _targets(volumes: Sequence[LabelledVolume]) -> np.ndarray:
    return np.array([-1 if v.target is None else v.target for v in volumes], dtype=np.int64)


def _segmented(cases: Sequence[SegmentationCase]) -> CaseTable:
    return segmentation_table(
        [case.key for case in cases],
        [case.patient_key for case in cases],
        dice=[case.dice for case in cases],
    )


def _weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu() for name, value in module.state_dict().items()}


def _dice(found: LabelMap, truth: LabelMap, *, num_classes: int) -> Sequence[float]:
    values: list[float] = dice_per_class(found, truth, num_classes=num_classes).tolist()
    return values
