"""Running a grid: finished cells are skipped, a failed one does not stop the others."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path

from medcl.errors import MedclError, SafetyError
from medcl.study.cells import Cell
from medcl.study.scores import CaseTable, Scored, stored_fingerprint, write_scores

RunCell = Callable[[Cell], CaseTable]
OnDone = Callable[["Outcome"], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one cell.

    Attributes:
        cell: Which.
        status: ``reused`` (it was finished before), ``done``, or ``failed``.
        reason: Why it failed, one sentence without a path or a header value; else empty.
    """

    cell: Cell
    status: str
    reason: str = ""


def run_grid(
    cells: Sequence[Cell],
    run_cell: RunCell,
    *,
    executor: Executor,
    folder: Path,
    inputs: Callable[[Cell], Mapping[str, object]],
    on_done: OnDone = lambda _: None,
) -> list[Outcome]:
    """Run every cell that is not finished, and store its cases.

    Results are written here, by the caller's process alone, as soon as a cell is done; a study that
    is killed goes on with the cells that are missing.

    Args:
        cells: The grid.
        run_cell: Adapts and tests; picklable where the executor has other processes.
        executor: Where cells run.
        folder: Of the scores.
        inputs: Everything that decides a cell's result; a cell stored with other inputs is
            repeated.
        on_done: Called after each cell, for progress.

    Returns:
        One outcome per cell, in the order of ``cells``.

    Raises:
        SafetyError: A cell was refused for safety: the study stops.
    """
    outcomes: dict[Cell, Outcome] = {}

    def settle(outcome: Outcome) -> None:
        outcomes[outcome.cell] = outcome
        on_done(outcome)

    marks = {cell: cell.fingerprint(inputs(cell)) for cell in cells}
    pending: dict[Future[CaseTable], Cell] = {}
    try:
        for cell in cells:
            if stored_fingerprint(folder, cell) == marks[cell]:
                settle(Outcome(cell, "reused"))
                continue
            pending[executor.submit(run_cell, cell)] = cell
            _collect(pending, folder, marks, settle, timeout=0.0)
        while pending:
            _collect(pending, folder, marks, settle, timeout=None)
    except BaseException:
        for future in pending:
            future.cancel()
        raise
    return [outcomes[cell] for cell in cells]


def _collect(
    pending: dict[Future[CaseTable], Cell],
    folder: Path,
    marks: Mapping[Cell, str],
    settle: OnDone,
    *,
    timeout: float | None,
) -> None:
    done, _ = wait(pending, timeout=timeout, return_when=FIRST_COMPLETED)
    for future in done:
        cell = pending.pop(future)
        try:
            cases = future.result()
        except SafetyError:
            raise
        except Exception as error:  # noqa: BLE001 one cell's failure is reported, the others go on
            settle(Outcome(cell, "failed", _reason(error)))
            continue
        write_scores(folder, Scored(cell, cases, marks[cell]))
        settle(Outcome(cell, "done"))


def _reason(error: Exception) -> str:
    """Return a sentence; text of errors that are not medcl's own may hold a path and is dropped."""
    if isinstance(error, MedclError):
        return str(error)
    if type(error).__name__ == "KilledWorker":
        return "Its worker process died three times, perhaps out of memory."
    return f"It stopped with {type(error).__name__}."
