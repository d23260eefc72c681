"""Small accepted volumes and a store to put them into."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medcl.ingest.outcome import Accepted, Technical
from medcl.store.store import Store
from medcl.volume import Volume

FINGERPRINT = "f" * 16


def key_of(*words: object) -> str:
    return hashlib.sha256(repr(words).encode()).hexdigest()[:32]


def accepted_volume(
    number: int = 0,
    *,
    patient: int | None = None,
    array: np.ndarray | None = None,
    affine: np.ndarray | None = None,
    masked: bool = False,
    seed: int | None = None,
    **changes: object,
) -> Accepted:
    rng = np.random.default_rng(number if seed is None else seed)
    if array is None:
        array = rng.integers(-1000, 1000, (1, 40, 37, 34)).astype(np.int16)
    volume = Volume(
        array=array,
        affine=np.diag([0.7, 0.7, 2.5, 1.0]) if affine is None else affine,
        modality="CT",
        unit="HU",
        validity=rng.random(array.shape[1:]) > 0.2 if masked else None,
    )
    fields = {
        "key": key_of("volume", number),
        "patient_key": key_of("patient", number if patient is None else patient),
        "study_key": key_of("study", number),
        "volume": volume,
        "technical": Technical(kvp=120.0, kernel="soft", contrast=True),
        "num_files": 34,
        "fingerprint": f"fingerprint-{number}",
    }
    return Accepted(**(fields | changes))


@pytest.fixture
def make_accepted() -> Callable[..., Accepted]:
    return accepted_volume


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store", key_fingerprint=FINGERPRINT)
