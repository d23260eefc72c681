"""A grid goes on after a kill and past a failure."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medcl.errors import CorruptionError, InputError
from medcl.fanout.executors import SerialExecutor
from medcl.study.cells import Arm, Cell, grid
from medcl.study.run import Outcome, run_grid
from medcl.study.scores import CaseTable, load_scores, segmentation_table

CELLS = grid([Arm("scratch", "probe")], [5, 10], [0, 1])


def scored(cell: Cell) -> CaseTable:
    return segmentation_table(["a"], ["p"], dice=[[1 / cell.num_labels]])


class Recorder:
    """A cell runner that notes its calls and may fail."""

    def __init__(self, fail: dict[str, BaseException] | None = None) -> None:
        self.names: list[str] = []
        self.fail = fail or {}

    def __call__(self, cell: Cell) -> CaseTable:
        self.names.append(cell.name)
        if cell.name in self.fail:
            raise self.fail[cell.name]
        return scored(cell)


def run(folder: Path, runner: Recorder, steps: int = 10, seen: list[Outcome] | None = None):
    return run_grid(
        CELLS,
        runner,
        executor=SerialExecutor(),
        folder=folder,
        inputs=lambda _: {"steps": steps},
        on_done=(seen if seen is not None else []).append,
    )


def test_every_cell_is_run_once_and_found_again(tmp_path: Path) -> None:
    first, second, seen = Recorder(), Recorder(), []
    assert [o.status for o in run(tmp_path, first, seen=seen)] == ["done"] * 4
    assert [o.cell for o in seen] == CELLS
    assert [o.status for o in run(tmp_path, second)] == ["reused"] * 4
    assert (len(first.names), second.names) == (4, [])
    assert len(load_scores(tmp_path)) == 4


def test_other_inputs_repeat_the_cells_and_leave_no_mixture(tmp_path: Path) -> None:
    run(tmp_path, Recorder())
    again = Recorder()
    assert [o.status for o in run(tmp_path, again, steps=20)] == ["done"] * 4
    assert len({scored.fingerprint for scored in load_scores(tmp_path)}) == 4
    assert len(load_scores(tmp_path)) == 4


def test_a_killed_study_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Recorder({CELLS[2].name: KeyboardInterrupt()}))
    assert len(load_scores(tmp_path)) == 2
    rest = Recorder()
    assert [o.status for o in run(tmp_path, rest)] == ["reused", "reused", "done", "done"]
    assert rest.names == [cell.name for cell in CELLS[2:]]


def test_a_failed_cell_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    failing = {
        CELLS[0].name: InputError("A sentence."),
        CELLS[2].name: ValueError("/archive/DOE^JOHN"),
    }
    outcomes = run(tmp_path, Recorder(failing))
    assert [o.status for o in outcomes] == ["failed", "done", "failed", "done"]
    assert [o.reason for o in outcomes if o.reason] == [
        "A sentence.",
        "It stopped with ValueError.",
    ]
    assert [o.status for o in run(tmp_path, Recorder())] == ["done", "reused", "done", "reused"]


def test_a_refusal_for_safety_stops_the_study(tmp_path: Path) -> None:
    runner = Recorder({CELLS[1].name: CorruptionError("Bytes differ.")})
    with pytest.raises(CorruptionError):
        run(tmp_path, runner)
    assert len(runner.names) == 2


def test_cells_may_end_in_any_order(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as threads:
        outcomes = run_grid(CELLS, scored, executor=threads, folder=tmp_path, inputs=lambda _: {})
    assert [o.cell for o in outcomes] == CELLS
    assert {o.status for o in outcomes} == {"done"}
