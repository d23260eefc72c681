"""What is hidden is flagged, filled, bounded, and never a lesion."""

import numpy as np
import pytest
import torch

from medcl.augment.chance import CornerChance, RandomChance
from medcl.augment.contract import Flag
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.cutout import Cutout
from medcl.augment.transforms.noise import GaussianNoise
from medcl.augment.transforms.partial_fov import PartialFov
from medcl.augment.transforms.thick_slice import ThickSlice
from medcl.augment.transforms.transform import Setting
from medcl.augment.views import boxes, draw, render
from medcl.errors import PolicyError

SEEDS = (11, 12, 13)
WHOLE = torch.ones(3, 1, 40, 36, 32, dtype=torch.bool)
NO_LESION = torch.zeros_like(WHOLE)
SETTING = Setting(spacing_mm=(2.0, 2.0, 3.0), seeds=SEEDS, lesions=NO_LESION)
ALL = [
    PartialFov(length_fraction=(0.1, 0.25), lateral_mm=(6.0, 20.0)),
    Cutout(fraction=(0.03, 0.1)),
]


def batched(*rows):
    return {name: torch.tensor([row[name] for row in rows]) for name in rows[0]}


def drawn(transform, seeds=SEEDS, chance=RandomChance):
    return [transform.draw(chance(np.random.default_rng(seed))) for seed in seeds]


@pytest.mark.parametrize("transform", ALL, ids=lambda transform: transform.kind)
def test_identity_hides_nothing_even_beside_a_changed_view(transform):
    one, _, two = drawn(transform)
    mask = transform.seen(WHOLE, batched(one, transform.identity(), two), SETTING)
    assert mask[1].all()
    assert not mask[0].all()
    assert not mask[2].all()
    assert mask.shape == WHOLE.shape
    assert mask.dtype == torch.bool


@pytest.mark.parametrize("transform", ALL, ids=lambda transform: transform.kind)
def test_what_is_hidden_depends_on_the_view_alone(transform):
    rows = drawn(transform)
    together = transform.seen(WHOLE, batched(*rows), SETTING)
    for number, row in enumerate(rows):
        alone = Setting(
            spacing_mm=SETTING.spacing_mm, seeds=SEEDS[number : number + 1], lesions=NO_LESION[:1]
        )
        assert torch.equal(transform.seen(WHOLE[:1], batched(row), alone)[0], together[number])


@pytest.mark.parametrize("chance", [RandomChance, CornerChance])
def test_a_partial_field_of_view_is_one_slab_within_its_range(chance):
    transform = PartialFov(length_fraction=(0.1, 0.25), lateral_mm=(6.0, 20.0))
    ends = set()
    for seed in range(40):
        (row,) = drawn(transform, (seed,), chance)
        hidden = ~transform.seen(WHOLE[:1], batched(row), SETTING)[0, 0]
        x, y, z = (hidden.float().amax(dim=dims).sum() for dims in ((1, 2), (0, 2), (0, 1)))
        assert hidden.sum() == x * y * z
        cut_x, cut_y, cut_z = x < 40, y < 36, z < 32
        assert cut_x + cut_y + cut_z == 1
        assert not cut_z or z <= 0.25 * 32
        assert not cut_x or x * 2.0 <= 20.0
        assert not cut_y or y * 2.0 <= 20.0
        ends.add((bool(cut_x), bool(cut_y), bool(hidden[0, 0, 0] and not hidden[-1, -1, -1])))
    assert len(ends) >= 5


def test_a_side_is_cut_by_its_millimetres_and_the_length_by_its_part():
    transform = PartialFov(length_fraction=(0.0, 0.25), lateral_mm=(0.0, 20.0))
    setting = Setting(spacing_mm=(2.0, 4.0, 3.0), seeds=SEEDS[:1])
    cuts = {"x_mm": (8.0, 0.0), "y_mm": (0.0, 20.0), "length_fraction": (0.25, 0.0)}
    seen = transform.seen(WHOLE[:1], batched(cuts), setting)[0, 0]
    wanted = torch.zeros(40, 36, 32, dtype=torch.bool)
    wanted[4:, :31, 8:] = True
    assert torch.equal(seen, wanted)


def test_cutout_hides_at_most_its_fraction_in_cubes_of_its_edge():
    transform = Cutout(fraction=(0.1, 0.1), edge_mm=6.0)
    hidden = ~transform.seen(WHOLE, batched(*drawn(transform)), SETTING)
    for each in hidden:
        assert 0.05 < each.float().mean() <= 0.1
    # Edges are 3, 3 and 2 voxels: along x, every change of visibility is a border of cubes.
    changes = (hidden[0, 0, 1:] != hidden[0, 0, :-1]).any(dim=2).any(dim=1).nonzero().flatten()
    assert len(set((changes % 3).tolist())) == 1


def test_cutout_never_touches_a_lesion_and_still_hides_the_rest():
    lesions = NO_LESION.clone()
    lesions[:, :, 10:30, 10:26, 5:27] = True
    setting = Setting(spacing_mm=SETTING.spacing_mm, seeds=SEEDS, lesions=lesions)
    for edge_mm in (3.0, 15.0):
        transform = Cutout(fraction=(0.1, 0.1), edge_mm=edge_mm)
        mask = transform.seen(WHOLE, batched(*drawn(transform)), setting)
        assert mask[lesions].all()
        assert (~mask).any()
    anyway = Cutout(fraction=(0.1, 0.1), off_lesion=False)
    assert not anyway.seen(WHOLE, batched(*drawn(anyway)), setting)[lesions].all()


def test_cutout_off_lesions_is_refused_where_no_lesions_are_known():
    transform = Cutout(fraction=(0.1, 0.1))
    with pytest.raises(PolicyError, match="set of label maps"):
        transform.seen(WHOLE, batched(*drawn(transform)), Setting((2.0, 2.0, 3.0), SEEDS))
    assert transform.contract("CT")[Flag.LESION_MASS].bound == 0
    anyway = Cutout(fraction=(0.1, 0.1), off_lesion=False)
    assert anyway.contract("CT")[Flag.LESION_MASS].bound is None
    anyway.seen(WHOLE, batched(*drawn(anyway)), Setting((2.0, 2.0, 3.0), SEEDS))


def _rendered(bench, lesion, transforms):
    policy = Policy(
        name="occluded",
        modality="CT",
        grid=ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0)),
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=(Crop(min_overlap=0.0), *transforms),
    )
    shape = (30, 28, 24)
    source = bench.source_of(shape, np.diag([2.0, 2.0, 2.0, 1.0]))
    views = draw(policy, [source], seed=1, step=0, view=0)
    voxels = np.full((1, *shape), 40.0, np.float32)
    (box,) = boxes(views)
    marked = None if lesion is None else [lesion[box.slices]]
    return render(views, [voxels[:, *box.slices]], None, marked)


def test_hidden_voxels_are_filled_last_and_flagged(bench):
    noise, cut = GaussianNoise(sd_hu=(20.0, 20.0)), Cutout(fraction=(0.1, 0.1), off_lesion=False)
    views, mask = _rendered(bench, None, (cut, noise))
    assert 0.02 < (~mask).float().mean() <= 0.1
    assert (views[~mask] == -1).all()
    assert (views[mask] > 0.0).float().mean() > 0.9


def test_what_several_occlusions_hide_is_hidden_and_cubes_differ_between_policies(bench):
    cut = Cutout(fraction=(0.1, 0.1), edge_mm=4.0, off_lesion=False)
    short = PartialFov(length_fraction=(0.25, 0.25), lateral_mm=(8.0, 8.0))
    _, cubes = _rendered(bench, None, (cut, short))
    _, slab = _rendered(bench, None, (short,))
    assert not slab.all()
    assert not cubes[~slab].any()
    assert not cubes[slab].all()
    _, first = _rendered(bench, None, (cut,))
    _, second = _rendered(bench, None, (GaussianNoise(sd_hu=(1.0, 1.0)), cut))
    assert not torch.equal(first, second)


def test_rendering_takes_lesions_to_the_view_and_keeps_off_them(bench):
    lesion = np.zeros((30, 28, 24), bool)
    cut = Cutout(fraction=(0.1, 0.1), edge_mm=4.0)
    _, free = _rendered(bench, lesion, (cut,))
    assert not free.all()
    _, kept = _rendered(bench, np.ones_like(lesion), (cut,))
    assert kept.all()
    with pytest.raises(PolicyError):
        _rendered(bench, None, (cut,))


def test_air_outside_of_the_volume_does_not_leak_into_its_edge(bench):
    policy = Policy(
        name="edge",
        modality="CT",
        grid=ViewGrid(size_voxels=(24, 24, 24), spacing_mm=(2.0, 2.0, 2.0)),
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=(ThickSlice(thickness_mm=(5.0, 5.0)), Blur(sigma_mm=(0.7, 0.7))),
    )
    source = bench.source_of((12, 12, 12), np.diag([2.0, 2.0, 2.0, 1.0]))
    views = draw(policy, [source], seed=1, step=0, view=0)
    rendered, mask = render(views, [np.full((1, *boxes(views)[0].shape), 40.0, np.float32)])
    assert 0 < mask.float().mean() < 0.2
    assert torch.allclose(rendered[mask], torch.tensor(0.04), atol=1e-5)


def test_a_volume_whose_lesions_nobody_marked_loses_no_cube(bench):
    policy = Policy(
        name="occluded",
        modality="CT",
        grid=ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0)),
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=(Cutout(fraction=(0.1, 0.1), edge_mm=4.0),),
    )
    shape = (16, 16, 16)
    sources = [bench.source_of(shape, np.diag([2.0, 2.0, 2.0, 1.0]), word=w) for w in "ab"]
    views = draw(policy, sources, seed=1, step=0, view=0)
    voxels = [np.zeros((1, *box.shape), np.float32) for box in boxes(views)]
    clear = np.zeros(boxes(views)[1].shape, bool)
    _, mask = render(views, voxels, None, [None, clear])
    assert mask[0].all()
    assert not mask[1].all()
