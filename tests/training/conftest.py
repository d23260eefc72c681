"""A small store of synthetic patients, a policy, and a method that trains in milliseconds."""

import numpy as np
import pytest

from medcl.ingest.outcome import Accepted, Technical
from medcl.runtime import seeds
from medcl.store.store import Store
from medcl.volume import Volume
from tests.training.small_run import build_method, build_policy


def accept(number, *, patient=None, array, affine=None):
    return Accepted(
        key=f"{number:032x}",
        patient_key=f"{number if patient is None else patient:016x}" * 2,
        study_key=f"{number:032x}",
        volume=Volume(
            array=array,
            affine=np.eye(4) if affine is None else affine,
            modality="CT",
            unit="HU",
        ),
        technical=Technical(),
        num_files=1,
        fingerprint="f",
    )


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """Ten patients of different brightness, the first of whom has three series."""
    store = Store.create(tmp_path_factory.mktemp("store") / "s", key_fingerprint="0" * 16)
    patients = [*range(10), 0, 0]
    for number, patient in enumerate(patients):
        noise = seeds.generator("volume", number).normal(size=(1, 20, 18, 16))
        brightness = 160 * patient - 720
        array = (100 * noise + brightness).astype(np.int16)
        store.add(accept(number + 1, patient=patient + 1, array=array))
    store.close()
    return store


@pytest.fixture(scope="session")
def policy():
    return build_policy()


@pytest.fixture
def new_method():
    """Return a function that builds the same untrained method each time."""
    return build_method
