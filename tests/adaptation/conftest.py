"""Stores of synthetic patients whose labels can be learnt."""

import numpy as np
import pytest
import torch

from medcl.adaptation.cases import ClassificationTask, Labelled, SegmentationTask
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.crop import Crop
from medcl.encoders.residual import residual
from medcl.geometry import affine as affines
from medcl.ingest.outcome import Accepted, Technical
from medcl.runtime import seeds
from medcl.store.store import Store
from medcl.volume import Volume

SHAPE = (20, 18, 16)


def accept(number, *, array, affine):
    return Accepted(
        key=f"{number:032x}",
        patient_key=f"{number:016x}" * 2,
        study_key=f"{number:032x}",
        volume=Volume(array=array, affine=affine, modality="CT", unit="HU"),
        technical=Technical(),
        num_files=1,
        fingerprint="f",
    )


def ball(centre, radii):
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1)
    return (((grid - centre) / radii) ** 2).sum(axis=-1) <= 1


def oblique():
    affine = affines.rotation(np.array([12.0, -8.0, 20.0])) @ np.diag([-1.0, 1.0, 1.2, 1.0])
    affine[:3, 3] = [30.0, -12.0, 5.0]
    return affine


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """A ball of 800 HU in class 1, of 200 HU in class 0; the label map is the ball."""
    store = Store.create(tmp_path_factory.mktemp("store") / "s", key_fingerprint="0" * 16)
    for number in range(40):
        draw = seeds.generator("ball", number)
        centre = np.asarray(SHAPE) / 2 + draw.uniform(-1.5, 1.5, 3)
        mask = ball(centre, draw.uniform(4, 6, 3))
        is_bright = number % 2
        array = draw.normal(0, 60, SHAPE) + mask * (800 if is_bright else 200)
        affine = oblique() if number % 3 else np.eye(4)
        store.add(accept(number + 1, array=array[None].astype(np.int16), affine=affine))
        labels = mask.astype(np.uint8)
        store.add_label_map("balls", f"{number + 1:032x}", labels, affine=affine)
    store.close()
    return store


@pytest.fixture(scope="session")
def policy():
    return Policy(
        name="small",
        modality="CT",
        grid=ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(1.5, 1.5, 1.5)),
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=(Crop(min_overlap=0.5),),
    )


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return residual(width=8)


def labelled(rows):
    return [Labelled(row=row, target=(int(row.key, 16) - 1) % 2) for row in rows]


@pytest.fixture(scope="session")
def classes(store):
    rows = store.rows()
    return ClassificationTask(
        store=store, num_classes=2, train=labelled(rows[:20]), test=labelled(rows[20:])
    )


@pytest.fixture(scope="session")
def maps(store):
    rows = store.rows()
    return SegmentationTask(
        store=store, label_set="balls", num_classes=2, train=rows[:8], test=rows[30:36]
    )
