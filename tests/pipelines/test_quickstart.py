"""The quickstart's settings are settings."""

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
