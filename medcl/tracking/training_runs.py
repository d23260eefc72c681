"""Training writes ``events.jsonl``; a background thread copies it to MLflow when MLflow is there.

The file is the queue, so nothing is held in memory and nothing is lost: whatever a dead server
missed is sent by a later `sync_events`. No step is logged twice: at its start a replay asks the
server for the last step of each metric and goes on from there.
"""

import json
import logging
import math
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from medcl.errors import InputError
from medcl.runtime import files
from medcl.runtime.stopping import stops_held
from medcl.tracking.after_work import reason_of
from medcl.tracking.tracker import Measurement, Tracker, flatten, metric_name, tag_value

_LOG = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 20
_LONGEST_PAUSE_S = 60.0
_NOT_METRICS = {"kind", "step", "time_s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """What MLflow shall say about a run.

    Attributes:
        name: Of the run.
        subject: Second part of the experiment's name, such as ``pretrain``.
        params: Settings, nested or flat; never a path or a header value.
        tags: Further ``medcl.*`` tags without the prefix.
    """

    name: str
    subject: str = "pretrain"
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


class Replay:
    """Copies a growing ``events.jsonl`` into one MLflow run."""

    def __init__(self, events: Path, *, tracker: Tracker, run: TrainingRun) -> None:
        """Remember what to copy; nothing is read or connected yet."""
        self._events, self._tracker, self._run = events, tracker, run
        self._run_id: str | None = None
        self._begun: str | None = None
        self._offset = 0
        self._last_step: dict[str, int] = {}

    def advance(self) -> int:
        """Log all complete lines that are new.

        Returns:
            Number of metric values logged.
        """
        try:
            return self._advance(self._run_id or self._open())
        except BaseException:
            self._run_id = None  # what arrived is unknown now: ask the server next time
            raise

    def finish(self, status: str) -> int:
        """Log the rest and mark the run ``FINISHED``, ``FAILED`` or ``KILLED``.

        Args:
            status: How the run ended.

        Returns:
            Number of metric values logged.
        """
        logged = self.advance()
        self._tracker.finish(self._run_id or self._open(), status)
        _note_sent(self._events, self._offset)
        return logged

    def give_up(self) -> None:
        """Mark the run ``KILLED``, if it was begun."""
        if self._begun is not None:
            self._tracker.finish(self._begun, "KILLED")

    def _advance(self, run_id: str) -> int:
        logged = 0
        while chunk := _complete_lines(self._events, self._offset):
            new = self._unseen(chunk)
            self._tracker.log(run_id, new)
            logged += len(new)
            self._offset += len(chunk)
        return logged

    def _unseen(self, chunk: bytes) -> list[Measurement]:
        new = []
        for line in chunk.splitlines():
            for measurement in _measurements(line):
                if measurement.step > self._last_step.get(measurement.name, -1):
                    self._last_step[measurement.name] = measurement.step
                    new.append(measurement)
        return new

    def _open(self) -> str:
        """Return the id of the run, found or made, and learn how far it got."""
        tracker, run = self._tracker, self._run
        experiment = tracker.experiment(run.subject)
        key = _run_key(self._events)
        found = tracker.find(experiment, run_key=key)
        tags = {f"medcl.{name}": tag_value(text) for name, text in run.tags.items()}
        self._offset, self._last_step = 0, {}
        if found:
            run_id, known = str(found[0].info.run_id), found[0].data
            for name in known.metrics:
                history = tracker.client.get_metric_history(run_id, name)
                self._last_step[name] = max(point.step for point in history)
            params = {n: v for n, v in flatten(run.params).items() if n not in known.params}
            self._begun = run_id
            if found[0].info.status != "RUNNING":
                tracker.reopen(run_id)
        else:
            tags |= {"medcl.run_key": key, "medcl.kind": tag_value(run.subject)}
            with stops_held():
                run_id = self._begun = tracker.create_run(experiment, run.name, tags)
            params = dict(run.params)
        tracker.log(run_id, params=params)
        self._run_id = run_id
        return run_id


class TrackingSync:
    """A background thread that replays events while training runs, and never disturbs it.

    Errors of any kind stay in the thread: it waits longer after each and tries again.

    Attributes:
        was_stopped: Set by whoever trains when training was asked to stop before its end.
    """

    def __init__(
        self, events: Path, *, tracker: Tracker, run: TrainingRun, period_s: float = 5.0
    ) -> None:
        """Prepare to copy a file that may not exist yet, every ``period_s`` seconds."""
        self._replay = Replay(events, tracker=tracker, run=run)
        self._period_s = period_s
        self._stop = threading.Event()
        self._status = "FINISHED"
        self._complete = False
        self.was_stopped = False
        self._thread = threading.Thread(target=self._work, name="medcl-tracking", daemon=True)

    def start(self) -> None:
        """Begin to copy."""
        self._thread.start()

    def stop(self, timeout: float = 15.0, *, status: str = "FINISHED") -> bool:
        """Copy what is left and end.

        Args:
            timeout: Seconds to wait at most; a dead server costs no more than this, once.
            status: ``FINISHED``, ``FAILED`` or ``KILLED``.

        Returns:
            Whether MLflow has everything. If not, `sync_events` sends the rest later.
        """
        self._status = status
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return self._complete

    def _work(self) -> None:
        pause = self._period_s
        while not self._stop.wait(pause):
            done = self._try(self._replay.advance)
            pause = self._period_s if done else min(2 * pause, _LONGEST_PAUSE_S)
        self._complete = self._try(lambda: self._replay.finish(self._status))

    def _try(self, action: Callable[[], int]) -> bool:
        try:
            action()
        except Exception as error:  # noqa: BLE001 whatever MLflow raises, training goes on
            _LOG.warning(
                "Tracking paused (%s); events are kept on disk, and the same command sends what "
                "was missed.",
                reason_of(error),
            )
            return False
        return True


def sync_events(
    events: Path, *, tracker: Tracker, run: TrainingRun, status: str = "FINISHED"
) -> int:
    """Send to MLflow what it has not got of a finished or interrupted run.

    Args:
        events: The run's ``events.jsonl``.
        tracker: Where to.
        run: What to call it, if MLflow does not know it yet.
        status: How the run ended.

    Returns:
        Number of metric values sent; 0 if MLflow had all.

    Raises:
        InputError: There are no events.
        KeyboardInterrupt: Somebody asked to stop; the run ends as ``KILLED``, and a later call
            sends the rest.
    """
    if not events.exists():
        raise InputError("There must be an events.jsonl to send; the run has none.")
    replay = Replay(events, tracker=tracker, run=run)
    try:
        return replay.finish(status)
    except KeyboardInterrupt:
        with stops_held():
            replay.give_up()
        raise


def has_all(events: Path) -> bool:
    """Return whether MLflow was sent every event of a run that has ended.

    Args:
        events: The run's ``events.jsonl``; where there is none, nothing is missing.
    """
    return not events.exists() or _record(events).get("sent_bytes") == events.stat().st_size


@contextmanager
def log_training_run(
    events: Path, *, tracker: Tracker, run: TrainingRun, timeout_s: float = 15.0
) -> Iterator[TrackingSync]:
    """Track a run while the block trains; its status is how the block ends.

    Args:
        events: The ``events.jsonl`` that the block appends to.
        tracker: Where to.
        run: What to call it.
        timeout_s: Longest wait for MLflow at the end.

    Yields:
        The running synchronisation; with its ``was_stopped`` set the run ends as ``KILLED``, as
        after Ctrl-C and its like.
    """
    sync = TrackingSync(events, tracker=tracker, run=run)
    status = "KILLED"
    try:
        with stops_held():
            sync.start()
        yield sync
        status = "KILLED" if sync.was_stopped else "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        with stops_held():
            sync.stop(timeout_s, status=status)


def _complete_lines(path: Path, offset: int) -> bytes:
    """Return up to 1 MiB of whole lines from an offset; nothing while the file does not exist."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            chunk = file.read(_CHUNK_BYTES)
    except FileNotFoundError:
        return b""
    return chunk[: chunk.rfind(b"\n") + 1]


def _measurements(line: bytes) -> Iterator[Measurement]:
    """Yield the numbers of one event, named ``train/…`` for steps, else after the event's kind."""
    try:
        event = json.loads(line)
        step, kind, time_ms = event["step"], str(event["kind"]), int(1000 * event["time_s"])
    except (ValueError, TypeError, KeyError):
        return
    if type(step) is not int:
        return
    prefix = "train" if kind == "step" else kind
    for name, value in flatten({k: v for k, v in event.items() if k not in _NOT_METRICS}).items():
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield Measurement(metric_name(f"{prefix}/{name}"), float(value), step, time_ms)


def _run_key(events: Path) -> str:
    """Return the random name that ties a run folder to its MLflow run, on whichever server."""
    try:
        return tag_value(str(_record(events)["run_key"]))
    except (ValueError, KeyError):
        key = uuid.uuid4().hex
        files.write_json(_path_of_record(events), {"run_key": key})
        return key


def _note_sent(events: Path, num_bytes: int) -> None:
    files.write_json(_path_of_record(events), {**_record(events), "sent_bytes": num_bytes})


def _record(events: Path) -> dict[str, object]:
    """Return what is noted beside a run about its sending; nothing where that cannot be read."""
    try:
        content = json.loads(_path_of_record(events).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _path_of_record(events: Path) -> Path:
    return events.with_name("tracking.json")
