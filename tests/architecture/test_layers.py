"""The layer contracts hold, and each of them bites when it is breached on purpose."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

PIPELINES = "Pipelines stand on the library, never the reverse"
ROOMS = "Rooms of medcl, top to bottom"
CYCLES = "No cycles inside a room"
DICOM = "pydicom and highdicom only in io and ingest"
MLFLOW = "mlflow only in tracking"
DASK = "dask only in fanout"
SETTINGS_LIBRARIES = "pydantic and YAML only in config"
SETTINGS = "No settings object below build"
OBJECTIVES = "Objectives do not know one another"

BREACHES = [
    (PIPELINES, {"errors.py": "import pipelines"}),
    (ROOMS, {"errors.py": "import medcl.volume"}),
    (ROOMS, {"geometry/affine.py": "import medcl.runtime.seeds"}),
    (ROOMS, {"augment/grid.py": "import medcl.encoders.interface"}),
    (ROOMS, {"cellar/__init__.py": '"""A room without a place."""'}),
    (CYCLES, {"runtime/seeds.py": "import medcl.runtime.files",
              "runtime/files.py": "import medcl.runtime.seeds"}),
    (DICOM, {"store/store.py": "import pydicom"}),
    (DICOM, {"cli/store.py": "import highdicom"}),
    (MLFLOW, {"report/__init__.py": "import mlflow"}),
    (DASK, {"stages/ingest.py": "import distributed"}),
    (DASK, {"ingest/identity.py": "import dask"}),
    (SETTINGS_LIBRARIES, {"training/recipe.py": "import pydantic"}),
    (SETTINGS_LIBRARIES, {"cli/store.py": "import ruamel.yaml"}),
    (SETTINGS_LIBRARIES, {"augment/policy.py": "import yaml"}),
    (SETTINGS, {"study/cells.py": "import medcl.config.section"}),
    (OBJECTIVES, {"objectives/dcl.py": "import medcl.objectives.nt_xent"}),
]  # fmt: skip


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the code in a folder, not of the installed one."""
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(command), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": str(command.parent), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def broken(output: str) -> set[str]:
    """Return the names of the contracts that were reported broken."""
    lines = (line.strip() for line in output.splitlines())
    return {line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("medcl", "pipelines"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept(copy):
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(("contract", "additions"), BREACHES)
def test_a_breach_is_reported(copy, contract, additions):
    for name, line in additions.items():
        path = copy / "medcl" / name
        path.parent.mkdir(exist_ok=True)
        before = path.read_text() if path.exists() else ""
        path.write_text(f"{before}\n{line}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout
    assert contract in broken(done.stdout) or "cellar" in done.stdout


def test_every_contract_has_a_breach():
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    contracts = {one["name"] for one in settings["tool"]["importlinter"]["contracts"]}
    assert contracts == {contract for contract, _ in BREACHES}


def test_every_forbidden_list_names_every_room_but_those_it_is_for():
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["name"] == ROOMS)
    rooms = {f"medcl.{room.strip()}" for layer in layers for room in layer.split("|")}
    allowed = {
        DICOM: {"medcl.io", "medcl.ingest"},
        MLFLOW: {"medcl.tracking"},
        DASK: {"medcl.fanout"},
        SETTINGS_LIBRARIES: {"medcl.config"},
        SETTINGS: {"medcl.config", "medcl.cli", "medcl.stages", "medcl.build"},
    }
    forbidden = {one["name"]: one for one in contracts if one["type"] == "forbidden"}
    assert forbidden.keys() == allowed.keys()
    for name, contract in forbidden.items():
        missing = rooms - allowed[name] - set(contract["source_modules"])
        assert missing <= {"medcl.volume", "medcl.geometry", "medcl.runtime", "medcl.shapes",
                           "medcl.tensor_shapes", "medcl.errors"}  # fmt: skip
        assert not allowed[name] & set(contract["source_modules"])
