"""The bench of a study, or of one fine-tuning, from its settings: split, encoders, recipes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import torch

from medcl.adaptation.recipe import FinetuneRecipe
from medcl.build.cohorts import cohort_rows, labelled_volumes, split_of
from medcl.build.networks import encoder_of, require_sizes
from medcl.build.policies import policy_of, stored_modality
from medcl.build.recipes import finetune_recipe_of
from medcl.config.encoder import EncoderConfig
from medcl.config.finetune import FinetuneConfig
from medcl.config.study import StudyConfig
from medcl.encoders.families import rebuild
from medcl.encoders.interface import Encoder
from medcl.errors import InputError, RequestError
from medcl.runtime.devices import choose_device
from medcl.runtime.seeds import derive_seed
from medcl.store.store import Store
from medcl.study.bench import Bench
from medcl.study.cells import SCRATCH, Arm
from medcl.study.split import LabelledVolume, Split, require_classes

LabelledConfig = StudyConfig | FinetuneConfig
"""Settings of stages that learn from labels."""


def labelled_split(store: Store, config: LabelledConfig) -> Split:
    """Return who may be learnt from and who is tested.

    The split is drawn from all volumes of the label set, exactly as a pretraining that holds
    these patients out draws it; the cohort then narrows both sides.

    Args:
        store: The catalogue.
        config: Settings of the study.

    Returns:
        Training and test volumes of the cohort.

    Raises:
        InputError: The labels are not of the kind that was asked for, a side is empty, or a side
            lacks a class (of label maps: every class but 0).
    """
    rows = cohort_rows(store, config.cohort, modality=stored_modality(policy_of(config.policy)))
    chosen = {row.key for row in rows}
    volumes = labelled_volumes(store, config.label_set)
    _require_kind(volumes, config)
    parts = split_of(volumes, config.test)
    train = tuple(volume for volume in parts.train if volume.key in chosen)
    test = tuple(volume for volume in parts.test if volume.key in chosen)
    if not train or not test:
        raise InputError(
            f"The cohort must hold volumes to learn from and to test on; it holds {len(train)} "
            f"and {len(test)}."
        )
    narrowed = Split(train, test, parts.num_set_aside)
    require_classes(narrowed)
    if config.kind == "segmentation":
        _require_foreground(store, config.label_set, narrowed)
    return narrowed


def bench_of(
    config: LabelledConfig, *, store: Store, split: Split, encoders: Mapping[str, Encoder]
) -> Bench:
    """Return the bench of a study.

    Args:
        config: Its settings.
        store: Where the voxels are.
        split: From `labelled_split`.
        encoders: Pretrained encoders by the name that arms use.

    Returns:
        A bench that runs any cell.

    Raises:
        RequestError: The volumes differ in their number of channels.
    """
    channels = {store.row(volume.key).num_channels for volume in (*split.train, *split.test)}
    if len(channels) != 1:
        raise RequestError(f"All volumes must have one number of channels; found {len(channels)}.")
    return Bench(
        store=store,
        policy=policy_of(config.policy),
        split=split,
        kind=config.kind,
        label_set=config.label_set,
        num_classes=_num_classes(store, split, config),
        min_per_class=config.min_per_class if isinstance(config, StudyConfig) else 1,
        encoder_of=partial(_encoder, config, channels.pop(), dict(encoders)),
        recipe_of=partial(_recipe, config),
        is_balanced=config.probe.is_balanced,
        device=choose_device(config.machine.device),
    )


def _encoder(
    config: LabelledConfig,
    in_channels: int,
    encoders: Mapping[str, Encoder],
    init: str,
    seed: int,
) -> Encoder:
    encoder = _unchecked(config.architecture, in_channels, encoders, init, seed)
    grid = replace(policy_of(config.policy), local=None)
    require_sizes(encoder, grid, to_pyramid=config.kind == "segmentation")
    return encoder


def _unchecked(
    architecture: EncoderConfig | None,
    in_channels: int,
    encoders: Mapping[str, Encoder],
    init: str,
    seed: int,
) -> Encoder:
    if init != SCRATCH:
        return encoders[init]
    if architecture is not None:
        return encoder_of(architecture, in_channels=in_channels, seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "encoder weights") >> 1)
        return rebuild(next(iter(encoders.values())).description)


def _recipe(config: LabelledConfig, arm: Arm, seed: int) -> FinetuneRecipe:
    return finetune_recipe_of(
        config.finetune,
        is_pretrained=arm.is_pretrained,
        is_frozen=arm.adaptation == "frozen",
        is_balanced=config.probe.is_balanced,
        seed=seed,
    )


def _require_kind(volumes: Sequence[LabelledVolume], config: LabelledConfig) -> None:
    has_classes = volumes[0].target is not None
    if has_classes != (config.kind == "classification"):
        found = "classes" if has_classes else "label maps"
        raise InputError(f"Labels for {config.kind} are needed; the label set has {found}.")


def _require_foreground(store: Store, label_set: str, parts: Split) -> None:
    drawn = {row.key for row in store.label_maps(label_set) if any(row.classes)}
    learnt, tested = (sum(v.key in drawn for v in side) for side in (parts.train, parts.test))
    if not (learnt and tested):
        raise InputError(
            f"Label maps to learn from and to test on must show a class other than 0; {learnt} of "
            f"{len(parts.train)} and {tested} of {len(parts.test)} do."
        )


def _num_classes(store: Store, split: Split, config: LabelledConfig) -> int:
    volumes = (*split.train, *split.test)
    if config.kind == "segmentation":
        keys = {volume.key for volume in volumes}
        maps = [row for row in store.label_maps(config.label_set) if row.key in keys]
        return max(max(row.classes, default=0) for row in maps) + 1
    return max(cast("int", volume.target) for volume in volumes) + 1
