"""Spatial transforms against what is known of them: angles, stretches, volumes, sides."""

import math

import numpy as np
import pytest

from medcl.augment.chance import CornerChance, RandomChance
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.safety.spatial_bounds import SpatialStep, compose
from medcl.augment.transforms.anisotropic_scale import AnisotropicScale
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.refusable import Flip, ResizedCrop
from medcl.augment.transforms.rot90 import Rot90
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.transforms.shear import GantryTilt, Shear
from medcl.augment.views import draw, view_affines
from medcl.augment.worst_case import Extremes

GRID = ViewGrid(size_voxels=(12, 12, 12), spacing_mm=(1.0, 1.0, 1.0))
LINEAR = [
    Rotation(max_degrees=10.0),
    Scale(zoom=(0.9, 1.1)),
    AnisotropicScale(zoom=(0.95, 1.05)),
    Shear(max_degrees=3.0),
    GantryTilt(max_degrees=15.0),
    Flip(axis="y"),
    Rot90(axis="x"),
    ResizedCrop(fraction=(0.5, 1.0)),
]


def names(transform):
    return transform.kind


def drawn(transform, seed, *, corners=False):
    random = np.random.default_rng(seed)
    chance = CornerChance(random) if corners else RandomChance(random)
    return transform.linear(transform.draw(chance))


def directions(count=500):
    vectors = np.random.default_rng(9).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def angles(first, second):
    sine = np.linalg.norm(np.cross(first, second), axis=1)
    return np.degrees(np.arctan2(sine, (first * second).sum(axis=1)))


@pytest.mark.parametrize("transform", LINEAR, ids=names)
def test_identity_parameters_change_no_bit(transform):
    assert (transform.linear(transform.identity()) == np.eye(3)).all()
    assert (transform.offset_mm(transform.identity()) == 0).all()


@pytest.mark.parametrize("transform", LINEAR, ids=names)
def test_declared_extremes_enclose_every_draw_and_corners_reach_them(transform):
    ends = transform.extremes()
    reached = 0.0
    for seed in range(120):
        linear = drawn(transform, seed, corners=seed % 2 == 0)
        stretches = np.linalg.svd(linear, compute_uv=False)
        assert ends.stretch[0] - 1e-9 <= stretches.min()
        assert stretches.max() <= ends.stretch[1] + 1e-9
        volume = np.linalg.det(linear)
        assert (volume < 0) == ends.mirrored
        assert ends.volume[0] - 1e-9 <= abs(volume) <= ends.volume[1] + 1e-9
        if not ends.mirrored:
            turned = angles(directions(), directions() @ linear.T).max()
            assert turned <= ends.degrees + 1e-6
            reached = max(reached, turned)
    assert reached >= 0.95 * ends.degrees


def test_a_shear_of_three_degrees_leans_an_upright_line_by_three_degrees():
    shear = Shear(max_degrees=3.0)
    along, across = (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    linear = shear.linear({"degrees": (3.0,), "along": along, "across": across})
    assert linear @ across == pytest.approx([0, math.tan(math.radians(3)), 1])
    assert linear @ along == pytest.approx(along)
    assert np.linalg.det(linear) == pytest.approx(1)


def test_a_tilted_gantry_shifts_slices_to_the_front_and_leaves_each_as_it_is():
    linear = GantryTilt(max_degrees=15.0).linear({"degrees": (15.0,)})
    moved = linear @ np.array([3.0, 5.0, 10.0])
    assert moved == pytest.approx([3, 5 + 10 * math.tan(math.radians(15)), 10])


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_quarter_turn_keeps_the_side_and_four_of_them_everything(axis):
    quarter = Rot90(axis=axis).linear({"quarters": (1.0,)})
    assert np.linalg.det(quarter) == 1
    assert (np.linalg.matrix_power(quarter, 4) == np.eye(3)).all()
    assert (quarter @ np.eye(3)["xyz".index(axis)] == np.eye(3)["xyz".index(axis)]).all()


def test_shears_and_scales_reach_the_rendered_view(bench):
    policy = Policy(
        name="t",
        modality="CT",
        grid=GRID,
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=(Crop(), Shear(max_degrees=3.0), AnisotropicScale(zoom=(0.95, 1.05))),
    )
    source = bench.source_of((40, 40, 40), bench.orientations["oblique"])
    found = draw(policy, [source], seed=0, step=0, view=0)
    shear, scale = (found.parameters[0][name] for name in ("shear", "anisotropic_scale"))
    wanted = np.diag(scale["zoom"]) @ Shear(max_degrees=3.0).linear(shear)
    linear = view_affines(found)[0][:3, :3]
    assert linear == pytest.approx(np.linalg.inv(wanted))


def random_steps(rng):
    """Transforms with limits of a few degrees and per cent, some shared."""
    for kind in rng.permutation(4)[: rng.integers(2, 5)]:
        shared = bool(rng.random() < 0.5)
        sharing = "batch" if shared else "independent"
        yield (
            [
                Rotation(max_degrees=8.0, sharing=sharing),
                Scale(zoom=(0.97, 1.05), sharing=sharing),
                AnisotropicScale(zoom=(0.95, 1.05), sharing=sharing),
                Shear(max_degrees=5.0, sharing=sharing),
            ][kind],
            shared,
        )


@pytest.mark.parametrize("seed", range(12))
def test_composed_bounds_enclose_products_and_differences_of_real_draws(seed):
    rng = np.random.default_rng(seed)
    steps = list(random_steps(rng))
    bounds = compose(
        SpatialStep(transform.extremes(), is_independent=not shared) for transform, shared in steps
    )
    lines = directions(200)
    for trial in range(40):
        maps = [np.eye(3), np.eye(3)]
        for number, (transform, shared) in enumerate(steps):
            for view in (0, 1):
                key = 10_000 * trial + 10 * number + (0 if shared else view)
                maps[view] = drawn(transform, key, corners=trial % 2 == 0) @ maps[view]
        first, second = maps
        stretches = np.linalg.svd(first, compute_uv=False)
        assert bounds.stretch[0] - 1e-9 <= stretches.min()
        assert stretches.max() <= bounds.stretch[1] + 1e-9
        assert angles(lines, lines @ first.T).max() <= bounds.degrees + 1e-6
        apart = angles(lines @ first.T, lines @ second.T).max()
        assert apart <= bounds.degrees_between + 1e-6
        ratios = np.linalg.svd(second @ np.linalg.inv(first), compute_uv=False)
        assert max(ratios.max(), 1 / ratios.min()) <= bounds.stretch_between + 1e-9
        volumes = np.linalg.det(second) / np.linalg.det(first)
        assert max(volumes, 1 / volumes) <= bounds.volume_between + 1e-9
        assert bounds.volume[0] - 1e-9 <= np.linalg.det(first) <= bounds.volume[1] + 1e-9


def test_what_both_views_share_does_not_count_between_them():
    shared = SpatialStep(Extremes(degrees=10.0, stretch=(0.9, 1.1)), is_independent=False)
    bounds = compose([shared])
    assert (bounds.degrees, bounds.degrees_between, bounds.stretch_between) == (10.0, 0.0, 1.0)


def test_a_transform_that_is_not_always_applied_leaves_the_identity_possible():
    always = SpatialStep(Extremes(stretch=(1.1, 1.2)))
    often = SpatialStep(Extremes(stretch=(1.1, 1.2)), is_certain=False)
    assert compose([always]).stretch == (1.1, 1.2)
    assert compose([often]).stretch == (1.0, 1.2)
    assert compose([often]).stretch_between == pytest.approx(1.2)


def test_signs_of_mirrors_multiply():
    mirror = SpatialStep(Extremes(mirrored=True))
    perhaps = SpatialStep(Extremes(mirrored=True), is_certain=False)
    assert compose([mirror]).signs == {-1}
    assert compose([mirror, mirror]).signs == {1}
    assert compose([mirror, perhaps]).signs == {1, -1}
