"""Sections say the same words as the rooms they are settings of."""

import dataclasses
import inspect
import typing

import pytest
from pydantic_core import PydanticUndefined

from medcl.augment import contract
from medcl.augment.grid import LocalViews
from medcl.augment.normalisation import FixedWindow, Normalisation, PercentileWindow
from medcl.augment.policy import Policy, Transform
from medcl.config import (
    cohort,
    encoder,
    machine,
    objective,
    policy,
    study,
    training,
    transforms,
    unknown,
)
from medcl.config.loading import load
from medcl.config.study import StudyConfig
from medcl.config.writing import plain
from medcl.encoders import heads
from medcl.encoders.densenet import densenet121
from medcl.encoders.families import EncoderName
from medcl.encoders.norms import Norm
from medcl.encoders.residual import residual
from medcl.encoders.resnet import resnet
from medcl.encoders.segresnet import segresnet
from medcl.encoders.swin_unetr import swin_unetr
from medcl.runtime.devices import DeviceChoice
from medcl.store.selection import QualityBounds
from medcl.study.cells import Adaptation
from medcl.training.recipe import Recipe
from medcl.volume import Modality

NO_SETTING = {"in_channels", "num_features", "depth"}


def _options(function):
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in NO_SETTING
    }


def _defaults(section):
    fields = section.model_fields.items()
    return {name: field.default for name, field in fields if name not in {"name", *NO_SETTING}}


@pytest.mark.parametrize(
    ("section", "function"),
    [
        (encoder.ResidualConfig, residual),
        (encoder.ResnetConfig, resnet),
        (encoder.Densenet121Config, densenet121),
        (encoder.SegresnetConfig, segresnet),
        (encoder.SwinUnetrConfig, swin_unetr),
        (objective.ProjectorConfig, heads.projector),
    ],
)
def test_a_section_has_the_options_and_defaults_of_its_builder(section, function):
    assert _defaults(section) == _options(function)


TRANSFORMS = typing.get_args(typing.get_args(transforms.TransformConfig)[0])
WINDOWS = typing.get_args(typing.get_args(policy.WindowConfig)[0])


def _fields(kind):
    return {
        field.name: PydanticUndefined if field.default is dataclasses.MISSING else field.default
        for field in dataclasses.fields(kind)
    }


@pytest.mark.parametrize("section", [*TRANSFORMS, *WINDOWS])
def test_every_transform_and_window_is_mirrored_field_by_field(section):
    (kind,) = typing.get_args(section.model_fields["kind"].annotation)
    others = [*typing.get_args(Transform), FixedWindow, PercentileWindow]
    (mirrored,) = [other for other in others if other.kind == kind]
    own = {name: field.default for name, field in section.model_fields.items() if name != "kind"}
    assert own == _fields(mirrored)


def test_no_transform_is_without_a_section():
    assert len(TRANSFORMS) == len(typing.get_args(Transform))
    assert len(WINDOWS) == len(typing.get_args(Normalisation))


def test_a_policy_as_json_values_is_what_the_policy_reads(write, study):
    settings = load(write(study), StudyConfig)
    made = Policy.from_json(plain(settings.policy))
    assert made.transforms[1].max_degrees == 10
    assert made.to_json() == plain(settings.policy)


def test_training_has_the_fields_of_the_recipe():
    assert set(training.TrainingConfig.model_fields) == set(inspect.signature(Recipe).parameters)


def _names(union):
    members = typing.get_args(typing.get_args(union)[0])
    choices = [typing.get_args(member.model_fields["name"].annotation) for member in members]
    return {name for names in choices for name in names}


def test_quality_of_a_cohort_has_the_fields_and_defaults_of_its_bounds():
    assert dict(cohort.QualityConfig()) == dataclasses.asdict(QualityBounds())
    words = typing.get_type_hints(QualityBounds)
    for name in ("hu_scale", "orientation"):
        (own, _), (of_room, _) = (
            typing.get_args(kind)
            for kind in (cohort.QualityConfig.model_fields[name].annotation, words[name])
        )
        assert set(typing.get_args(own)) == set(typing.get_args(of_room))


def test_choices_are_those_of_the_rooms():
    assert _names(encoder.EncoderConfig) == set(typing.get_args(EncoderName))
    assert typing.get_args(encoder.Norm) == typing.get_args(Norm)
    assert typing.get_args(machine.Device) == typing.get_args(DeviceChoice)
    assert typing.get_args(policy.PolicyModality) == typing.get_args(contract.PolicyModality)
    modality = cohort.CohortConfig.model_fields["modality"].annotation
    assert typing.get_args(typing.get_args(modality)[0]) == typing.get_args(Modality)


def test_a_study_takes_every_adaptation():
    own = typing.get_args(study.ArmConfig.model_fields["adaptation"].annotation)
    assert set(own) == set(typing.get_args(Adaptation))


def test_local_views_and_flags_are_mirrored():
    assert set(policy.LocalConfig.model_fields) == {
        field.name for field in dataclasses.fields(LocalViews)
    }
    assert typing.get_args(unknown.Flag) == tuple(flag.value for flag in contract.Flag)
