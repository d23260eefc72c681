"""Stages that only remember how they were called, in place of the real ones."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import medcl.stages
from medcl.cli.main import main
from medcl.stages.summary import StageSummary, Table, Written


class Recorder:
    """Takes any call, remembers it, and answers with a summary or an error."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple, dict]] = []
        self.error: BaseException | None = None
        self.answer: object = StageSummary(
            stage="demo",
            figures={"volumes": 3, "share_refused": 0.25},
            written=[Written("store", Path("runs/store"))],
            next_command="medcl store show runs/store",
        )

    def __call__(self, *args: object, **kwargs: object) -> object:
        print("a library says something on standard output")  # noqa: T201 - it must not come through
        if "progress" in kwargs:
            with kwargs["progress"].task("Working", total=2, unit="series") as advance:
                advance(2)
        self.calls.append((args, kwargs))
        if self.error is not None:
            raise self.error
        return self.answer


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Recorder]:
    """Put a recorder in the place of one function of one stage."""

    def replace(name: str, function: str = "run") -> Recorder:
        recorder = Recorder()
        module = ModuleType(f"medcl.stages.{name}")
        setattr(module, function, recorder)
        module.as_table = lambda rows: Table(("key",), [(row["key"],) for row in rows])
        monkeypatch.setitem(sys.modules, f"medcl.stages.{name}", module)
        monkeypatch.setattr(medcl.stages, name, module, raising=False)
        return recorder

    return replace


@pytest.fixture
def medcl_command(capfd: pytest.CaptureFixture[str]) -> Callable[..., SimpleNamespace]:
    """Run the command in this process and give status and both streams."""

    def run(*words: str) -> SimpleNamespace:
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            main(words)
        out, err = capfd.readouterr()
        return SimpleNamespace(status=caught.value.code or 0, out=out, err=err)

    return run


SETTINGS = """\
name: a
store: runs/store
policy:
  name: p
  modality: CT
  grid: {size_voxels: [8, 8, 8], spacing_mm: [1, 1, 1]}
  window: {kind: fixed_window, low: -1000, high: 1000}
"""

EXTRA = {
    "audit": "",
    "pretrain": "encoder: {name: residual}\ntraining: {steps: 2, batch_size: 2}\n",
    "finetune": (
        "label_set: x\nkind: classification\ntest: {split: val}\nencoder: runs/a/encoder\n"
    ),
    "study": (
        "label_set: x\nkind: classification\ntest: {split: val}\nlabel_counts: [4]\n"
        "encoders: {ours: runs/a/encoder}\narms: [{init: ours, adaptation: probe}]\n"
    ),
}


@pytest.fixture
def settings_file(tmp_path: Path) -> Callable[[str], str]:
    """Write a small correct settings file for a stage."""

    def write(name: str) -> str:
        text = SETTINGS + EXTRA.get(name, "")
        if name == "embed":
            text = "name: a\nstore: runs/store\nencoder: runs/a/encoder\n"
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return str(path)

    return write
