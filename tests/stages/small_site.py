"""A small hospital's folder, its settings, and the command that works on it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from medcl.cli.main import main
from pipelines.synthetic_hospital.archive import HospitalSummary

POLICY = """
  name: small_ct
  modality: CT
  grid: {size_voxels: [32, 24, 24], spacing_mm: [5.5, 5.5, 5.5]}
  window: {kind: fixed_window, low: -200.0, high: 400.0}
  transforms:
    - {kind: crop, min_overlap: 0.5}
    - {kind: rotation, max_degrees: 10.0}
    - {kind: gaussian_noise, sd_hu: [0.0, 15.0]}
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
