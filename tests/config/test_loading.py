"""Mistakes come all at once, each with file, line and key."""

from pathlib import Path

import pytest
from pydantic import Field

from medcl.config.loading import check, load
from medcl.config.section import SECRET, Section
from medcl.config.study import StudyConfig
from medcl.config.yaml_text import parse
from medcl.errors import ConfigError


def complaints(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, StudyConfig, overrides=overrides)
    return str(caught.value).splitlines()


def test_a_good_file_loads(write, study):
    settings = load(write(study), StudyConfig)
    assert settings.policy.grid.size_voxels == (32, 32, 32)
    assert settings.encoders == {"ours": Path("runs/pretrain/encoder")}


def test_every_mistake_is_told_at_once_with_its_line(write, study):
    text = (
        study.replace("kind: classification", "kind: clasification")
        .replace("fraction: 0.3", "fraction: 2")
        .replace("[32, 32, 32]", "[32, 32]")
        .replace("max_degrees: 10", "max_degree: 10")
        .replace("label_counts", "label_count")
    )
    assert complaints(write(text)) == [
        "study.yaml: label_counts is missing (Numbers of labelled patients, rising).",
        'study.yaml:4: kind = "clasification": must be one of classification, segmentation.'
        " Did you mean classification?",
        "study.yaml:5: test.fraction = 2: must be less than 1.",
        "study.yaml:9: policy.grid.size_voxels.2 is missing.",
        "study.yaml:13: policy.transforms.1.max_degrees is missing (Largest angle in degrees).",
        "study.yaml:13: policy.transforms.1.max_degree is not a known key."
        " Did you mean max_degrees?",
        "study.yaml:19: label_count is not a known key. Did you mean label_counts?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[10, 30]", "[30, 10]", "study.yaml: label_counts must rise."),
        ("kind: rotation", "kind: rotaton", "Did you mean rotation?"),
        ("seed: 1", "seed: yes", 'test.seed = "yes": must be a whole number.'),
        ("[10, 30]", "[10, 1000000001]", "must be less than or equal to 1000000000."),
        ("fraction: 0.3", "fraction: .nan", "test.fraction = NaN: must be a finite number."),
        ("low: 0, high: 1", "low: 1, high: 0", "low must be below high"),
        (
            "init: ours",
            "init: theirs",
            "arms: init must be one of ours, scratch, none, got theirs.",
        ),
        ("init: scratch", "init: ours", "must differ from one another; repeated: ours-finetune."),
        ("name: adrenal", "name: ../up", "must be a plain name"),
        ("{kind: crop, min_overlap: 0.5}", "{min_overlap: 0.5}", "transforms.0.kind is missing."),
        ("store: runs/store", "", "study.yaml: store is missing (Folder of the volume store)."),
        ("[10, 30]", "30", "label_counts = 30: must be a list."),
        ("[32, 32, 32]", "[32, 32, 32, 32]", "must have at most 3 entries, not 4."),
        ("init: none", "init: scratch", "init none and adaptation voxels go together."),
    ],
)
def test_each_kind_of_mistake_has_a_sentence(write, study, old, new, sentence):
    (complaint,) = complaints(write(study.replace(old, new, 1)))
    assert sentence in complaint


@pytest.mark.parametrize("name", ["ours-finetune", "scratch-finetune", "none-voxels"])
def test_any_arm_of_a_study_may_be_its_reference(write, study, name):
    settings = load(write(f"{study}reference_arm: {name}\n"), StudyConfig)
    assert settings.reference_arm == name
    assert load(write(study), StudyConfig).reference_arm is None


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("scratch-finetun", " Did you mean scratch-finetune?"),
        ("ours-voxels", " Did you mean none-voxels?"),
        ("x", ""),
    ],
)
def test_a_reference_that_is_no_arm_is_told_with_line_key_and_near_miss(write, study, name, near):
    sentence = (
        f'reference_arm = "{name}": must be one of ours-finetune, scratch-finetune, none-voxels.'
    )
    text = f"{study}reference_arm: {name}\n"
    assert complaints(write(text)) == [f"study.yaml:20: {sentence}{near}"]
    assert complaints(write(study), f"reference_arm={name}") == [f"override: {sentence}{near}"]


def test_a_reference_is_not_blamed_for_a_mistake_in_the_arms(write, study):
    text = f"{study}reference_arm: ours-finetune\n"
    (complaint,) = complaints(write(text.replace("{init: ours, ad", "{init: theirs, ad")))
    assert complaint == "study.yaml: arms: init must be one of ours, scratch, none, got theirs."


def test_no_sentence_carries_words_of_the_checking_library(write, study):
    text = study.replace("0.3", "[]").replace("10, 30", "{}, x").replace("crop", "~")
    for complaint in complaints(write(text)):
        assert "Input" not in complaint
        assert "pydantic" not in complaint


def test_overrides_replace_values_after_the_file(write, study):
    settings = load(
        write(study),
        StudyConfig,
        overrides=[
            "test.fraction=2e-1",
            "policy.transforms.1.max_degrees=5",
            "bootstrap.resamples=500",
        ],
    )
    assert settings.test.fraction == 0.2
    assert settings.policy.transforms[1].max_degrees == 5
    assert settings.bootstrap.resamples == 500


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("test.fraction=7", "override: test.fraction = 7: must be less than 1."),
        ("tset.fraction=7", "override: tset is not a known key. Did you mean test?"),
        ("test.fraction", "An override must read key.path=value"),
        ("=1", "An override must read key.path=value"),
        ("arms.9.name=x", "override: there is no list with an entry 9 to replace."),
        ("name=[", "override name:1: this is not YAML"),
        ("policy=absent.yaml", "policy.file: There is no settings file absent.yaml"),
        ("policy.file=absent.yaml", "policy.file: There is no settings file absent.yaml"),
    ],
)
def test_a_wrong_override_is_named(write, study, override, sentence):
    (complaint,) = complaints(write(study), override)
    assert sentence in complaint


def test_a_policy_file_is_read_in_and_its_mistakes_have_its_own_lines(write, study):
    head, rest = study.split("policy:\n")
    inner, tail = rest.split("encoders:")
    policy = "\n".join(line.removeprefix("  ") for line in inner.splitlines())
    write(policy, "strict.yaml")
    path = write(f"{head}policy: {{file: strict.yaml}}\nencoders:{tail}")
    assert load(path, StudyConfig) == load(write(study, "whole.yaml"), StudyConfig)
    path = write(f"{head}policy: strict.yaml\nencoders:{tail}")
    assert load(path, StudyConfig) == load(write(study, "whole.yaml"), StudyConfig)
    write(policy.replace("min_overlap: 0.5", "min_overlap: 5"), "strict.yaml")
    assert complaints(path) == [
        "strict.yaml:6: policy.transforms.0.min_overlap = 5: must be less than 1."
    ]


def test_a_policy_file_stands_alone(write, study):
    text = study.replace("  name: shapes", "  name: shapes\n  file: x.yaml")
    (complaint,) = complaints(write(text))
    assert complaint == "study.yaml:8: policy.file must be a path and stand alone in policy."


class _Server(Section):
    token: str = Field(max_length=4, json_schema_extra=SECRET)
    port: int


def test_a_secret_is_never_echoed():
    with pytest.raises(ConfigError) as caught:
        check(parse("token: hunter2hunter2\nport: x", label="s.yaml"), _Server, label="s.yaml")
    assert "hunter2" not in str(caught.value)
    assert 's.yaml:2: port = "x"' in str(caught.value)
