"""A small hospital's folder, its settings, and the command that works on it."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from medcl.cli.main import main
from pipelines.synthetic_hospital.archive import HospitalSummary, write_hospital
from tests.stages import canaries

POLICY = """
  name: small_ct
  modality: CT
  grid: {size_voxels: [32, 24, 24], spacing_mm: [5.5, 5.5, 5.5]}
  window: {kind: fixed_window, low: -200.0, high: 400.0}
  transforms:
    - {kind: crop, min_overlap: 0.5}
    - {kind: rotation, max_degrees: 10.0}
    - {kind: gaussian_noise, sd_hu: [0.0, 10.0]}
"""


@dataclass(frozen=True)
class Site:
    """A hospital's folder with everything medcl made in it."""

    folder: Path
    hospital: HospitalSummary

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def key(self) -> str:
        return str(self.folder / "secret.key")

    def settings(self, name: str, text: str) -> str:
        path = self.folder / f"{name}.yaml"
        places = f"store: {self.store}\nruns: {self.runs}\n"
        path.write_text(f"name: {name}\n{places}{text}policy:{POLICY}")
        return str(path)


def medcl(*words: str) -> int:
    """Run the command and return its exit status."""
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return int(stopped.value.code or 0)


@contextmanager
def on_record(folder: Path) -> Iterator[None]:
    """Keep all that commands print, log or put into the folder for temporary files."""
    temporary, before = folder / "temporary", (os.environ.get("TMPDIR"), tempfile.tempdir)
    temporary.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    handler, root = logging.FileHandler(folder / "log.txt"), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with (
            (folder / "terminal.txt").open("a") as said,
            redirect_stdout(said),
            redirect_stderr(said),
        ):
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
        os.environ.pop("TMPDIR")
        if before[0] is not None:
            os.environ["TMPDIR"] = before[0]
        tempfile.tempdir = before[1]


AUDIT = """
volumes: 4
views_per_volume: 1
difficulty: {steps: 2, volumes: 8}
probe: {volumes: 6}
contact_sheet: {volumes: 1, draws: 2}
"""

PRETRAIN = """
hold_out: {label_set: horseshoe, test: {fraction: 0.4, seed: 0}}
encoder: {name: residual, width: 8}
training: {steps: 4, batch_size: 4}
machine: {log_every_steps: 2}
"""

STUDY = """
label_set: horseshoe
kind: classification
task: shape
test: {fraction: 0.4, seed: 0}
encoders: {pretrained: RUNS/pretrain/encoder}
arms:
  - {init: scratch, adaptation: finetune}
  - {init: pretrained, adaptation: probe}
  - {init: none, adaptation: voxels}
label_counts: [4, 8]
seeds: [0, 1]
finetune: {steps: 2, batch_size: 4}
bootstrap: {resamples: 200}
"""


def small_site(folder: Path, *, with_canaries: bool = False) -> Site:
    """Write a hospital, full of canaries if asked to, and bring it into a store."""
    site = Site(folder, write_hospital(folder, patients=24, seed=3))
    if with_canaries:
        assert canaries.plant(site.hospital.archive) > 1000
    where = ("--store", str(site.store), "--key-file", site.key)
    assert medcl("keys", "new", site.key) == 0
    assert medcl("ingest", str(site.hospital.archive), *where) == 0
    labels = str(site.hospital.labels_csv)
    assert medcl("labels", "add", labels, *where, "--name", "horseshoe") == 0
    return site


def pretrain_and_study(site: Site) -> None:
    """Take the site from its store to curves."""
    study = STUDY.replace("RUNS", str(site.runs))
    assert medcl("pretrain", site.settings("pretrain", PRETRAIN)) == 0
    assert medcl("study", site.settings("study", study)) == 0
