"""MLflow on medcl's terms: no telemetry, no jobs, no unpickling, short patience, imported late.

MLflow reads its switches when it is imported, so they are set here first, and this is the only
file that imports it. Importing takes seconds; commands that do not track never pay them.
"""

import logging
import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from medcl.tracking.place import database_file, make_database, require_no_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient

SWITCHES: Mapping[str, str] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SKIP_PIP_REQUIREMENTS_CHECK": "true",
}
"""Always set: each closes a door to the outside or to code execution."""

PATIENCE: Mapping[str, str] = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""Set where the user has not: MLflow's own patience with a dead server is about ten minutes."""


def prepare() -> None:
    """Set the switches; must run before anything imports MLflow."""
    os.environ.update(SWITCHES)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)


def connect(uri: str) -> "MlflowClient":
    """Return a client; a new SQLite file is made and migrated, which takes a few seconds.

    Args:
        uri: Tracking URI, ``sqlite:///…`` or ``http://…``.

    Returns:
        An MLflow client.

    Raises:
        RequestError: The URI names a folder, or a database that was left half-made.
    """
    prepare()
    require_no_folder(uri)
    with warnings.catch_warnings():  # MLflow's table mapping uses a strategy SQLAlchemy will drop
        warnings.filterwarnings("ignore", "The ``noload`` loader", DeprecationWarning)
        from mlflow import MlflowClient

        if (file := database_file(uri)) is not None:
            make_database(file)
        return MlflowClient(tracking_uri=uri)
