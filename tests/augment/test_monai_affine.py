"""MONAI's affine transform turns anatomy as MONAI does, and invents none."""

import numpy as np
import pytest
import torch
from monai import transforms

from medcl.augment import views
from medcl.augment.checking import check_policy
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.monai_affine import MonaiAffine
from medcl.augment.views import Source

SIZE = 25


def policy_of(**ranges):
    return Policy(
        name="p",
        modality="CT",
        grid=ViewGrid(size_voxels=(SIZE,) * 3, spacing_mm=(1.0, 1.0, 1.0)),
        window=FixedWindow(low=-1024.0, high=1000.0),
        transforms=(MonaiAffine(**ranges),),
    )


def smooth_volume():
    x, y, z = np.meshgrid(*(np.linspace(-2, 2, SIZE),) * 3, indexing="ij")
    return (300 * np.sin(x + 0.5) * np.cos(y) + 100 * z).astype(np.float32)[None]


def rendered(policy, volume):
    source = Source(word="a", shape=(SIZE,) * 3, affine=np.eye(4))
    drawn = views.draw(policy, [source], seed=2, step=0, view=0)
    (box,) = views.boxes(drawn)
    shown, mask = views.render(drawn, [volume[:, *box.slices]])
    hounsfield = (shown[0] + 1) / 2 * 2024 - 1024
    return hounsfield, mask[0, 0], drawn.parameters[0]["monai_affine"]


def test_a_view_is_what_monais_affine_makes_of_the_volume():
    volume = smooth_volume()
    hounsfield, mask, drawn = rendered(policy_of(max_degrees=10.0, zoom=(1.05, 1.1)), volume)
    direct = transforms.Affine(
        rotate_params=np.deg2rad(drawn["degrees"]).tolist(),
        scale_params=[1 / drawn["zoom"][0]] * 3,
        padding_mode="zeros",
        image_only=True,
    )(torch.as_tensor(volume))
    inside = (slice(5, -5),) * 3
    assert mask[inside].all()
    difference = hounsfield[0][inside] - torch.as_tensor(np.asarray(direct))[0][inside]
    assert difference.abs().max() < 1.0
    assert (hounsfield[0][inside] - torch.as_tensor(volume)[0][inside]).abs().max() > 30


def test_what_lies_outside_is_air_and_masked_not_a_reflection():
    volume = np.full((1, SIZE, SIZE, SIZE), 500.0, np.float32)
    hounsfield, mask, _drawn = rendered(policy_of(max_degrees=30.0), volume)
    assert not mask.all()
    assert torch.all(hounsfield[0][~mask] == -1024)
    assert torch.allclose(hounsfield[0][mask], torch.tensor(500.0), atol=0.01)


@pytest.mark.parametrize(
    ("ranges", "task", "codes"),
    [
        ({"max_degrees": 5.0}, TaskProfile.GENERIC, set()),
        ({"max_degrees": 10.0}, TaskProfile.GENERIC, {"SC022"}),
        ({"max_degrees": 0.0, "zoom": (0.95, 1.05)}, TaskProfile.SIZE, {"SC020", "SC040"}),
        ({"max_degrees": 0.0, "zoom": (0.5, 1.5)}, TaskProfile.LATERAL, {"SC013"}),
    ],
)
def test_its_worst_case_is_held_against_the_task(ranges, task, codes):
    found = {each.code for each in check_policy(policy_of(**ranges), task).violations}
    assert found == codes
