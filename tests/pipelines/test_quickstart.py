"""The quickstart's settings are settings, and its command says what it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medcl.augment.checking import require_safe
from medcl.augment.safety.tasks import TaskProfile
from medcl.build.policies import policy_of
from medcl.config.loading import load
from medcl.config.stages import STAGES

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    "path",
    sorted(path for path in CONFIGS.glob("*/*.yaml") if path.parent.name != "policies"),
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_every_shipped_settings_file_is_valid_and_safe(path, monkeypatch):
    monkeypatch.chdir(CONFIGS.parent)
    settings = load(path, STAGES[path.stem.split("-")[0]])
    if hasattr(settings, "policy"):
        require_safe(policy_of(settings.policy), TaskProfile(settings.task))


@pytest.mark.parametrize(("word", "status"), [("--help", 0), ("fast", 2)])
def test_who_asks_what_it_is_is_told_and_nothing_begins(tmp_path, word, status):
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.quickstart", word],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(CONFIGS.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert "make demo" in done.stdout
    assert list(tmp_path.iterdir()) == []
