"""An audit measures pairs of two series: one elsewhere, mirrored or of a wrong size is caught."""

import json
from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.defaults import ct_strict
from medcl.augment.grid import ViewGrid
from medcl.augment.partner import OtherSeries
from medcl.augment.safety.tasks import TaskProfile
from medcl.evaluation.audit import partner_scene
from medcl.evaluation.audit.partners import Census, audit_partners
from medcl.evaluation.audit.report import PARTNERS_NOT_COVERED
from medcl.evaluation.audit.safety import audit_views
from tests.evaluation.phantoms import GRID, phantom
from tests.evaluation.two_series import other, scan

WIDE = ViewGrid(size_voxels=(20, 18, 20), spacing_mm=(4.0, 4.0, 4.0))
POLICY = replace(ct_strict(grid=WIDE), partner=OtherSeries())
CENSUS = Census(10, 4)


def audited(*pairs, policy=POLICY, draws=2, corners=1, **words):
    found = audit_partners(
        policy,
        pairs,
        census=CENSUS,
        task=TaskProfile.LATERAL,
        draws=draws,
        corners=corners,
        **words,
    )
    return found, {each.name.removeprefix("partner_"): each for each in found.findings}


@pytest.fixture
def without_controls(monkeypatch):
    monkeypatch.setattr("medcl.evaluation.audit.partner_controls._MOST_PAIRS", 0)


@pytest.fixture(scope="module")
def usual():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medcl.evaluation.audit.partner_controls._MOST_PAIRS", 1)
        return audited((scan(), other()), (scan(patient="q"), other(patient="q")))


@pytest.fixture(scope="module")
def plain_report():
    return audit_views(
        POLICY,
        [phantom("a", 1), phantom("b", 2)],
        task=TaskProfile.LATERAL,
        draws=1,
        corners=1,
    )


def test_two_series_of_one_place_pass_in_everything_they_claim_to_keep(usual):
    found, by_name = usual
    assert {each.status for each in found.findings} == {"pass"}
    assert all(each.is_partner for each in found.findings)
    assert by_name["place_off"].num_draws == 2
    assert by_name["place_off"].worst < 3.0
    assert by_name["overlap"].num_draws == found.summary.num_found
    assert by_name["overlap"].worst >= 0.5
    assert by_name["body_in_common"].worst > 0.9
    assert by_name["agreement_lost_aside"].mean > 0.3
    assert 0 < by_name["orientation_between_views"].worst <= 20.1
    assert set(found.summary.kept) == {"laterality", "orientation", "physical_scale"}
    assert found.not_measured == ()


def test_every_control_of_partners_comes_out_as_it_must(usual):
    results = {each.name: each for each in usual[0].control_results}
    assert set(results) == {
        "two series, a volume as its own partner",
        "two series, partner moved by 30 mm",
        "two series, partner mirrored, unknown to its header",
        "two series, partner magnified 1.15 times",
    }
    assert all(each.is_as_it_must for each in results.values())
    assert results["two series, partner moved by 30 mm"].worst == pytest.approx(30.0, abs=2.5)
    assert usual[0].summary.unproven == ()


def test_what_series_may_differ_by_is_told_and_fails_nothing(usual):
    told = {each.name: each for each in usual[0].summary.differences}
    assert told["hu_muscle"].mean == pytest.approx(120.0 - 45.0, abs=6.0)
    assert told["hu_muscle"].flag == "hu_calibration"
    assert told["noise"].mean == pytest.approx(25.0 / 8.0, rel=0.15)
    assert told["order"].largest < 0.9
    low, high = told["hu_muscle"].interval
    assert low <= told["hu_muscle"].mean <= high


@pytest.mark.parametrize(
    ("truly", "figure"),
    [
        (lambda world: world - np.array([0.0, 0.0, 28.0]), "place_off"),
        (lambda world: world * np.array([-1.0, 1.0, 1.0]), "looks_mirrored"),
        (lambda world: world * np.array([-1.0, -1.0, 1.0]), "looks_upside_down"),
        (lambda world: world / 1.14, "magnified"),
    ],
)
@pytest.mark.usefixtures("without_controls")
def test_a_partner_that_does_not_keep_what_it_claims_makes_the_audit_unsafe(
    truly, figure, plain_report
):
    assert plain_report.is_safe
    found, by_name = audited((scan(), other(truly=truly)))
    assert by_name[figure].status == "fail"
    report = plain_report.with_partners(found)
    assert not report.is_safe
    assert not report.is_void
    assert figure in " ".join(each.name for each in report.findings if each.status == "fail")


@pytest.mark.usefixtures("without_controls")
def test_a_partner_off_by_little_more_than_a_breath_is_a_warning():
    truly = {"truly": lambda world: world - np.array([0.0, 14.0, 0.0])}
    _, by_name = audited((scan(), other(**truly)), draws=1, corners=0)
    assert by_name["place_off"].status == "warn"
    head = replace(POLICY, region="head")
    _, by_name = audited((scan(), other(**truly)), policy=head, draws=1, corners=0)
    assert by_name["place_off"].status == "fail"


def test_an_audit_that_sees_no_place_is_void(monkeypatch, plain_report):
    true = partner_scene.alignment_of

    def blind(shared, *, reach_mm):
        found = true(shared, reach_mm=reach_mm)
        return replace(found, shift_mm=(0.0, 0.0, 0.0), zoom=0.0, looks_mirrored=False)

    monkeypatch.setattr(partner_scene, "alignment_of", blind)
    report = plain_report.with_partners(audited((scan(), other()), draws=1, corners=0)[0])
    assert report.is_void
    missed = [name for name, good in report.controls.items() if not good]
    assert missed == [
        "two series, partner moved by 30 mm",
        "two series, partner mirrored, unknown to its header",
        "two series, partner magnified 1.15 times",
    ]


def test_a_partner_that_shows_nothing_of_the_patient_proves_nothing(plain_report):
    empty = {"air": 0.0, "body": 0.0, "organs": (0.0,) * 5}
    found, by_name = audited((scan(), other(values=empty)), draws=1, corners=0)
    assert by_name["place_told"].status == "warn"
    assert "place_off" not in by_name
    assert "partner_place_off" in found.not_measured
    assert plain_report.with_partners(found).is_void


def test_volumes_too_small_to_be_moved_in_say_what_is_not_proven(plain_report):
    small = {"shape": (22, 20, 22)}
    pair = scan(**small), scan("b", noise=20.0, **small)
    narrow = replace(POLICY, grid=GRID)
    found, _ = audited(pair, policy=narrow, draws=1, corners=0)
    assert [each.name for each in found.control_results] == [
        "two series, a volume as its own partner",
        "two series, partner mirrored, unknown to its header",
    ]
    assert "moved by 30 mm would be found" in found.summary.unproven[0]
    assert set(found.summary.unproven) <= set(plain_report.with_partners(found).not_covered)


def test_a_cohort_without_partners_says_so_plainly(plain_report):
    assert plain_report.not_covered == (PARTNERS_NOT_COVERED,)
    found = audit_partners(POLICY, [], census=Census(12, 0), task=TaskProfile.LATERAL)
    report = plain_report.with_partners(found)
    assert found.findings == found.control_results == found.not_measured == ()
    assert "of the 12 volumes of this cohort none has another series" in found.summary.sentence
    assert report.not_covered == (found.summary.sentence,)
    assert report.is_safe
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert told["partners"]["share"] == 0.0
    assert told["partners"]["sentence"] == found.summary.sentence


def test_measured_partners_are_covered_and_stand_in_the_json(usual, plain_report):
    report = plain_report.with_partners(usual[0])
    assert report.not_covered == ()
    assert report.is_safe
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert told["partners"]["census"] == {"num_volumes": 10, "num_with_partner": 4}
    assert "4 of 10 volumes (40 %) have a partner" in told["partners"]["sentence"]
    assert told["controls"]["two series, partner moved by 30 mm"]
    assert {"partner_place_off", "partner_looks_mirrored"} <= {
        each["name"] for each in told["findings"]
    }


def test_a_policy_without_partners_has_none_to_audit():
    with pytest.raises(ValueError, match="must have partners to be audited"):
        audit_partners(replace(POLICY, partner=None), [(scan(), other())], census=CENSUS)


def test_views_of_one_volume_are_measured_as_if_there_were_no_partners(plain_report):
    alone = audit_views(
        replace(POLICY, partner=None),
        [phantom("a", 1), phantom("b", 2)],
        task=TaskProfile.LATERAL,
        draws=1,
        corners=1,
    )
    assert alone.findings == plain_report.findings
    assert alone.control_results == plain_report.control_results
    assert alone.declared == plain_report.declared
    assert alone.partners is None
