"""Local views are measured for themselves: what they alone break is found."""

from dataclasses import replace

import numpy as np
import pytest

from medcl.augment import views
from medcl.augment.defaults import ct_strict, mr_weighted, ot_shape, pt
from medcl.augment.grid import LocalViews
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.refusable import Flip, HuOffset
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.evaluation.audit import controls, harms, safety
from medcl.evaluation.audit.safety import audit_views
from medcl.evaluation.measures.anatomy import Case
from medcl.evaluation.quantities.local import LEFT_OUT
from medcl.geometry.boxes import Box
from tests.evaluation.phantoms import GRID, phantom

LOCAL = LocalViews(count=2, size_voxels=(13, 12, 12), spacing_mm=(2.0, 2.0, 2.0))


@pytest.fixture(scope="module")
def cases():
    return [phantom("a", 1), phantom("b", 2)]


@pytest.fixture(scope="module")
def default_audit(cases):
    return audit(replace(ct_strict(grid=GRID), local=LOCAL), cases, draws=2, corners=2)


@pytest.fixture
def without_controls(monkeypatch):
    monkeypatch.setattr(safety, "run_controls", lambda *_args: [])
    monkeypatch.setattr(safety, "run_local_controls", lambda *_args, **_words: [])


@pytest.fixture
def drawn_by(monkeypatch):
    """Draw local views by other transforms than those of the policy."""

    def set_up(*transforms):
        true = views.draw_locals

        def draw(policy, sources, **words):
            harmed = replace(policy, transforms=(*policy.transforms, *transforms))
            return true(harmed, sources, **words)

        monkeypatch.setattr(safety, "draw_locals", draw)

    return set_up


def audit(policy, cases, **kwargs):
    report = audit_views(policy, cases, **{"draws": 2, "corners": 1} | kwargs)
    return report, {finding.name: finding for finding in report.findings}


def only(*transforms, local=LOCAL):
    return replace(
        ct_strict(grid=GRID), transforms=(Crop(min_overlap=0.0), *transforms), local=local
    )


def test_local_views_are_measured_as_often_as_they_are_drawn(default_audit):
    report, found = default_audit
    assert report.is_safe
    assert report.num_local == 2
    # Of 2 volumes, 2 + 2 draws, 2 local views, each beside 2 global ones.
    assert found["local_orientation"].num_draws == 2 * 4 * 2
    assert found["local_orientation_between_views"].num_draws == 2 * 4 * 2 * 2
    assert found["local_contained"].num_draws == 2 * 4 * 2
    assert found["local_contained"].worst == 1.0
    assert found["local_orientation"].worst == pytest.approx(10, abs=0.1)
    assert found["local_hu_drift_muscle"].worst < 5
    assert found["local_scale"].is_local
    assert not found["scale"].is_local
    assert set(report.local_left_out) == set(LEFT_OUT)
    assert not {f"local_{name}" for name in LEFT_OUT} & set(found)


def test_a_policy_without_local_views_has_no_figure_of_them(cases):
    report, found = audit(only(local=None), cases[:1], draws=1)
    assert report.num_local == 0
    assert not any(name.startswith("local") for name in (*found, *report.not_measured))
    assert not any(name.startswith("local") for name in report.controls)


def test_every_control_is_run_on_views_as_small_too(default_audit):
    report, _ = default_audit
    whole = {name for name in report.controls if not name.startswith("local view, ")}
    part = {name.removeprefix("local view, ") for name in report.controls} - whole
    assert part == {"taken elsewhere"}
    small = {name for name in report.controls if name.startswith("local view, ")}
    assert len(small) >= 12
    assert all(report.controls.values())
    assert "local view, 50 HU added" in small


@pytest.mark.parametrize(
    ("transform", "name", "worst"),
    [
        (Flip(axis="z", probability=1.0), "mirrored", 1.0),
        (HuOffset(offset_hu=(30.0, 30.0)), "hu_drift_muscle", 30.0),
        (HuOffset(offset_hu=(30.0, 30.0)), "hu_drift_muscle_between_views", 30.0),
        (Scale(zoom=(1.08, 1.08)), "scale", 0.08),
        (Scale(zoom=(1.08, 1.08)), "scale_between_views", 0.08),
        (Rotation(max_degrees=40.0), "orientation", 40.0),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
@pytest.mark.usefixtures("without_controls")
def test_what_local_views_alone_break_is_found(transform, name, worst, cases, drawn_by):
    report, found = audit(only(), cases)
    assert report.is_safe
    drawn_by(transform)
    report, found = audit(only(), cases)
    assert found[f"local_{name}"].status == "fail"
    assert found[f"local_{name}"].worst == pytest.approx(worst, rel=0.05)
    assert found[name].status == "pass"
    assert not report.is_safe


@pytest.mark.usefixtures("without_controls")
def test_a_local_view_outside_of_its_global_one_is_found(cases, monkeypatch):
    true = views.draw_locals

    def aside(policy, sources, **words):
        drawn = true(policy, sources, **words)
        offset = np.array([30.0, 0.0, 0.0])
        poses = [replace(pose, centre_mm=pose.centre_mm + offset) for pose in drawn.poses]
        return replace(drawn, poses=tuple(poses))

    monkeypatch.setattr(safety, "draw_locals", aside)
    report, found = audit(only(), cases)
    assert found["local_contained"].status == "fail"
    assert found["local_contained"].worst < 0.3
    assert not report.is_safe


@pytest.mark.usefixtures("without_controls")
def test_a_displaced_local_view_lies_inside_of_a_displaced_global_one(cases):
    grid = replace(GRID, size_voxels=(24, 24, 24))
    policy = replace(only(Displacement(max_fraction=0.25, spacing_mm=12.0)), grid=grid)
    _, found = audit(policy, cases, draws=1, corners=4)
    assert found["local_jacobian_high"].worst > 1.2
    assert found["local_contained"].worst == 1.0


@pytest.mark.usefixtures("without_controls")
def test_a_spacing_of_its_own_is_a_magnification(cases):
    fine = LocalViews(count=1, size_voxels=(16, 16, 16), spacing_mm=(1.6, 1.6, 1.6))
    _, found = audit(only(local=fine), cases[:1])
    assert found["local_scale"].status == "pass"
    assert found["local_scale_between_views"].worst == pytest.approx(0.25, abs=0.002)
    assert found["local_scale_between_views"].status == "fail"


@pytest.mark.usefixtures("without_controls")
def test_a_part_that_misses_the_lesion_is_counted_against_the_whole_that_shows_it():
    cases = [phantom("a", 1, lesion_at=(0.0, 0.0, 0.0))]
    wide = replace(GRID, size_voxels=(30, 30, 30))
    policy = replace(only(), grid=wide, transforms=())
    _, found = audit(policy, cases, draws=8, corners=0, task=TaskProfile.FOCAL)
    assert found["lesion_kept"].mean == 1.0
    assert found["local_lesion_inconsistent"].mean > 0.3
    assert found["local_lesion_inconsistent"].status == "fail"
    assert found["local_lesion_seen"].worst == 1.0
    nearly = LocalViews(count=1, size_voxels=(29, 29, 29), spacing_mm=(2.0, 2.0, 2.0))
    _, found = audit(replace(policy, local=nearly), cases, task=TaskProfile.FOCAL)
    assert found["local_lesion_inconsistent"].mean == 0.0


@pytest.mark.parametrize(
    ("policy", "modality"),
    [
        (mr_weighted(grid=GRID), "MR_WEIGHTED"),
        (pt(grid=GRID), "PT"),
        (ot_shape(grid=replace(GRID, size_voxels=(32, 32, 40))), "OT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_local_controls_come_out_as_they_must_on_every_modality(policy, modality):
    small = replace(LOCAL, size_voxels=(16, 16, 16))
    cases = [phantom("a", 1, modality=modality)]
    report, _ = audit(replace(policy, local=small), cases, draws=1, corners=0)
    assert [each for each in report.control_results if not each.is_as_it_must] == []
    assert sum(name.startswith("local view, ") for name in report.controls) >= 10


def test_an_audit_that_misses_harm_to_a_local_view_is_void(cases, monkeypatch):
    monkeypatch.setattr(harms, "elsewhere", lambda scene: [scene.view()])
    policy = replace(ct_strict(grid=GRID), local=LOCAL)
    report, _ = audit(policy, cases[:1], draws=1, corners=0)
    assert [name for name, good in report.controls.items() if not good] == [
        "local view, taken elsewhere"
    ]
    assert report.is_void
    assert not report.is_safe


def test_a_measure_that_is_blind_on_local_views_makes_the_audit_void(cases, monkeypatch):
    true = controls.measure_local

    def blind(view):
        return true(view) | {"mirrored": 0.0}

    monkeypatch.setattr(controls, "measure_local", blind)
    policy = replace(ct_strict(grid=GRID), local=LOCAL)
    report, _ = audit(policy, cases[:1], draws=1, corners=0)
    assert [name for name, good in report.controls.items() if not good] == [
        "local view, mirrored left to right"
    ]


def thin_case():
    """A slab of tissue with air beside it, in which a local view finds room."""
    body = Box((3, 3, 12), (41, 41, 32))
    array = np.random.default_rng(0).normal(-1000, 8, (1, 44, 44, 44)).astype(np.float32)
    array[:, *body.slices] += 1040
    affine = np.diag([1.6, 1.6, 1.6, 1.0])
    source = views.Source(
        word="thin", shape=(44, 44, 44), affine=affine, low=-1000.0, high=100.0, body=body
    )
    return Case(source=source, patient="a", array=array)


@pytest.mark.usefixtures("without_controls")
def test_a_policy_that_asks_for_the_body_is_not_warned_of_local_views_without_any():
    found = {}
    for least in (0.0, 0.7):
        crop = Crop(min_overlap=0.3, min_body_fraction=least)
        local = LocalViews(count=4, size_voxels=(8, 8, 8), spacing_mm=(2.0, 2.0, 2.0))
        policy = replace(ct_strict(grid=GRID), transforms=(crop,), local=local)
        _, findings = audit(policy, [thin_case()], draws=6, corners=2)
        found[least] = findings["local_body_fraction"]
    assert (found[0.0].status, found[0.7].status) == ("warn", "pass")
    assert found[0.0].worst < 0.5 <= found[0.7].worst
