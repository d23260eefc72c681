"""What a run leaves behind while it goes: checkpoints, ``events.jsonl``, progress reports."""

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from medcl.errors import RequestError
from medcl.training import checkpoint as checkpoints
from medcl.training.checkpoint import Checkpoint
from medcl.training.events import EventLog
from medcl.training.progress import Meter, Progress, Report
from medcl.training.recipe import Machine, Recipe

_log = logging.getLogger(__name__)


class Diary:
    """Writes for the first process of a run; on the others nothing is written.

    Attributes:
        latest: The last progress that was reported.
    """

    def __init__(
        self,
        folder: Path,
        *,
        recipe: Recipe,
        machine: Machine,
        report: Report,
        is_first: bool,
    ) -> None:
        """Open the event log.

        Args:
            folder: Of the run; gets ``checkpoints/`` and ``events.jsonl``.
            recipe: Gives the number of steps and the batch size.
            machine: Gives the times between checkpoints and between reports.
            report: Called with every progress.
            is_first: Whether this is the process that writes.
        """
        self.latest: Progress | None = None
        self._recipe, self._machine = recipe, machine
        self._report = report
        self._checkpoints = checkpoint_folder(folder)
        self._events: EventLog | None = None
        self._meter = Meter()
        self._saved_step, self._saved_s = -1, time.monotonic()
        if is_first:
            self._checkpoints.mkdir(parents=True, exist_ok=True)
            self._events = EventLog(folder / "events.jsonl")

    @property
    def meter(self) -> Meter:
        """The clock of the loop."""
        return self._meter

    def write(self, kind: str, **fields: object) -> None:
        """Append an event."""
        if self._events is not None:
            self._events.write(kind, **fields)

    def is_report_due(self, step: int) -> bool:
        """Return whether the progress after this step shall be reported."""
        return step % self._machine.report_every_steps == 0 or step == self._recipe.steps

    def note(self, step: int, *, learning_rate: float, values: Mapping[str, float]) -> None:
        """Report a step to the person and to the event log.

        Args:
            step: Steps taken.
            learning_rate: Of this step.
            values: ``loss`` and the method's metrics.
        """
        lap, total = self._meter.lap(), self._meter.total()
        self.latest = Progress(
            step=step,
            steps=self._recipe.steps,
            loss=values["loss"],
            learning_rate=learning_rate,
            volumes_per_s=lap.steps_per_s * self._recipe.batch_size,
            wait_share=lap.wait_share,
            seconds_left=(self._recipe.steps - step) / max(total.steps_per_s, 1e-9),
            metrics={name: value for name, value in values.items() if name != "loss"},
        )
        if self._events is not None:
            self.write("step", **asdict(self.latest))
            self._report(self.latest)

    def is_save_due(self, step: int) -> bool:
        """Return whether so many steps were taken, or so much time passed, that it is saved."""
        elapsed_s = time.monotonic() - self._saved_s
        is_late = elapsed_s >= self._machine.checkpoint_every_s
        return is_late or step % self._machine.checkpoint_every_steps == 0

    def try_to_save(self, checkpoint: Checkpoint) -> None:
        """Save on the way; a disk that is full is warned about and stops nothing."""
        try:
            self.save(checkpoint)
        except RequestError as error:
            _log.warning("%s The run goes on; the checkpoint before is good.", error)
            self.write("not_saved", step=checkpoint.step)
            self._saved_s = time.monotonic()

    def save(self, checkpoint: Checkpoint) -> None:
        """Save, unless this step is saved already.

        Args:
            checkpoint: What to save.

        Raises:
            RequestError: The file system does not take the file.
        """
        step = checkpoint.step
        if self._events is None or step == self._saved_step:
            return
        try:
            checkpoints.save(self._checkpoints, checkpoint)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise RequestError(
                f"The checkpoint of step {step} must be written, but the system says: {reason}."
            ) from None
        self._saved_step, self._saved_s = step, time.monotonic()
        self.write("saved", step=step)

    def __enter__(self) -> "Diary":
        """Return the diary itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Note a failure and close the event log."""
        if self._events is not None:
            if error is not None:
                self.write("failed", error=type(error).__name__)
            self._events.__exit__(kind, error, traceback)


def checkpoint_folder(folder: Path) -> Path:
    """Return where the checkpoints of a run are."""
    return folder / "checkpoints"
