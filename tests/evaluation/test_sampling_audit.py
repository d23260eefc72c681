"""An audit holds sampling to its claim, blames it, and measures a tissue by what it is made of."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from medcl.augment.contract import Flag
from medcl.augment.defaults import ct_strict
from medcl.augment.drawing.source import Source
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.safety import sampling
from medcl.augment.safety.source_geometry import SourceGeometry
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.noise import GaussianNoise
from medcl.augment.views import draw
from medcl.evaluation.audit import safety
from medcl.evaluation.audit.departures import departures
from medcl.evaluation.audit.enclosure import enclosures
from medcl.evaluation.audit.safety import audit_views
from medcl.evaluation.measures.anatomy import Case, anatomy_of
from medcl.evaluation.measures.observed import observe
from medcl.evaluation.measures.tissue import tissue_drift
from tests.evaluation.phantoms import phantom

TRANSFORMS = (
    Crop(min_overlap=0.5),
    Blur(sigma_mm=(0.0, 0.3)),
    GaussianNoise(sd_hu=(0.0, 10.0)),
)


def views(size, spacing, transforms=TRANSFORMS[:1]):
    grid = ViewGrid(size_voxels=(size,) * 3, spacing_mm=spacing)
    return replace(ct_strict(grid=grid), transforms=transforms)


def bones(seed=0, spacing=0.7, size=56):
    """Bone eleven mm thick, spongy in the middle and denser to its rims, in muscle, with noise."""
    axes = np.meshgrid(*(spacing * np.arange(size),) * 3, indexing="ij")
    x = axes[0] % 16.0 - 6.0
    values = np.where(np.abs(x) < 5.5, 320 + 230 * np.maximum(np.abs(x) - 3.0, 0.0), 55.0)
    array = values + np.random.default_rng(seed).normal(0, 5, values.shape)
    source = Source(word=f"b{seed}", shape=(size,) * 3, affine=np.diag([spacing] * 3 + [1.0]))
    return Case(source=source, patient=f"p{seed}", array=array.astype(np.float32)[None])


def seen(case, policy, step=0):
    anatomy = anatomy_of(case, "CT", policy.grid.spacing_mm, policy.window)
    return observe(draw(policy, [case.source], seed=0, step=step, view=0), [case], [anatomy])[0]


def held(case, policy):
    anatomy = anatomy_of(case, "CT", policy.grid.spacing_mm, policy.window)
    return enclosures(policy, [case], [anatomy], draws=2, corners=2)


def of(found, transform):
    return {each.unit or each.flag: each for each in found if each.transform == transform}


def departed(figures):
    return departures(figures, views(8, (1.0, 1.0, 1.0)))[Flag.HU_CALIBRATION]


def of_density(found):
    return [each for each in found if each.flag == "hu_calibration"]


def test_sampling_moves_bone_within_its_claim_and_nothing_else_is_blamed(monkeypatch):
    policy = views(16, (1.4, 1.4, 1.4), TRANSFORMS)
    found = held(bones(), policy)
    assert [each for each in of_density(found) if not each.is_enclosed] == []
    assert {each.transform for each in of_density(found)} == {"sampling", *policy.named}
    bone = of(found, "sampling")["HU of bone"]
    assert 1.0 < bone.measured < bone.bound < 20
    local = LocalViews(count=1, size_voxels=(12,) * 3, spacing_mm=(1.4,) * 3)
    small = [each for each in held(bones(), replace(policy, local=local)) if each.is_local]
    assert of(small, "sampling")["HU of bone"].bound == bone.bound
    monkeypatch.setattr(sampling, "SPAN_HU", dict(sampling.SPAN_HU) | {"bone": 0.0})
    (breach,) = [each for each in of_density(held(bones(), policy)) if not each.is_enclosed]
    assert "sampling declares to change hu_calibration by 0 HU of bone at most" in breach.sentence


def test_blending_without_a_filter_moves_no_mean_however_it_lies():
    policy = views(24, (0.65, 0.7, 0.74), TRANSFORMS[:1])
    for step in range(3):
        figures = tissue_drift(seen(bones(), policy, step))
        assert abs(figures["hu_mean_bone"]) < 1e-3
    rows = of(held(bones(), policy), "sampling")
    assert {each.bound for each in rows.values()} == {0.0}
    assert all(each.is_enclosed for each in rows.values())


def test_a_tissue_is_compared_with_the_voxels_around_and_not_with_those_at_its_side():
    """On a ramp, at half a voxel aside all along, the nearest voxel is off by half a step."""
    ramp = (
        320
        + 12.0 * np.arange(56)[:, None, None]
        + np.random.default_rng(0).normal(0, 10, (1, 56, 56, 56))
    )
    source = Source(word="r", shape=(56,) * 3, affine=np.diag([1.0, 1.0, 1.0, 1.0]))
    case = Case(source=source, patient="r", array=ramp.astype(np.float32))
    policy = views(24, (1.0, 1.0, 0.9))
    off = []
    for step in range(6):
        view = seen(case, policy, step)
        off.append(float((view.grey - view.truth).mean()))
        assert abs(tissue_drift(view)["hu_drift_bone"]) < 1.5
        assert float((view.grey - view.around).mean()) == pytest.approx(0, abs=0.4)
    assert np.abs(off).max() > 3


def test_a_view_finer_than_its_volume_tells_no_more_than_the_volume_does():
    fine, own = (seen(bones(), views(24, (mm,) * 3)) for mm in (0.35, 0.7))
    assert fine.map.source_voxels == pytest.approx(1 / 8, rel=1e-3)
    errors = []
    for view in (fine, own):
        noise = np.random.default_rng(0).normal(0, 20, view.grey.shape)
        all_bone = np.full(view.grey.shape, 6)
        grey = view.blended + noise
        wide = replace(view, low=-4000.0, high=4000.0, deep=all_bone, around=grey, grey=grey)
        figures = tissue_drift(wide)
        errors.append(figures["hu_mean_bone_error"])
    assert errors[0] == pytest.approx(8**0.5 * errors[1], rel=0.1)


def test_the_error_of_a_median_is_what_chance_moves_it_by():
    view = seen(bones(), views(24, (0.7, 0.7, 0.7)))
    rng = np.random.default_rng(0)
    two = np.where(rng.random(view.grey.shape) < 0.5, 400.0, 800.0)  # spongy and dense
    drifts, errors = [], []
    for _ in range(60):
        around = two + rng.normal(0, 150, two.shape)
        grey = around + rng.normal(0, 60, two.shape)
        few = np.where(rng.random(two.shape) < 0.05, 6, 0)
        one = replace(view, grey=grey, around=around, deep=few, low=-3000.0, high=3000.0)
        figures = tissue_drift(one)
        drifts.append(figures["hu_drift_bone"])
        errors.append(figures["hu_drift_bone_error"])
    assert np.mean(errors) == pytest.approx(np.std(drifts), rel=0.3)
    alone = 1.2533 * 60 / np.sqrt(0.05 * two.size)  # of a median of differences
    assert np.std(drifts) > 1.5 * alone


def test_whole_voxels_are_declared_and_measured_to_keep_their_noise(monkeypatch):
    case = phantom("a", 1, affine=np.diag([2.0, 2.0, 2.0, 1.0]), noise=10.0)
    rows = of(held(case, views(20, (2.0, 2.0, 2.0))), "sampling")
    assert rows["of the noise"].measured < 1e-4
    assert "of the noise" not in of(held(case, views(20, (2.0, 2.0, 1.9))), "sampling")
    monkeypatch.setattr(SourceGeometry, "has_lattice_of", lambda _self, _spacing: True)
    between = of(held(case, views(20, (2.0, 2.0, 1.9))), "sampling")["of the noise"]
    assert not between.is_enclosed
    assert between.measured > 0.2


@pytest.mark.parametrize(("spacing", "status"), [(2.0, "pass"), (1.9, "fail")])
def test_noise_that_sampling_takes_fails_where_texture_is_needed(spacing, status, monkeypatch):
    monkeypatch.setattr(safety, "run_controls", lambda *_args: [])
    case = phantom("a", 1, affine=np.diag([2.0, 2.0, 2.0, 1.0]), noise=10.0)
    for task, expected in ((TaskProfile.TEXTURE, status), (TaskProfile.GENERIC, "warn")):
        policy = views(20, (2.0, 2.0, spacing))
        report = audit_views(policy, [case], draws=2, corners=0, task=task)
        (found,) = [each for each in report.findings if each.name == "noise_sampled"]
        assert found.status == ("pass" if status == "pass" else expected)


def test_what_a_filter_moves_within_a_tissue_is_not_blamed_on_the_map_of_values():
    blurred = views(24, (0.7, 0.7, 0.7), (*TRANSFORMS[:1], Blur(sigma_mm=(0.6, 0.6))))
    figures = tissue_drift(seen(bones(), blurred))
    assert figures["hu_mean_bone"] > 5 * figures["hu_mean_bone_error"]
    assert departed(figures) == 0
    view = seen(bones(), views(24, (0.7, 0.7, 0.7)))
    brighter = replace(view, grey=view.grey + 20)
    assert departed(tissue_drift(brighter)) == pytest.approx(20, abs=2.5)


def test_a_filter_as_wide_as_a_voxel_of_a_coarse_view_is_not_blamed_either():
    view = seen(bones(), views(16, (2.1, 2.1, 2.1)))
    curved = np.broadcast_to(350 + 5.0 * (np.arange(16)[:, None, None] - 8) ** 2, view.grey.shape)
    inner = np.zeros(view.grey.shape, int)
    inner[4:12] = 6
    everywhere = {"deep": inner, "level": view.mask, "around": curved}
    # One voxel of the volume is a third of one of the view.
    truth = replace(view, blended=curved, smooth=curved + 10 / 18, grey=curved, **everywhere)
    blurred = replace(truth, grey=ndimage.gaussian_filter(curved, 0.6))
    assert tissue_drift(blurred)["hu_mean_bone"] > 1
    assert departed(tissue_drift(blurred)) == 0
    assert departed(tissue_drift(replace(truth, grey=curved + 20))) > 12


def test_sampling_is_measured_with_the_window_open():
    """Air at the end of the window: where it cuts, a mean falls with the noise."""
    case = bones()
    rng = np.random.default_rng(1)
    case.array[...] = np.where(case.array > 200, -985.0, 50.0) + rng.normal(0, 40, case.array.shape)
    policy = views(16, (1.1, 1.4, 1.4))
    figures = tissue_drift(seen(case, policy))
    row = of(held(case, policy), "sampling")["HU of air"]
    assert abs(figures["hu_mean_air"]) > row.bound
    assert row.is_enclosed


def test_a_tissue_that_the_window_cuts_is_no_witness_of_the_map_of_values():
    view = seen(bones(), views(24, (0.7, 0.7, 0.7)))
    assert "hu_level_bone" in tissue_drift(view)
    cut = replace(view, low=318.0, blended=np.maximum(view.blended, 318.0))
    cut = replace(cut, grey=np.maximum(view.grey, 318.0), around=np.maximum(view.around, 318.0))
    figures = tissue_drift(cut)
    assert "hu_level_bone" not in figures
    assert "hu_mean_bone" in figures
