import numpy as np
import pytest
import torch

from medcl.adaptation.recipe import FinetuneRecipe
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.crop import Crop
from medcl.encoders.residual import residual
from medcl.store.store import Store
from medcl.study.bench import Bench
from medcl.study.cells import Arm, Cell
from medcl.study.split import LabelledVolume, Split
from tests.adaptation.conftest import SHAPE, accept, ball

POLICY = Policy(
    name="small",
    modality="CT",
    grid=ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(1.5, 1.5, 1.5)),
    window=FixedWindow(low=-1000.0, high=1000.0),
    transforms=(Crop(min_overlap=0.5),),
)


def encoder_of(init, seed):
    torch.manual_seed(seed + (init == "pretrained"))
    return residual(width=8)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Balls of 600 HU, and their maps."""
    store = Store.create(tmp_path_factory.mktemp("bench") / "s", key_fingerprint="0" * 16)
    volumes = []
    for number in range(1, 9):
        mask = ball(np.asarray(SHAPE) / 2 + number % 3 - 1, np.full(3, 5.0))
        noise = np.random.default_rng(number).normal(0, 60, SHAPE)
        array = (noise + 600 * mask)[None].astype(np.int16)
        store.add(accept(number, array=array, affine=np.eye(4)))
        key = f"{number:032x}"
        store.add_label_map("balls", key, mask.astype(np.uint8), affine=np.eye(4))
        row = store.row(key)
        volumes.append(LabelledVolume(key=key, patient_key=row.patient_key, target=None))
    store.close()
    return Bench(
        store=store,
        policy=POLICY,
        split=Split(tuple(volumes[:5]), tuple(volumes[5:]), 0),
        kind="segmentation",
        label_set="balls",
        num_classes=2,
        min_per_class=1,
        encoder_of=encoder_of,
        recipe_of=lambda _arm, seed: FinetuneRecipe(steps=2, batch_size=2, seed=seed),
        is_balanced=True,
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize(
    ("init", "adaptation", "part"),
    [
        ("pretrained", "probe", "weights.0"),
        ("none", "voxels", "weights.4"),
        ("scratch", "frozen", "out.conv.conv.weight"),
    ],
)
def test_every_adaptation_of_label_maps_measures_each_test_volume(bench, init, adaptation, part):
    adapted = bench.run(Cell(Arm(init, adaptation), 3, 0))
    assert adapted.cases.keys == tuple(volume.key for volume in bench.split.test)
    assert adapted.cases.values.shape == (3, 1)
    assert part in adapted.weights
    assert bool(adapted.losses) == (adaptation == "frozen")


def test_a_probe_of_label_maps_asks_the_encoder_of_its_arm(bench):
    known, random = (
        bench.run(Cell(Arm(init, "probe"), 3, 0)).cases.values for init in ("pretrained", "scratch")
    )
    assert not np.array_equal(known, random)
    assert known.min() > 0.5
