"""Invented CT of 24 patients: a body with organs of one's own, the bright one always right."""

import numpy as np
import pytest

from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.ingest.outcome import Accepted, Technical
from medcl.store.store import Store
from medcl.volume import Volume

PATIENTS = 24


def body(number):
    rng = np.random.default_rng(number)
    places = np.stack(np.meshgrid(*(np.arange(20.0),) * 3, indexing="ij"), axis=-1)
    hounsfield = np.full((20, 20, 20), 40.0)
    for value in (-100.0, -60.0, 120.0, 200.0):
        centre, radius = rng.uniform(5, 15, 3), rng.uniform(2, 4)
        hounsfield[((places - centre) ** 2).sum(axis=-1) < radius**2] = value
    right = np.array([15.0, 10.0, 10.0])  # voxel x grows to the right in RAS
    hounsfield[((places - right) ** 2).sum(axis=-1) < 9] = 350.0
    return hounsfield[None].round().astype(np.int16)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    store = Store.create(tmp_path_factory.mktemp("evaluation") / "s", key_fingerprint="0" * 16)
    for number in range(1, PATIENTS + 1):
        store.add(
            Accepted(
                key=f"{number:032x}",
                patient_key=f"{number:016x}" * 2,
                study_key=f"{number:032x}",
                volume=Volume(array=body(number), affine=np.eye(4), modality="CT", unit="HU"),
                technical=Technical(manufacturer="ge" if number % 2 else "siemens"),
                num_files=1,
                fingerprint="f",
            )
        )
    store.close()
    return store


@pytest.fixture(scope="session")
def policy_with():
    def build(*transforms):
        return Policy(
            name="small",
            modality="CT",
            grid=ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(1.0, 1.0, 1.0)),
            window=FixedWindow(low=-200.0, high=400.0),
            transforms=transforms,
        )

    return build
