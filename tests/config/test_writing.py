"""What is written with a run alone reruns it; the schema says what the loader says."""

import json
import subprocess
import sys

import pytest

from medcl.config.loading import load
from medcl.config.pretrain import PretrainConfig
from medcl.config.section import Section
from medcl.config.stages import STAGES
from medcl.config.study import StudyConfig
from medcl.config.writing import dump, json_schema, plain
from medcl.config.writing import write as write_settings


def test_written_settings_load_into_equal_ones(write, study):
    settings = load(write(study), StudyConfig)
    assert load(write(dump(settings), "again.yaml"), StudyConfig) == settings


def test_written_settings_hold_the_defaults(write, study):
    settings = load(write(study), StudyConfig)
    assert "resamples: 2000" in dump(settings)
    assert plain(settings)["bootstrap"] == {"resamples": 2000, "confidence": 0.95}


def test_floats_that_yaml_could_misread_survive(write):
    text = """\
name: a
store: s
policy:
  name: p
  modality: CT
  grid: {size_voxels: [8, 8, 8], spacing_mm: [1, 1, 1]}
  window: {kind: fixed_window, low: -1000, high: 1000}
encoder: {name: residual}
training: {steps: 10, batch_size: 2, learning_rate: 1e-07, weight_decay: 1e-12}
"""
    settings = load(write(text), PretrainConfig)
    assert load(write(dump(settings), "again.yaml"), PretrainConfig) == settings


def test_settings_cannot_be_changed_after_loading(write, study):
    settings = load(write(study), StudyConfig)
    with pytest.raises(ValueError, match="frozen"):
        settings.name = "other"


def _sections(model: type[Section]) -> dict[str, dict]:
    schema = json_schema(model)
    return {model.__name__: schema, **schema["$defs"]}


@pytest.mark.parametrize("stage", STAGES)
def test_every_field_says_what_it_is(stage):
    for name, section in _sections(STAGES[stage]).items():
        assert section["additionalProperties"] is False, name
        for field, content in section["properties"].items():
            assert field == "name" or content.get("description"), f"{name}.{field}"


def test_the_schema_accepts_what_the_loader_accepts(write, study, tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(json_schema(StudyConfig)))
    good, bad = write(study), write(study.replace("fraction", "fractoin"), "bad.yaml")
    call = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema)]
    assert subprocess.run([*call, str(good)], check=False, capture_output=True).returncode == 0
    assert subprocess.run([*call, str(bad)], check=False, capture_output=True).returncode == 1


def test_settings_load_without_torch():
    code = "import sys, medcl.config.stages, medcl.config.loading; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_folder_gets_its_settings(write, study, tmp_path):
    settings = load(write(study), StudyConfig)
    write_settings(settings, tmp_path / "settings.yaml")
    assert (tmp_path / "settings.yaml").read_text().startswith("name: adrenal\n")
