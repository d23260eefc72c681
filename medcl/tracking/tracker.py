"""Where runs are tracked, and how one is made there without saying who made it or from where."""

import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcl.errors import RequestError
from medcl.runtime.stopping import stops_held
from medcl.tracking.environment import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ANONYMOUS: Mapping[str, str] = {
    "mlflow.user": "medcl",
    "mlflow.source.name": "medcl",
    "mlflow.source.type": "LOCAL",
}
_MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
_PER_REQUEST = 1000
_PARAM_LENGTH = 6000


@dataclass(frozen=True)
class Measurement:
    """One metric value at one step.

    Attributes:
        name: Metric name.
        value: Its value; NaN and infinite values are never logged.
        step: Training step, or number of labelled patients on a curve.
        time_ms: When, in milliseconds since 1970; a repeated value with the same time is one point.
    """

    name: str
    value: float
    step: int
    time_ms: int


@dataclass(frozen=True)
class Tracker:
    """One tracking place and one project in it; connects at the first use.

    Attributes:
        uri: Tracking URI.
        project: First part of the experiments' names.
        artifacts: Where files of runs go with a database URI; ``None`` lets the server decide.
    """

    uri: str
    project: str
    artifacts: Path | None = None

    @classmethod
    def open(cls, runs: Path, *, project: str) -> "Tracker":
        """Return the tracker of a folder of runs.

        Args:
            runs: Folder of all runs; ``mlflow.db`` and ``mlflow-artifacts/`` are made in it, unless
                ``MLFLOW_TRACKING_URI`` names another place.
            project: Letters, digits, ``_``, ``-``, ``.``.

        Returns:
            A tracker that has not connected yet.

        Raises:
            RequestError: The project's name is none.
        """
        if not re.fullmatch(r"[\w.-]{1,100}", project):
            raise RequestError("A project's name must be 1 to 100 letters, digits, '_', '-', '.'.")
        chosen = os.environ.get("MLFLOW_TRACKING_URI")
        if chosen:
            return cls(chosen, project)
        folder = runs.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{folder / 'mlflow.db'}", project, folder / "mlflow-artifacts")

    @cached_property
    def client(self) -> "MlflowClient":
        """The MLflow client."""
        return connect(self.uri)

    def experiment(self, subject: str) -> str:
        """Return the id of ``<project>/<subject>``, made if absent, revived if deleted."""
        name = f"{self.project}/{subject}"
        found = self.client.get_experiment_by_name(name)
        if found is None:
            folder = self.artifacts
            place = (folder / self.project / subject).as_uri() if folder else None
            made: str = self.client.create_experiment(
                name, artifact_location=place, tags=dict(_MODEL_TRAINING)
            )
            return made
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def create_run(self, experiment_id: str, name: str, tags: Mapping[str, str]) -> str:
        """Return the id of a new run that names no user, machine, file or folder."""
        run = self.client.create_run(
            experiment_id, run_name=name, tags={**_ANONYMOUS, **tags}, start_time=_now_ms()
        )
        return str(run.info.run_id)

    @contextmanager
    def run(
        self, experiment_id: str, name: str, tags: Mapping[str, str], *, known: str | None = None
    ) -> Iterator[str]:
        """Keep a run while the block fills it; how the block ends is how the run ends.

        Args:
            experiment_id: Where a new run is made.
            name: Of a new run.
            tags: Of a new run.
            known: Id of the run where there is one already.

        Yields:
            The run's id. It ends as ``FINISHED``, as ``FAILED`` after an error, and as ``KILLED``
            where somebody asked to stop.
        """
        run_id, status = known, "KILLED"
        try:
            if run_id is None:
                # A run that is begun must be known here, or nothing could end it.
                with stops_held():
                    run_id = self.create_run(experiment_id, name, tags)
            yield run_id
            status = "FINISHED"
        except Exception:
            status = "FAILED"
            raise
        finally:
            if run_id is not None:
                with stops_held():
                    self.finish(run_id, status)

    def log(
        self,
        run_id: str,
        measurements: Sequence[Measurement] = (),
        *,
        params: Mapping[str, object] | None = None,
    ) -> None:
        """Log metrics and settings in as few requests as MLflow's limits allow.

        Args:
            run_id: Of the run.
            measurements: Non-finite ones are left out.
            params: Settings; nested mappings become dotted names.
        """
        from mlflow.entities import Metric, Param

        metrics = [
            Metric(metric_name(m.name), float(m.value), m.time_ms, m.step)
            for m in measurements
            if math.isfinite(m.value)
        ]
        settings = [
            Param(name, str(value)[:_PARAM_LENGTH]) for name, value in flatten(params or {}).items()
        ]
        first = metrics[: _PER_REQUEST - 100]
        self.client.log_batch(run_id, metrics=first, params=settings[:100])
        for start in range(len(first), len(metrics), _PER_REQUEST):
            self.client.log_batch(run_id, metrics=metrics[start : start + _PER_REQUEST])
        for start in range(100, len(settings), 100):
            self.client.log_batch(run_id, params=settings[start : start + 100])

    def finish(self, run_id: str, status: str = "FINISHED") -> None:
        """Mark a run ``FINISHED``, ``FAILED`` or ``KILLED``."""
        self.client.set_terminated(run_id, status=status)

    def reopen(self, run_id: str) -> None:
        """Mark a run that had ended as ``RUNNING`` again."""
        self.client.update_run(run_id, status="RUNNING")

    def find(self, experiment_id: str, **tags: str) -> list[Any]:
        """Return the runs of an experiment that bear all these ``medcl.*`` tags."""
        query = " and ".join(f"tags.`medcl.{name}` = '{value}'" for name, value in tags.items())
        found, token = [], None
        while True:
            page = self.client.search_runs(
                [experiment_id], query, max_results=1000, page_token=token
            )
            found += list(page)
            token = page.token
            if not token:
                return found


def metric_name(name: str) -> str:
    """Return a name that MLflow takes.

    Example:
        >>> metric_name("train/loss (nats)")
        'train/loss _nats_'
    """
    return re.sub(r"[^\w\-. /]", "_", name)[:250]


def flatten(nested: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested mappings as one with dotted names.

    Example:
        >>> flatten({"encoder": {"width": 8}, "steps": 3})
        {'encoder.width': 8, 'steps': 3}
    """
    flat: dict[str, object] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def tag_value(text: str) -> str:
    """Return text that is safe inside a search filter and a tag.

    Example:
        >>> tag_value("O'Neil")
        'O_Neil'
    """
    return re.sub(r"[^\w\-. ]", "_", text)[:200]


def _now_ms() -> int:
    return int(time.time() * 1000)
