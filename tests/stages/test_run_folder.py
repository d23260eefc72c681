"""A run folder holds one run."""

import json

import pytest

from medcl.errors import InputError, RequestError
from medcl.stages.run_folder import RunFolder


def test_the_same_inputs_find_the_finished_run(tmp_path):
    run = RunFolder.open(tmp_path / "a", stage="pretrain", inputs={"steps": 1})
    assert run.finished() is None
    run.finish({"loss": 0.5})
    again = RunFolder.open(tmp_path / "a", stage="pretrain", inputs={"steps": 1})
    assert again.finished() == {"loss": 0.5}


def test_other_inputs_are_refused_and_named_without_values(tmp_path):
    RunFolder.open(tmp_path / "a", stage="pretrain", inputs={"training": {"steps": 111, "seed": 0}})
    with pytest.raises(RequestError, match=r"training\.steps") as caught:
        RunFolder.open(
            tmp_path / "a", stage="pretrain", inputs={"training": {"steps": 222, "seed": 0}}
        )
    assert "222" not in str(caught.value)
    assert "seed" not in str(caught.value)


def test_a_record_that_is_no_json_is_a_sentence(tmp_path):
    RunFolder.open(tmp_path / "a", stage="pretrain", inputs={})
    (tmp_path / "a" / "run.json").write_text("{half")
    with pytest.raises(InputError, match="JSON object"):
        RunFolder.open(tmp_path / "a", stage="pretrain", inputs={})


def test_a_file_in_the_place_of_the_runs_is_a_sentence(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match="must be a folder"):
        RunFolder.open(tmp_path / "runs" / "a", stage="pretrain", inputs={})


def test_what_was_asked_stands_in_the_folder(tmp_path):
    RunFolder.open(tmp_path / "a", stage="study", inputs={"seed": 3})
    record = json.loads((tmp_path / "a" / "run.json").read_text())
    assert record["stage"] == "study"
    assert record["inputs"] == {"seed": 3}
