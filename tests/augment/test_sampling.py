"""Sampling has a claim of its own, and a policy is refused on volumes where it breaks it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from medcl.augment.checking import check_policy, require_safe
from medcl.augment.contract import Flag
from medcl.augment.defaults import ct_strict
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.rendering.lattice import Lattice
from medcl.augment.rendering.sampling import sample
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.departures import bounds_of
from medcl.augment.safety.sampling import STILL, sampling_claim
from medcl.augment.safety.sampling_noise import noise_left
from medcl.augment.safety.source_geometry import geometry_of
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.gain import Gain
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.transforms.thick_slice import ThickSlice
from medcl.errors import PolicyError
from medcl.geometry.affine import rotation

SHAPE = (256, 256, 64)
CROP = Crop(min_overlap=0.5)
WHY = "The bones of these slabs were compared with the scans by hand."


def volume(*spacing, shape=SHAPE, tilt=0.0):
    turned = rotation(np.array([tilt, 0.0, 0.0]))
    return turned @ np.diag([-spacing[0], -spacing[1], spacing[2], 1.0]), shape


def facts(*volumes):
    return DataFacts(volumes=len(volumes), geometry=geometry_of(volumes))


def policy(*spacing, transforms=(CROP,), **parts):
    grid = ViewGrid(size_voxels=(32, 32, 8), spacing_mm=spacing)
    return replace(ct_strict(grid=grid), transforms=transforms, **parts)


def codes(*words, **parts):
    verdict = check_policy(*words, **parts)
    return {(each.transform, each.code) for each in verdict.violations}


def along_z(profile, step, offset=0.0):
    """Return a profile sampled along z by a view of the given step, and where its voxels lie."""
    source = np.broadcast_to(profile, (3, 3, len(profile))).astype(np.float32)[None]
    num = int((len(profile) - 1 - offset) / step) + 1
    matrix = np.diag([1.0, 1.0, step, 1.0])
    matrix[:3, 3] = 1.0, 1.0, offset
    lattice = Lattice(matrix, (1, 1, num), (3, 3, len(profile)))
    cut = source[:, *lattice.box().slices]
    views, _ = sample([lattice], [cut], [None], device=torch.device("cpu"))
    return views[0, 0, 0, 0].numpy(), offset + step * np.arange(num)


def test_the_geometry_of_volumes_is_that_of_the_patient_whatever_the_order_of_their_axes():
    lying = np.diag([-0.5, 2.0, 0.7, 1.0])[[2, 0, 1, 3]]  # voxel axes run along y, z, x
    found = geometry_of([(lying, (100, 10, 50))])
    assert found.finest_mm == (0.7, 0.5, 2.0)
    assert found.shortest_mm == (35.0, 50.0, 20.0)
    assert found.is_upright
    assert geometry_of([volume(1, 1, 1, tilt=3.0)]).tilt_degrees == pytest.approx(3.0)
    known = facts(volume(1, 1, 2, tilt=3.0), volume(0.5, 0.5, 3))
    assert DataFacts.from_json(known.to_json()) == known


def test_texture_survives_where_voxels_are_taken_as_they_are_and_nowhere_else():
    for task in (TaskProfile.TEXTURE, TaskProfile.DENSITY, TaskProfile.ACQUISITION):
        one = policy(0.7, 0.7, 2.0)
        assert check_policy(one, task, facts=facts(volume(0.7, 0.7, 2.0))).is_safe
        for other in (volume(0.7, 0.7, 1.0), volume(0.7, 0.7, 2.0, tilt=1.0)):
            assert codes(one, task, facts=facts(other)) == {("sampling", "SC011")}
        assert check_policy(one, task).is_safe  # nobody knows of which volumes
    mixed = facts(volume(0.7, 0.7, 2.0), volume(0.7, 0.7, 1.0))
    assert codes(policy(0.7, 0.7, 2.0), TaskProfile.TEXTURE, facts=mixed)
    assert check_policy(policy(0.7, 0.7, 2.0), facts=mixed).is_safe


@pytest.mark.parametrize(
    ("volumes", "said", "left"),
    [
        ([volume(0.7, 0.7, 1.25)], "that of the volumes, 0.7 x 0.7 x 1.25 mm", "31 to 77 %"),
        (
            [volume(0.7, 0.7, 2.0), volume(0.9, 0.9, 2.0)],
            "0.7 x 0.7 x 2 to 0.9 x 0.9 x 2 mm",
            "35 to 100 %",
        ),
        ([volume(0.7, 0.7, 2.0, tilt=2.0)], "turned by up to 2 degrees", "35 to 100 %"),
    ],
)
def test_a_refusal_says_which_spacing_would_do_and_what_is_left_of_noise(volumes, said, left):
    with pytest.raises(PolicyError) as refusal:
        require_safe(policy(0.7, 0.7, 2.0), TaskProfile.TEXTURE, facts=facts(*volumes))
    for part in ("sampling.spacing_mm is 0.7 x 0.7 x 2 mm", said, f"leaves {left}", "SC011"):
        assert part in str(refusal.value)


def test_local_views_of_another_spacing_are_sampled_too():
    local = LocalViews(count=2, size_voxels=(8, 8, 4), spacing_mm=(1.4, 1.4, 2.0))
    known = facts(volume(0.7, 0.7, 2.0))
    same = replace(local, spacing_mm=(0.7, 0.7, 2.0))
    wide = policy(0.7, 0.7, 2.0, local=local)
    assert ("sampling", "SC011") in codes(wide, TaskProfile.TEXTURE, facts=known)
    assert not codes(policy(0.7, 0.7, 2.0, local=same), TaskProfile.TEXTURE, facts=known)


@pytest.mark.parametrize(("offset", "left"), [(0.0, 1.0), (0.25, 0.494), (0.5, 0.3536)])
def test_blending_takes_noise_by_where_a_view_lies(offset, left):
    noise = np.random.default_rng(0).normal(0, 1, (48, 48, 48)).astype(np.float32)
    matrix = np.eye(4)
    matrix[:3, 3] = 4 + offset
    lattice = Lattice(matrix, (40, 40, 40), noise.shape)
    cut = noise[None][:, *lattice.box().slices]
    views, _ = sample([lattice], [cut], [None], device=torch.device("cpu"))
    assert float(views.std()) == pytest.approx(left, rel=0.02)


@pytest.mark.parametrize("step", [1.0, 1.25, 2.0, 3.0])
def test_what_is_left_of_noise_lies_within_what_is_said_and_reaches_both_ends(step):
    noise = np.random.default_rng(0).normal(0, 1, (104, 104, 104)).astype(np.float32)
    size, every = int(80 / step), 4 if step == 1.25 else 1  # whose fourth voxels lie alike
    left = []
    for offset in (0.0, 0.25, 0.5):
        matrix = np.diag([step, step, step, 1.0])
        matrix[:3, 3] = 10 + offset
        lattice = Lattice(matrix, (size,) * 3, noise.shape)
        cut = noise[None][:, *lattice.box().slices]
        views, _ = sample([lattice], [cut], [None], device=torch.device("cpu"))
        left.append(float(views[..., ::every, ::every, ::every].std()))
    view = ViewGrid(size_voxels=(8, 8, 8), spacing_mm=(step,) * 3)
    low, high = noise_left(view, geometry_of([volume(1.0, 1.0, 1.0)]))
    assert left[::2] == pytest.approx([high, low], rel=0.03)
    assert low < left[1] < high


def test_what_is_left_of_noise_is_said_for_all_volumes_turns_and_scales():
    fine, coarse = volume(0.5, 0.5, 0.5), volume(2.0, 2.0, 2.0)
    grid = policy(2.0, 2.0, 2.0).grid
    both = noise_left(grid, geometry_of([fine, coarse]))
    alone = [noise_left(grid, geometry_of([each])) for each in (fine, coarse)]
    assert both == (alone[0][0], alone[1][1])
    turn = bounds_of({"rotation": Rotation(max_degrees=15.0)})
    slabs = policy(1.0, 1.0, 4.0).grid
    still, turned = (noise_left(slabs, geometry_of([fine]), each) for each in (STILL, turn))
    assert turned[0] < still[0] < still[1] < turned[1]
    larger = bounds_of({"scale": Scale(zoom=(1.0, 1.25))})
    assert noise_left(grid, geometry_of([fine]), larger)[1] > alone[0][1]


def test_blending_keeps_level_tissue_ramps_and_means():
    ramp = 300 + 10.0 * np.arange(40)
    shown, places = along_z(ramp, 0.8, 0.3)
    assert shown == pytest.approx(300 + 10.0 * places, abs=1e-3)
    noisy = np.random.default_rng(0).normal(500, 200, 4000)
    shown, _ = along_z(noisy, 1.0, 0.5)
    assert shown.mean() == pytest.approx(noisy.mean(), abs=0.5)
    assert shown.std() < 0.8 * noisy.std()


@pytest.mark.parametrize("coarser", [2, 4])
def test_bone_moves_by_no_more_than_its_bound_and_by_most_of_it_at_worst(coarser):
    """Spongy in the middle, 1000 HU at either border, eight voxels of the view thick."""
    half = 4 * coarser
    at = np.arange(-half, half + 1) / coarser
    profile = np.pad(300 + 700 * np.abs(at) / 4, 4 * coarser, mode="edge")
    middle = half + 4 * coarser
    moved = []
    for offset in np.arange(0, coarser, 0.25):
        shown, places = along_z(profile, coarser, offset)
        deep = np.abs(places - middle) <= 2 * coarser
        truth = np.interp(places[deep], np.arange(len(profile)), profile)
        moved.append((shown[deep] - truth).mean())
    spacing = 1.0 / coarser
    geometry = geometry_of([(np.diag([1.0, 1.0, spacing, 1.0]), (64, 64, 8 * coarser))])
    view = ViewGrid(size_voxels=(8, 8, 8), spacing_mm=(1.0, 1.0, 1.0))
    bound = sampling_claim(view, geometry).bound_hu("bone")
    assert 0.75 * bound < np.mean(moved) <= bound
    long = geometry_of([(np.diag([1.0, 1.0, spacing, 1.0]), (64, 64, 80 * coarser))])
    assert sampling_claim(view, long).bound_hu("bone") == bound


def test_a_turn_makes_a_view_step_over_more_of_a_volume():
    known = geometry_of([volume(1.0, 1.0, 1.0)])
    grid = policy(1.0, 1.0, 3.0).grid
    turn = bounds_of({"rotation": Rotation(max_degrees=15.0)})
    flat, turned = sampling_claim(grid, known), sampling_claim(grid, known, turn)
    assert 0 < flat.smoothing < turned.smoothing
    # One row of the matrix of a turned view: 1 mm along x, and 3 mm along z seen from the side.
    steps = np.linalg.norm(rotation(np.array([0.0, 15.0, 0.0]))[:3, :3] * [1, 1, 3], axis=1)
    variance = (1 - 1 / np.sort(steps)[1:] ** 2) / (8 * np.log(2)) / 16
    assert turned.smoothing >= variance.sum()
    tilted = geometry_of([volume(1.0, 1.0, 1.0, tilt=15.0)])
    assert sampling_claim(grid, tilted).smoothing == pytest.approx(turned.smoothing)
    smaller = bounds_of({"scale": Scale(zoom=(0.8, 1.0))})
    coarser = sampling_claim(policy(1.25, 1.25, 3.75).grid, known)
    assert sampling_claim(grid, known, smaller).smoothing == pytest.approx(coarser.smoothing)


def test_a_thin_volume_of_coarse_views_is_refused_with_the_tissue_and_what_would_do():
    short = facts(volume(0.5, 0.5, 0.5, shape=(512, 512, 20)))  # five voxels of the view
    with pytest.raises(PolicyError) as refusal:
        require_safe(policy(2.0, 2.0, 2.0), facts=short)
    for part in ("sampling.spacing_mm", "bone", "within a view", "no coarser than 0.5 x 0.5 x 0.5"):
        assert part in str(refusal.value)
    assert check_policy(policy(0.5, 0.5, 0.5), facts=short).is_safe
    longer = facts(volume(0.5, 0.5, 0.5, shape=(512, 512, 32)))
    assert check_policy(policy(2.0, 2.0, 2.0), facts=longer).is_safe


def test_a_turn_of_coarse_slices_counts_in_the_check():
    narrow = facts(volume(0.5, 0.5, 0.5, shape=(24, 512, 512)))
    still = policy(2.0, 2.0, 5.0)
    assert check_policy(still, facts=narrow).is_safe
    turned = replace(still, transforms=(CROP, Rotation(max_degrees=15.0)))
    assert codes(turned, facts=narrow) == {("sampling", "SC010")}


def test_what_sampling_moves_adds_to_what_transforms_do():
    long = facts(volume(0.5, 0.5, 0.5))
    gain = Gain(factor=(0.995, 1.005))
    views = policy(2.0, 2.0, 2.0, transforms=(CROP, gain))
    assert check_policy(views).is_safe
    assert check_policy(views, facts=long).is_safe
    stronger = replace(views, transforms=(CROP, Gain(factor=(0.9905, 1.0095))))
    assert check_policy(stronger).is_safe
    assert codes(stronger, facts=long) == {("sampling", "SC010")}
    apart = replace(views, transforms=(replace(CROP, min_overlap=0.1), gain))
    assert codes(apart, facts=long) == {("sampling", "SC010"), ("crop", "SC013")}


def test_a_volume_too_short_for_a_bound_leaves_density_unknown_until_somebody_answers_for_it():
    known = facts(volume(0.7, 0.7, 1.0, shape=(512, 512, 3)))
    coarse = policy(0.7, 0.7, 2.0)
    verdict = check_policy(coarse, facts=known)
    assert verdict.outcome == "UNKNOWN"
    (open_end,) = verdict.open
    assert open_end.flag is Flag.HU_CALIBRATION
    for part in ("along z", "1 mm apart", "to 2 mm", "has 3 mm", "no coarser than 1 mm", "SC010"):
        assert part in open_end.sentence
    accepted = {Flag.HU_CALIBRATION: WHY}
    assert check_policy(coarse, facts=known, accepted=accepted).is_safe
    assert check_policy(policy(0.7, 0.7, 1.0), facts=known).is_safe
    assert check_policy(coarse, TaskProfile.LATERAL, facts=known).is_safe
    assert check_policy(replace(coarse, modality="MR_QUANTITATIVE"), facts=known).is_safe


def test_what_is_unknown_of_large_and_local_views_alike_is_said_once():
    known = facts(volume(0.7, 0.7, 1.0, shape=(512, 512, 3)))
    local = LocalViews(count=2, size_voxels=(8, 8, 4), spacing_mm=(0.7, 0.7, 2.0))
    other = replace(local, spacing_mm=(0.71, 0.7, 2.0))
    for small in (local, other):
        (open_end,) = check_policy(policy(0.7, 0.7, 2.0, local=small), facts=known).open
        assert open_end.reason.count("drawn together") == 1


def test_slices_as_thick_as_any_are_not_thickened_again():
    thick = ThickSlice(thickness_mm=(0.0, 5.0), probability=0.3)
    views = policy(2.0, 2.0, 2.0, transforms=(CROP, thick))
    task = TaskProfile.LATERAL
    assert codes(views, task, facts=facts(volume(1.0, 1.0, 4.0))) == set()
    assert codes(views, task, facts=facts(volume(5.0, 1.0, 4.0))) == set()
    both = facts(volume(1.0, 1.0, 4.0), volume(1.0, 1.0, 5.0))
    assert codes(views, task, facts=both) == {("thick_slice", "SC013")}
    aside = policy(2.0, 2.0, 2.0, transforms=(CROP, replace(thick, axis="x")))
    assert codes(aside, task, facts=facts(volume(5.0, 1.0, 1.0))) == {("thick_slice", "SC013")}
