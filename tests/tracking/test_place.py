"""Where runs are tracked is named truly, without secrets; what MLflow cannot take is said."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from medcl.errors import RequestError
from medcl.tracking.after_work import sentence_if_missed
from medcl.tracking.place import interface, named
from medcl.tracking.study_runs import charts
from medcl.tracking.tracker import Tracker


@pytest.mark.parametrize(
    ("uri", "address", "command"),
    [
        ("http://me:pa@ss@host:80/team?token=k3y#f", "http://host:80/team", None),
        (
            "mysql+pymysql://me:k3y@host/runs?ssl=k3y",
            "http://127.0.0.1:5000",
            'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"',
        ),
        (
            "sqlite:////data/m.db",
            "http://127.0.0.1:5000",
            "mlflow ui --backend-store-uri sqlite:////data/m.db",
        ),
        ("databricks", "databricks", None),
    ],
    ids=["server", "database", "file", "word"],
)
def test_the_place_really_used_is_named_without_a_secret(uri, address, command) -> None:
    assert interface(uri) == (address, command)
    assert "k3y" not in named(uri)
    assert "me:" not in named(uri)


@pytest.mark.parametrize("uri", ["file:///data/mlruns", "/data/mlruns", "mlruns"])
def test_a_folder_is_refused_with_what_to_name_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    tracker = Tracker.open(tmp_path, project="p")
    (told,) = sentence_if_missed(lambda: tracker.experiment("x"), again="medcl report STUDY")
    assert "names a folder, which MLflow has ceased to write to. Name a server" in told
    assert "/data" not in told.replace("sqlite:////data", "")


def test_charts_are_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    shown = charts(Tracker.open(tmp_path / "runs", project="p"))
    assert shown.command == f"mlflow ui --backend-store-uri sqlite:///{tmp_path / 'elsewhere.db'}"
    assert shown.address.startswith("http://127.0.0.1:5000/#/experiments/")
    assert not (tmp_path / "runs" / "mlflow.db").exists()


def test_a_full_disk_leaves_no_half_of_a_database(tmp_path: Path) -> None:
    """Files may not grow beyond 200 KiB, which MLflow's tables need more than twice."""
    code = (
        "import resource, signal, sys, pathlib;"
        "from medcl.tracking.tracker import Tracker;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200 << 10, resource.RLIM_INFINITY));"
        "Tracker.open(pathlib.Path(sys.argv[1]), project='p').experiment('x')"
    )
    full = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "OperationalError" in full.stderr
    assert list(tmp_path.iterdir()) == []
    assert Tracker.open(tmp_path, project="p").experiment("x")
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_half_made_database_is_named_and_one_with_experiments_is_used(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE experiments (experiment_id INTEGER)")
    tracker = Tracker.open(tmp_path, project="p")
    with pytest.raises(RequestError, match=r"mlflow\.db must be .* half-made.* remove it"):
        tracker.experiment("x")
    file.unlink()
    assert tracker.experiment("x") == Tracker.open(tmp_path, project="p").experiment("x")
