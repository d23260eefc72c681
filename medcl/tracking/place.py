"""The place that runs are tracked at: how it is named to people, what MLflow does not take."""

import os
import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from medcl.errors import RequestError

_SERVERS = {"http", "https"}
_DATABASES = {"sqlite", "postgresql", "mysql", "mssql"}
_UI = "http://127.0.0.1:5000"
"""Where ``mlflow ui`` listens."""


def named(uri: str) -> str:
    """Return a tracking URI without what may be a secret: user, password, query.

    Example:
        >>> named("https://me:secret@mlflow.site:5000/team?token=1")
        'https://mlflow.site:5000/team'
        >>> named("sqlite:////data/mlflow.db")
        'sqlite:////data/mlflow.db'
    """
    parts = urlsplit(uri)
    if _scheme(uri) == "sqlite":
        return uri.partition("?")[0]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def interface(uri: str) -> tuple[str, str | None]:
    """Return where MLflow's pages are, and the command that shows them.

    Args:
        uri: Tracking URI.

    Returns:
        An address, and what to type so that it answers; ``None`` where a server runs already.

    Example:
        >>> interface("http://me:secret@mlflow.site:5000/")
        ('http://mlflow.site:5000', None)
        >>> interface("sqlite:///runs/mlflow.db")[1]
        'mlflow ui --backend-store-uri sqlite:///runs/mlflow.db'
        >>> interface("postgresql://me:secret@host/runs")[1]
        'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    """
    shown, scheme = named(uri), _scheme(uri)
    if scheme in _SERVERS:
        return shown.rstrip("/"), None
    if scheme not in _DATABASES:
        return shown, None
    # A secret stays in the variable: whoever types the command has it there.
    database = shown if shown == uri else '"$MLFLOW_TRACKING_URI"'
    return _UI, f"mlflow ui --backend-store-uri {database}"


def require_no_folder(uri: str) -> None:
    """Refuse a folder, which MLflow has ceased to take.

    Args:
        uri: Tracking URI.

    Raises:
        RequestError: It names a folder, and ``MLFLOW_ALLOW_FILE_STORE`` does not ask for that.
    """
    if _scheme(uri) not in {"", "file"} or uri == "databricks":
        return
    if os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in {"true", "1"}:
        return
    raise RequestError(
        "MLFLOW_TRACKING_URI must name a server or a database, but names a folder, which MLflow "
        "has ceased to write to. Name a server, or a file such as sqlite:////data/mlflow.db, or "
        "unset the variable: then mlflow.db lies beside the runs."
    )


def database_file(uri: str) -> Path | None:
    """Return the file of an SQLite URI; ``None`` for all else.

    Example:
        >>> database_file("sqlite:///runs/mlflow.db"), database_file("http://host")
        (PosixPath('runs/mlflow.db'), None)
    """
    found = re.fullmatch(r"sqlite:///([^?]+)", uri)
    return Path(found[1]) if found else None


def make_database(file: Path) -> None:
    """Make MLflow's database whole or not at all, so that a full disk leaves no half of one.

    Args:
        file: Where it shall be; where there is one already, it is looked at only.

    Raises:
        RequestError: What is there was left half-made.
    """
    if file.exists():
        _require_whole(file)
        return
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".mlflow-") as folder:
        made = Path(folder) / file.name
        store = cast("Any", SqlAlchemyStore)  # MLflow does not say its types
        store(f"sqlite:///{made}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH).engine.dispose()
        try:
            os.link(made, file)
        except FileExistsError:
            return  # another process was faster: its runs may be in there
        except OSError:
            made.replace(file)  # a file system without links


def _require_whole(file: Path) -> None:
    """Refuse a database without an experiment: MLflow makes one as soon as all tables are there.

    Raises:
        RequestError: It has tables and no experiment.
    """
    with closing(sqlite3.connect(file)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return
        if "experiments" in tables and database.execute("SELECT 1 FROM experiments").fetchone():
            return
    raise RequestError(
        f"{file} must be a database of MLflow, but was left half-made, perhaps by a full disk. It "
        f"holds no run: remove it, unless another program is making it right now."
    )


def _scheme(uri: str) -> str:
    """Return the kind of a URI, without the driver of a database."""
    return urlsplit(uri).scheme.partition("+")[0].lower()
