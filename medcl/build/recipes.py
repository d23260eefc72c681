"""How long, how fast, with which rates: from settings to the recipes of training and adaptation."""

from medcl.adaptation.recipe import FinetuneRecipe
from medcl.config.machine import TrainingMachineConfig
from medcl.config.training import FinetuneSettings, TrainingConfig
from medcl.training.recipe import Machine, Precision, Recipe

_PRECISION: dict[str, Precision] = {"auto": "auto", "float32": "32-true", "bf16": "bf16-mixed"}


def recipe_of(settings: TrainingConfig) -> Recipe:
    """Return what decides the result of pretraining."""
    return Recipe(
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup_steps=settings.warmup_steps,
        clip_norm=settings.clip_norm,
        seed=settings.seed,
        lesion_set=settings.lesion_set,
    )


def machine_of(settings: TrainingMachineConfig) -> Machine:
    """Return where and how fast pretraining goes."""
    return Machine(
        device=settings.device,
        precision=_PRECISION[settings.precision],
        processes=settings.processes,
        nodes=settings.nodes,
        workers=settings.reader_threads,
        readers=settings.readers,
        compiling=settings.compile,
        prefetch_steps=settings.prefetch_steps,
        device_cache_gib=settings.device_cache_gib,
        checkpoint_every_steps=settings.checkpoint_every_steps,
        checkpoint_every_s=settings.checkpoint_every_s,
        report_every_steps=settings.log_every_steps,
    )


def finetune_recipe_of(
    settings: FinetuneSettings,
    *,
    is_pretrained: bool,
    is_frozen: bool,
    is_balanced: bool,
    seed: int,
) -> FinetuneRecipe:
    """Return the numbers of one fine-tuning.

    An encoder with random weights has nothing to protect: it learns at the full rate from the
    first step. Everything else is the same for both, so that arms differ in the weights alone.

    Args:
        settings: The part all arms share.
        is_pretrained: Whether the encoder's weights are worth protecting.
        is_frozen: Whether it must not learn at all.
        is_balanced: Whether every class is drawn equally often.
        seed: Of batches, views and new weights.

    Returns:
        The recipe.
    """
    rate = settings.encoder_learning_rate_factor if is_pretrained else 1.0
    return FinetuneRecipe(
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        encoder_rate=0.0 if is_frozen else rate,
        frozen_share=settings.frozen_share if is_pretrained else 0.0,
        warmup_share=settings.warmup_share,
        weight_decay=settings.weight_decay,
        label_smoothing=settings.label_smoothing,
        is_balanced=is_balanced,
        seed=seed,
    )
