"""An audit finds what a policy does to real pictures, and is void if a control is missed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.contract import Flag, bounded
from medcl.augment.defaults import ct_strict, mr_weighted, ot_shape, pt
from medcl.augment.normalisation import FixedWindow
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.gain import Gain
from medcl.augment.transforms.noise import GaussianNoise
from medcl.augment.transforms.refusable import Flip, HuOffset
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.evaluation.audit import harms, safety
from medcl.evaluation.audit.safety import audit_views
from medcl.stages.audit_papers import sentences
from tests.evaluation.phantoms import GRID, phantom


@pytest.fixture(scope="module")
def cases():
    return [phantom("a", 1), phantom("b", 2)]


@pytest.fixture(scope="module")
def default_audit(cases):
    return audit(ct_strict(grid=GRID), cases, draws=3, corners=2)


def audit(policy, cases, **kwargs):
    report = audit_views(policy, cases, **{"draws": 2, "corners": 1} | kwargs)
    return report, {finding.name: finding for finding in report.findings}


@pytest.fixture
def without_controls(monkeypatch):
    monkeypatch.setattr(safety, "run_controls", lambda *_args: [])


def with_transform(policy, transform):
    return replace(policy, transforms=(*policy.transforms, transform))


def only(transform, policy=None):
    return replace(policy or ct_strict(grid=GRID), transforms=(Crop(min_overlap=0.0), transform))


def test_the_default_ct_policy_passes_and_every_control_comes_out_as_it_must(default_audit):
    report, found = default_audit
    assert report.is_safe
    assert not report.is_void
    assert {each.name for each in report.control_results if each.must == "pass"} == {
        "unchanged",
        "moved by whole voxels",
        "turned by 5 degrees",
    }
    assert {each.name for each in report.control_results if each.must == "fail"} == {
        "mirrored left to right",
        "mirrored, unknown to its map",
        "magnified 1.1 times",
        "folded",
        "padded by reflection",
        "padding claimed as measured",
        "lesion cut out",
        "turned by 5 degrees, for texture",
        "turned by 5 degrees, for density",
        "50 HU added",
        "histogram shifted",
    }
    assert found["hu_drift_muscle"].worst < 5
    assert found["orientation"].worst == pytest.approx(10, abs=0.1)
    assert found["overlap"].worst >= 0.5
    assert found["orientation"].num_draws == 2 * 2 * (3 + 2)


def test_its_sentences_tell_warnings_from_what_is_not_safe(default_audit):
    report, _ = default_audit
    first, second, *others = sentences(report)
    warned = [each for each in report.findings if each.status == "warn"]
    assert warned
    assert "measured on" in first
    assert f"0 beyond what is safe, {len(warned)} with a warning" in second
    assert sum(each.startswith(f"Warning, {warned[0].title}: ") for each in others) == 1
    assert len(others) == len(warned)
    worst = replace(warned[0], status="fail")
    unsafe = sentences(replace(report, findings=(worst,)))
    assert "1 quantities measured: 1 beyond what is safe, 0 with a warning" in unsafe[1]
    assert unsafe[2].startswith(f"Not safe, {worst.title}: ")


def test_a_report_is_plain_json_without_nan(default_audit):
    report, _ = default_audit
    content = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert content["is_safe"] is True
    assert content["controls"]["folded"] is True
    assert content["task"] == "generic"
    assert "suv_gain" in content["not_measured"]
    assert content["control_results"][0]["is_as_it_must"] is True
    assert {each["transform"] for each in content["declared"]} >= {"rotation", "gaussian_noise"}
    assert all(each["is_enclosed"] for each in content["declared"])
    assert content["breaches"] == []


def test_no_failure_in_many_pairs_bounds_the_rate_of_failures(default_audit):
    report, found = default_audit
    assert report.failure_rate_below == pytest.approx(3 / (2 * (3 + 2)))
    assert found["mirrored"].num_failures == 0
    assert found["mirrored"].failure_rate_below == pytest.approx(3 / 20)


@pytest.mark.parametrize(
    ("transform", "name", "worst"),
    [
        (Flip(axis="z", probability=1.0), "mirrored", 1.0),
        (HuOffset(offset_hu=(30.0, 30.0)), "hu_drift_muscle", 30.0),
        (HuOffset(offset_hu=(30.0, 30.0)), "hu_intercept", 30.0),
        (Scale(zoom=(1.08, 1.08)), "scale", 0.08),
        (Rotation(max_degrees=40.0), "orientation", 40.0),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
@pytest.mark.usefixtures("without_controls")
def test_what_a_policy_breaks_is_measured_in_its_unit(transform, name, worst, cases):
    report, found = audit(only(transform), cases)
    assert not report.is_safe
    assert found[name].status == "fail"
    assert found[name].worst == pytest.approx(worst, rel=0.03)


@pytest.mark.usefixtures("without_controls")
def test_a_gain_on_hu_is_found_by_the_line_through_all_tissues(cases):
    _, found = audit(only(Gain(factor=(1.05, 1.05))), cases)
    assert found["hu_slope"].worst == pytest.approx(0.05, abs=0.01)
    assert found["hu_slope"].status == "fail"


@pytest.mark.usefixtures("without_controls")
def test_what_the_task_does_not_need_warns_at_most(cases):
    policy = only(Scale(zoom=(1.08, 1.08)))
    for task, status in ((TaskProfile.SIZE, "fail"), (TaskProfile.LATERAL, "warn")):
        report, found = audit(policy, cases, task=task)
        assert found["scale"].status == status
        assert report.task == task.value


@pytest.mark.usefixtures("without_controls")
def test_interpolation_is_legal_for_most_tasks_but_not_for_texture():
    still = np.diag([2.0, 2.0, 2.0, 1.0])
    cases = [phantom("a", 3, affine=still, noise=20.0)]
    policy = only(Rotation(max_degrees=5.0))
    assert audit(policy, cases)[1]["noise_ratio"].status == "warn"
    assert audit(policy, cases, task=TaskProfile.TEXTURE)[1]["noise_ratio"].status == "fail"


@pytest.mark.usefixtures("without_controls")
def test_a_difference_between_two_views_is_measured_as_such(cases):
    policy = only(Scale(zoom=(0.975, 1.025)))
    _, found = audit(policy, cases, draws=1, corners=6)
    assert found["scale"].status == "warn"
    assert found["scale_between_views"].status == "fail"
    policy = only(HuOffset(offset_hu=(-4.0, 4.0)))
    _, found = audit(policy, cases, draws=1, corners=6)
    assert found["hu_drift_muscle"].status == "pass"
    assert found["hu_drift_muscle_between_views"].worst == pytest.approx(8.0, abs=1.0)
    assert found["hu_drift_muscle_between_views"].status == "fail"


@pytest.mark.usefixtures("without_controls")
def test_what_a_whole_batch_shares_does_not_differ_between_views(cases):
    policy = only(HuOffset(offset_hu=(-4.0, 4.0), sharing="batch"))
    _, found = audit(policy, cases, corners=4)
    assert found["hu_drift_muscle"].worst > 3
    assert found["hu_drift_muscle_between_views"].worst < 1


@pytest.mark.usefixtures("without_controls")
def test_uptake_is_measured_as_gain_ratio_and_total():
    cases = [phantom("a", 1, modality="PT"), phantom("b", 2, modality="PT")]
    base = pt(grid=GRID)
    _, found = audit(only(Gain(factor=(1.2, 1.2)), base), cases, task=TaskProfile.SUV_ABSOLUTE)
    for name in ("suv_gain", "suv_peak", "suv_total"):
        assert found[name].worst == pytest.approx(1.2, rel=0.02)
    assert found["suv_gain"].status == "fail"
    assert found["suv_total"].status == "warn"
    assert found["suv_ratio"].worst < 0.02
    _, found = audit(only(Scale(zoom=(1.1, 1.1)), base), cases, task=TaskProfile.SUV_TOTAL)
    assert found["suv_total"].worst == pytest.approx(1.1**3, rel=0.03)
    assert found["suv_gain"].worst == pytest.approx(1.0, abs=0.02)


@pytest.mark.usefixtures("without_controls")
def test_a_quantitative_map_must_keep_its_values():
    cases = [phantom("a", 1, modality="MR_QUANTITATIVE")]
    window = FixedWindow(low=0.0, high=3000.0)
    base = replace(ct_strict(grid=GRID), modality="MR_QUANTITATIVE", window=window)
    policy = only(Gain(factor=(0.9, 0.9)), base)
    _, found = audit(policy, cases, task=TaskProfile.QUANTITATIVE_MR)
    assert found["map_gain"].worst == pytest.approx(0.9, abs=0.01)
    assert found["map_gain"].status == "fail"


@pytest.mark.usefixtures("without_controls")
def test_a_lesion_that_one_view_leaves_out_is_counted():
    cases = [phantom("a", 1, lesion_at=(0.5, -0.5, -0.4))]
    policy = replace(ct_strict(grid=GRID), transforms=(Crop(min_overlap=0.1),))
    _, found = audit(policy, cases, draws=12, corners=0, task=TaskProfile.FOCAL)
    assert found["lesion_kept"].mean < 0.8
    assert found["lesion_kept"].status == "fail"
    assert found["lesion_inconsistent"].mean > 0
    wide = replace(GRID, size_voxels=(44, 44, 52))
    _, found = audit(replace(policy, grid=wide), cases, draws=2, task=TaskProfile.FOCAL)
    assert found["lesion_kept"].mean == 1.0
    assert found["lesion_retained"].worst > 0.9
    assert found["lesion_volume"].worst == pytest.approx(1.0, abs=1e-3)


@pytest.mark.usefixtures("without_controls")
def test_noise_lowers_the_contrast_over_it(cases):
    _, found = audit(only(GaussianNoise(sd_hu=(12.0, 12.0))), cases, task=TaskProfile.FOCAL)
    assert found["contrast_to_noise"].status == "fail"
    assert found["noise_ratio"].worst > 2


@pytest.mark.parametrize(
    ("policy", "modality"),
    [
        (mr_weighted(grid=GRID), "MR_WEIGHTED"),
        (pt(grid=GRID), "PT"),
        (ot_shape(grid=replace(GRID, size_voxels=(32, 32, 40))), "OT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_modality_has_controls_that_come_out_as_they_must(policy, modality):
    cases = [phantom("a", 1, modality=modality)]
    report, found = audit(policy, cases, draws=1, corners=0)
    assert [each for each in report.control_results if not each.is_as_it_must] == []
    assert not any(name.startswith("hu_") for name in found)
    assert len(report.controls) >= 11


def test_an_audit_that_misses_a_control_is_void(cases, monkeypatch):
    monkeypatch.setattr(harms, "brightened", lambda scene: [scene.view()])
    report, _ = audit(ct_strict(grid=GRID), cases[:1], draws=1, corners=0)
    assert [name for name, good in report.controls.items() if not good] == ["50 HU added"]
    assert report.is_void
    assert not report.is_safe


def test_an_audit_that_refuses_good_views_is_void(cases, monkeypatch):
    monkeypatch.setattr(harms, "moved", harms.magnified)
    report, _ = audit(ct_strict(grid=GRID), cases[:1], draws=1, corners=0)
    assert [name for name, good in report.controls.items() if not good] == ["moved by whole voxels"]
    assert report.is_void


@pytest.mark.usefixtures("without_controls")
def test_a_declared_bound_that_does_not_hold_makes_an_audit_unsafe(cases, monkeypatch):
    policy = only(Rotation(max_degrees=10.0))
    assert audit(policy, cases)[0].is_safe
    true = Rotation.contract

    def lying(self, modality):
        return dict(true(self, modality)) | {Flag.ORIENTATION: bounded(5.0, "deg")}

    monkeypatch.setattr(Rotation, "contract", lying)
    report, found = audit(policy, cases)
    assert found["orientation"].status == "pass"
    (breach,) = report.breaches
    assert (breach.transform, breach.flag, breach.bound) == ("rotation", "orientation", 5.0)
    assert breach.measured == pytest.approx(10.0, abs=0.1)
    assert not report.is_void
    assert not report.is_safe
    assert "rotation declares to change orientation by 5 deg at most, and 10 deg" in breach.sentence
    assert report.to_json()["breaches"][0]["sentence"] == breach.sentence


def test_an_audit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one volume"):
        audit_views(ct_strict(grid=GRID), [])


@pytest.mark.usefixtures("without_controls")
def test_a_bound_on_noise_is_held_against_scans_as_clean_as_those_of_the_cohort(cases):
    policy = only(GaussianNoise(sd_hu=(6.0, 6.0)))
    bounds = {
        facts: {
            each.flag: each.bound
            for each in audit(policy, cases, facts=facts)[0].declared
            if each.transform == "gaussian_noise" and not each.is_local
        }
        for facts in (None, DataFacts(volumes=2, noise_sd=4.0))
    }
    (presumed, known) = (each[Flag.LOWCONTRAST_CNR] for each in bounds.values())
    assert known > presumed
