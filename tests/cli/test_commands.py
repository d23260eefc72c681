"""Each command calls its stage with what was asked, and says what came of it."""

import json
import stat
from pathlib import Path

import pytest

from medcl.config.stages import STAGES
from medcl.ingest.defacing import Defacing
from medcl.ingest.options import IngestOptions
from medcl.io.refusal import ReasonCode
from medcl.runtime.confinement import ChildLimits
from medcl.runtime.tools import ToolLimits
from medcl.stages.segment_classes import ClassWords
from medcl.stages.summary import StageSummary


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_gets_its_settings_with_overrides(stage, medcl_command, settings_file, name):
    recorder = stage(name)
    done = medcl_command(name, settings_file(name), "name=b")
    assert done.status == 0
    ((settings,), keywords), *_ = recorder.calls
    assert type(settings) is STAGES[name]
    assert settings.name == "b"
    assert set(keywords) == {"progress"}


@pytest.mark.parametrize("name", STAGES)
def test_with_json_the_summary_is_all_there_is_on_standard_output(
    stage, medcl_command, settings_file, name
):
    stage(name)
    done = medcl_command(name, settings_file(name), "--json")
    assert json.loads(done.out) == {
        "stage": "demo",
        "volumes": 3,
        "share_refused": 0.25,
        "written": {"store": "runs/store"},
        "next": "medcl store show runs/store",
    }
    assert "a library says something" in done.err
    assert "Next: medcl store show" in done.err


def test_without_json_people_read_figures_files_and_the_next_command(
    stage, medcl_command, settings_file
):
    stage("audit")
    done = medcl_command("audit", settings_file("audit"))
    assert "  volumes        3\n" in done.out
    assert "Written:\n  store  runs/store\n" in done.out
    assert done.out.endswith("Next: medcl store show runs/store\n")
    assert "Working: 2/2 series" in done.err


def test_a_stage_that_was_asked_to_stop_is_told_and_is_not_done(
    stage, medcl_command, settings_file
):
    stage("pretrain").answer = StageSummary(
        stage="pretrain", figures={"steps": 7}, notes=["Stopped after step 7."], is_stopped=True
    )
    done = medcl_command("pretrain", settings_file("pretrain"), "--json")
    assert done.status == 130
    assert json.loads(done.out)["steps"] == 7
    assert "Stopped after step 7." in done.err


def test_ingest_passes_on_every_option(stage, medcl_command):
    recorder = stage("ingest")
    words = "ingest a b --store s --key-file k --modality CT --patient-pattern ^(?P<patient>.) "
    words += "--accept derived,burned_in --deshear --pet-unit Bq/ml --demographics "
    words += "--memory-gib 2 --cpu-s 60 --workers 3 --scheduler tcp://x:1"
    done = medcl_command(*words.split())
    assert done.status == 0
    ((sources,), keywords), *_ = recorder.calls
    assert sources == [Path("a"), Path("b")]
    keywords.pop("progress")
    assert keywords == {
        "store": Path("s"),
        "key_file": Path("k"),
        "options": IngestOptions(
            nifti_modality="CT",
            patient_pattern="^(?P<patient>.)",
            accept=frozenset({ReasonCode.DERIVED, ReasonCode.BURNED_IN}),
            deshear=True,
            pet_unit="Bq/ml",
            keep_demographics=True,
        ),
        "limits": ChildLimits(memory_bytes=2**31, cpu_s=60, wall_s=180),
        "workers": 3,
        "scheduler": "tcp://x:1",
    }


@pytest.mark.parametrize(
    ("words", "cores", "threads"),
    [
        ("", 2, 2),
        ("", 1, 1),
        ("--workers 2", 3, 1),
        ("--workers 2", 4, 2),
        ("--workers 2 --threads 2", 2, 2),
        ("--threads 1", 8, 1),
        ("--scheduler tcp://x:1", 8, 1),
    ],
)
def test_a_reading_process_has_a_second_thread_where_it_has_a_second_core(
    stage, medcl_command, monkeypatch, words, cores, threads
):
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: set(range(cores)))
    monkeypatch.setattr("medcl.stages.reader_processes.warm_up", lambda *_args, **_words: None)
    recorder = stage("ingest")
    assert medcl_command("ingest", "a", "--store", "s", *words.split()).status == 0
    (_, keywords), *_ = recorder.calls
    assert keywords["limits"].threads == threads


def test_a_deface_command_is_parted_into_words_and_limited_like_a_reading(stage, medcl_command):
    recorder = stage("ingest")
    options = "--store s --deface unknown-too --cpu-s 60 --scheduler tcp://x:1"
    words = ("ingest", "a", *options.split())
    command = "'my tool' {input} --outfile {output}"
    assert medcl_command(*words, "--deface-command", command).status == 0
    (_, keywords), *_ = recorder.calls
    assert keywords["options"].defacing == Defacing(
        command=("my tool", "{input}", "--outfile", "{output}"),
        limits=ToolLimits(wall_s=60),
        unknown_too=True,
    )
    for wrong in ("tool {input}", "tool '{input} {output}"):
        assert medcl_command(*words, "--deface-command", wrong).status == 2


def test_store_show_passes_on_where_the_page_goes(stage, medcl_command):
    shown = stage("store_show")
    medcl_command("store", "show", "s", "--html", "p.html", "--pictures", "5")
    assert shown.calls == [((Path("s"),), {"html": Path("p.html"), "pictures": 5})]


def test_reasons_for_refusal_are_listed(medcl_command):
    done = medcl_command("ingest", "--reasons", "--json")
    reasons = json.loads(done.out)["reasons"]
    assert {"LOCALIZER", "MISSING_SLICES", "NOT_IMAGE"} <= set(reasons)
    assert all(meaning for meaning in reasons.values())
    assert "read" in json.loads(done.out)["acceptable"]["DERIVED"]
    assert "GANTRY_TILT" in medcl_command("ingest", "--reasons").out


def test_store_list_with_json_is_one_line_per_volume(stage, medcl_command):
    stage("store", "volumes").answer = [{"key": "a"}, {"key": "b"}]
    done = medcl_command("store", "list", "s", "--json")
    assert [json.loads(line) for line in done.out.splitlines()] == [{"key": "a"}, {"key": "b"}]


def test_store_list_for_people_is_a_table(stage, medcl_command):
    stage("store", "refused").answer = [{"key": "a"}, {"key": "b"}]
    assert medcl_command("store", "list", "s", "--refused").out.endswith("key\na\nb\n")


def test_store_export_labels_export_report_pass_on_their_words(stage, medcl_command):
    exported = stage("store", "export")
    medcl_command("store", "export", "s", "k", "o.nii.gz")
    assert exported.calls == [((Path("s"),), {"key": "k", "target": Path("o.nii.gz")})]

    added = stage("labels", "add")
    files = ("--store", "s", "--name", "n", "--source", "a", "--splits", "b")
    classes = ("--classes", "organ=1,tumour=2", "--overlap", "later")
    medcl_command("labels", "add", "l.csv", *files, *classes)
    (arguments, keywords), *_ = added.calls
    assert arguments == (Path("l.csv"),)
    keywords.pop("progress")
    assert keywords == {
        "store": Path("s"),
        "name": "n",
        "key_file": Path("secret.key"),
        "source": Path("a"),
        "splits": Path("b"),
        "words": ClassWords({"organ": 1, "tumour": 2}, later_covers_earlier=True),
    }

    delivered = stage("export")
    medcl_command("export", "runs/a", "out")
    assert delivered.calls == [((Path("runs/a"),), {"target": Path("out")})]

    reported = stage("report")
    medcl_command("report", "runs/s")
    assert reported.calls[0][0] == (Path("runs/s"),)


def test_a_new_secret_is_for_its_owner_alone_and_never_overwritten(medcl_command, tmp_path):
    path = tmp_path / "secret.key"
    done = medcl_command("keys", "new", str(path), "--json")
    assert done.status == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() not in done.out + done.err
    before = path.read_bytes()
    assert medcl_command("keys", "new", str(path)).status in {2, 3}
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", STAGES)
def test_config_check_finds_out_whose_file_it_is(medcl_command, settings_file, name):
    done = medcl_command("config", "check", settings_file(name), "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["stage"] == name


def test_config_show_prints_settings_that_check_again(medcl_command, settings_file, tmp_path):
    text = medcl_command("config", "show", settings_file("study"), "seeds=[7]").out
    assert "resamples: 2000" in text
    complete = tmp_path / "complete.yaml"
    complete.write_text(text)
    assert medcl_command("config", "check", str(complete)).status == 0
    assert medcl_command("config", "show", str(complete)).out == text


def test_config_schema_of_one_stage_and_of_all(medcl_command):
    one = json.loads(medcl_command("config", "schema", "study").out)
    assert "label_counts" in one["properties"]
    every = json.loads(medcl_command("config", "schema", "--json").out)
    assert every["study"] == one
    assert set(every) == set(STAGES)


def test_doctor_looks_and_tells(medcl_command, tmp_path):
    done = medcl_command("doctor", "--runs", str(tmp_path), "--json")
    content = json.loads(done.out)
    assert {"subject", "state", "sentence"} == set(content["findings"][0])
    assert done.status == (1 if content["missing"] else 0)
