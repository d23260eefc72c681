"""Sections say the same words as the rooms they are settings of."""

import inspect
import typing

import pytest

from medcl.augment import contract
from medcl.config import cohort, encoder, machine, objective, policy, study, training
from medcl.encoders import heads
from medcl.encoders.densenet import densenet121
from medcl.encoders.families import EncoderName
from medcl.encoders.norms import Norm
from medcl.encoders.residual import residual
from medcl.encoders.resnet import resnet
from medcl.encoders.segresnet import segresnet
from medcl.encoders.swin_unetr import swin_unetr
from medcl.runtime.devices import DeviceChoice
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


def test_training_has_the_fields_of_the_recipe():
    assert set(training.TrainingConfig.model_fields) == set(inspect.signature(Recipe).parameters)


def _names(union):
    members = typing.get_args(typing.get_args(union)[0])
    choices = [typing.get_args(member.model_fields["name"].annotation) for member in members]
    return {name for names in choices for name in names}


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
