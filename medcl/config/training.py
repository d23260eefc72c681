"""Settings of training loops; `medcl.config.machine` says where they run."""

from typing import Annotated

from pydantic import Field, model_validator

from medcl.config.section import Count, Fraction, Name, Positive, Section, Seed

LearningRate = Annotated[float, Field(gt=0, le=10)]
WeightDecay = Annotated[float, Field(ge=0, le=10)]


class TrainingConfig(Section):
    """How an encoder is pretrained; all of it decides the weights a run ends with."""

    steps: Count
    """Optimiser steps"""
    batch_size: Annotated[int, Field(ge=2, le=65536)]
    """Patients per step, each giving two views, over all processes"""
    learning_rate: LearningRate = 1e-3
    """Highest learning rate of AdamW, reached after the warm-up"""
    weight_decay: WeightDecay = 1e-4
    """Weight decay of AdamW; not applied to biases and norms"""
    warmup_steps: Annotated[int, Field(ge=0, lt=1_000_000_000)] = 0
    """Steps over which the learning rate rises"""
    clip_norm: Positive = 1.0
    """Longest gradient"""
    seed: Seed = 0
    """Decides initial weights, batches and views"""
    lesion_set: Name | None = None
    """Set of label maps whose every class but 0 marks lesions, for views that keep off them"""

    @model_validator(mode="after")
    def _warmup_fits(self) -> "TrainingConfig":
        if self.warmup_steps >= self.steps:
            raise ValueError(
                f"warmup_steps must be fewer than steps, got {self.warmup_steps} and {self.steps}."
            )
        return self


class ProbeConfig(Section):
    """Logistic regression on frozen features; its penalty is chosen inside the labelled cases."""

    is_balanced: bool = True
    """Weigh classes by the inverse of their frequency; those of single voxels never are"""


class FinetuneSettings(Section):
    """How an encoder is trained further with labels: a fixed number of steps, no early stopping."""

    steps: Count = 200
    """Optimiser steps, the same at every number of labels"""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 8
    """Volumes per step"""
    learning_rate: LearningRate = 1e-3
    """Highest learning rate of the head or decoder"""
    encoder_learning_rate_factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Learning rate of a pretrained encoder as a part of the head's; a random one takes it whole"""
    frozen_share: Fraction = 0.15
    """Part of the steps in which a pretrained encoder stays frozen and only the head learns"""
    warmup_share: Fraction = 0.1
    """Part of the steps over which the learning rate rises"""
    weight_decay: WeightDecay = 1e-2
    """Decoupled weight decay"""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Part of each target spread over all classes"""


class BootstrapConfig(Section):
    """Hierarchical bootstrap over seeds and patients."""

    resamples: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    """Bootstrap resamples"""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Coverage of the intervals"""


class TrackingConfig(Section):
    """Where runs are shown; the server comes from MLFLOW_TRACKING_URI, else a file under runs."""

    enabled: bool = True
    """Whether to log to MLflow at all"""
    experiment: Annotated[str, Field(min_length=1, max_length=100)] = "medcl"
    """Name of the MLflow experiment"""
