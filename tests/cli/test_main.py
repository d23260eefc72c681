"""What the command makes of errors, and what it says on which stream."""

import json
import resource
import subprocess
import sys

import pytest

from medcl.config.stages import STAGES
from medcl.errors import InputError, LeakageError, MedclError


def test_help_comes_before_torch_is_loaded():
    code = (
        "import sys\nfrom medcl.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print({'torch', 'numpy', 'mlflow', 'pydicom'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "label-efficiency" in done.stdout
    assert done.stderr.strip() == "set()"


def test_help_takes_less_than_half_a_second_of_a_core():
    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    subprocess.run(
        [sys.executable, "-m", "medcl.cli.main", "--help"], check=True, capture_output=True
    )
    assert spent() - before < 0.5  # processor time: the same on a busy machine


def test_help_names_every_command(medcl_command):
    text = medcl_command("--help").out
    for command in ("ingest", "store", "doctor", "report", "keys", "labels", "config", *STAGES):
        assert f"\n  {command} " in text
    assert "..." not in text.split("Commands:")[1]


@pytest.mark.parametrize(
    ("error", "status"),
    [(MedclError("A."), 1), (InputError("A."), 2), (LeakageError("A."), 3)],
)
def test_an_error_is_a_sentence_and_its_exit_status(
    stage, medcl_command, settings_file, error, status
):
    stage("audit").error = error
    done = medcl_command("audit", settings_file("audit"))
    assert done.status == status
    assert done.err.splitlines()[-1] == "A."
    assert "Traceback" not in done.err


def test_an_interrupt_ends_with_130(stage, medcl_command, settings_file):
    stage("audit").error = KeyboardInterrupt()
    assert medcl_command("audit", settings_file("audit")).status == 130


def test_an_unforeseen_error_shows_its_kind_and_place_but_never_its_message(
    stage, medcl_command, settings_file, monkeypatch
):
    monkeypatch.delenv("MEDCL_TRACEBACK", raising=False)
    stage("audit").error = RuntimeError("MEIER^ANNA 1950-01-01")
    done = medcl_command("audit", settings_file("audit"), "--json")
    assert done.status == 1
    assert "MEIER" not in done.err + done.out
    assert "RuntimeError" in done.err
    assert "MEDCL_TRACEBACK=1" in done.err


def test_the_traceback_is_there_for_who_asks(stage, medcl_command, settings_file, monkeypatch):
    monkeypatch.setenv("MEDCL_TRACEBACK", "1")
    stage("audit").error = RuntimeError("why")
    assert "RuntimeError: why" in medcl_command("audit", settings_file("audit")).err


def test_a_full_disk_is_told_in_words(stage, medcl_command, settings_file):
    stage("audit").error = OSError(28, "No space left on device", "/archive/MEIER")
    done = medcl_command("audit", settings_file("audit"))
    assert "No space left on device" in done.err
    assert "MEIER" not in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["bogus"],
        ["ingest"],
        ["ingest", "archive"],
        ["ingest", "archive", "--store", "s", "--workers", "0"],
        ["study"],
        ["study", "absent.yaml"],
        ["store", "export", "s"],
        ["config", "schema", "pretrian"],
        ["config", "check", "absent.yaml"],
        ["audit", "absent.yaml", "--jsn"],
    ],
)
def test_a_wrong_request_ends_with_2_and_a_sentence(medcl_command, words):
    done = medcl_command(*words)
    assert done.status == 2
    assert done.err.strip()
    assert "Traceback" not in done.err


def test_a_refusal_with_json_ends_with_a_line_for_machines(medcl_command):
    done = medcl_command("study", "absent.yaml", "--json")
    assert json.loads(done.out) == {
        "error": "There is no settings file absent.yaml.",
        "kind": "ConfigError",
        "exit_status": 2,
    }


def test_version(medcl_command):
    assert medcl_command("--version").out.startswith("medcl ")
