"""Settings files that tests change."""

from collections.abc import Callable
from pathlib import Path

import pytest

STUDY = """\
name: adrenal
store: runs/store
label_set: adrenal
kind: classification
test: {fraction: 0.3, seed: 1}
policy:
  name: shapes
  modality: OT
  grid: {size_voxels: [32, 32, 32], spacing_mm: [1, 1, 1]}
  window: {kind: fixed_window, low: 0, high: 1}
  transforms:
    - {kind: crop, min_overlap: 0.5}
    - {kind: rotation, max_degrees: 10}
encoders: {ours: runs/pretrain/encoder}
arms:
  - {init: ours, adaptation: finetune}
  - {init: scratch, adaptation: finetune}
  - {init: none, adaptation: voxels}
label_counts: [10, 30]
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a file into the working folder and give its relative path."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str | bytes, name: str = "study.yaml") -> Path:
        content = text.encode() if isinstance(text, str) else text
        (tmp_path / name).write_bytes(content)
        return Path(name)

    return write_file


@pytest.fixture
def study() -> str:
    return STUDY
