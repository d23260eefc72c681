"""The page of an audit says all a radiologist signs, and nothing leaves it or runs in it."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from medcl.augment.grid import LocalViews
from medcl.augment.partner import OtherSeries
from medcl.evaluation.audit.report import PARTNERS_NOT_COVERED
from medcl.report.audit.page import Surroundings, audit_page
from medcl.report.audit.tables import declared_table
from medcl.report.contact_sheet import sheet_png
from medcl.report.partner_rows import partner_rows
from medcl.report.sheet_rows import sheet_rows
from tests.report.audit_content import (
    MIRRORED,
    STRICT,
    content,
    difficulty,
    encoder,
    finding,
    partners,
)
from tests.report.test_contact_sheet import volume

GIVEN = Surroundings(
    settings='{"task": "generic"}', commands=("medcl audit settings.yaml",), code="medcl 0.1.0"
)


def words(html):
    """Return what is read, without markup."""
    body = html.split("<body>")[1]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def page(given=GIVEN, **values):
    return audit_page(content(**values), given)


def section(text, title):
    return text.split(f" {title} ")[1]


def test_nothing_runs_in_it_and_no_request_leaves_it():
    sheet = sheet_png(sheet_rows(STRICT, volume(), case=1, draws=2), title="case 1")
    html = page(Surroundings(sheets=[sheet], settings="<script>alert(1)</script>"))
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "http:" not in html.replace("http-equiv", "")
    assert "https:" not in html
    assert html.count('src="data:image/png;base64,') == 1
    assert set(re.findall(r'(?:src|href)="(\w+):', html)) == {"data"}
    assert not re.search(r"\son\w+=|style=", html)


def test_tasks_are_excluded_in_words_by_the_check_that_stops_runs():
    strict, mirrored = words(page()), words(page(policy=MIRRORED))
    assert "the side of disease" in strict.split("Excluded")[0]
    assert (
        "the side of disease: left or right, lobes, situs left and right changed by flip"
        in (mirrored.split("Excluded")[1])
    )
    assert "texture: radiomics" in strict.split("Excluded")[1]
    assert "absolute uptake" in strict.split("Does not exist on CT")[1].split("Excluded")[0]


def test_a_policy_that_breaks_its_task_is_not_called_safe_whatever_was_measured():
    assert "SAFE for this purpose, as declared and as measured." in words(page())
    mirrored = words(page(policy=MIRRORED))
    assert "NOT SAFE for this purpose, by its own contract." in mirrored
    assert "SC001" in mirrored.split("Purpose")[0]


def test_what_nobody_knows_is_unknown_until_somebody_answers_for_it():
    facts = {"volumes": 6, "unsaid_orientation": 2}
    open_one = words(page(facts=facts))
    assert "UNKNOWN: nobody answers" in open_one.split("Purpose")[0]
    assert "left and right unknown" in open_one.split("Excluded")[1]
    said = "checked by two readers"
    unknown = [
        {"flag": flag, "reason": "", "justification": said}
        for flag in ("laterality", "orientation")
    ]
    accepted = words(page(facts=facts, verdict={"unknown": unknown}))
    assert "SAFE for this purpose, as declared" in accepted
    assert f"Accepted: {said}" in accepted.split("Purpose")[0]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"is_void": True, "is_safe": False}, "VOID"),
        ({"is_safe": False, "findings": [finding(status="fail")]}, "NOT SAFE"),
    ],
)
def test_a_void_or_failed_audit_says_so_first(values, said):
    text = words(page(**values))
    assert said in text.split("Purpose")[0]
    assert "SAFE for this purpose, as declared" not in text


def test_every_transform_stands_with_range_unit_cause_and_what_it_does_not_keep():
    text = words(page())
    assert "rotation max 10 ° 50 % of views patient turned on the table" in text
    assert "gaussian noise sd 0 to 20 HU 50 % of views scan at a lower dose" in text
    assert "position of the patient within 10 °" in text


def test_figures_stand_with_interval_worst_case_limit_and_rule_of_three():
    text = words(page())
    assert "1.23 [1.1, 1.4] 3 4.57 at most 5 300 < 1 % passes" in text
    # 6 volumes of 50 pairs each, of 6 patients.
    assert "for a further pair of these patients that is 1 %, for a further patient 50 %" in text


def test_limits_that_are_lowest_or_a_ratio_are_said_as_such():
    findings = [
        finding(name="overlap", is_lowest=True, limit=0.47),
        finding(name="noise_ratio", title="Noise against the plain view", is_ratio=True, limit=2.0),
        finding(name="suv_gain", failure_rate_below=0.002, status="warn"),
    ]
    text = words(page(findings=findings))
    assert "at least 0.47" in text
    assert "Noise against the plain view" in text
    assert "0.5 to 2" in text
    assert "< 0.2 % warning" in text


def test_figures_that_the_task_does_not_need_stand_apart():
    findings = [finding(), finding(title="Noise ratio", may_fail=False, status="warn")]
    needed, beside = words(page(findings=findings)).split("Not needed for this purpose")
    assert "Noise ratio" not in needed
    assert "Noise ratio" in beside


def test_a_declared_bound_that_does_not_hold_is_said_first():
    breach = {
        "transform": "rotation",
        "flag": "orientation",
        "bound": 10.0,
        "measured": 12.0,
        "unit": "deg",
    }
    top = words(page(breaches=[breach], is_safe=False)).split("Purpose")[0]
    assert "NOT SAFE: a declared bound does not hold" in top
    said = "position of the patient: rotation declares a change of 10 deg at most, measured are 12"
    assert said in top


def test_local_views_stand_apart_with_what_was_not_measured_on_them():
    local = LocalViews(count=4, size_voxels=(16, 16, 8), spacing_mm=(2.0, 2.0, 3.0))
    text = words(
        page(
            policy=replace(STRICT, local=local),
            num_local=4,
            findings=[
                finding(title="median of muscle moved by"),
                finding(title="local view: median of muscle moved by", is_local=True, worst=9.0),
            ],
            local_left_out={"overlap": "it lies inside", "lesion_kept": "it is a part"},
            not_measured=["local_suv_gain", "local_lesion_seen"],
        )
    )
    assert "views of 64 x 64 x 48 mm and local ones of 32 x 32 x 24 mm" in text
    assert "4 local views of 32 x 32 x 24 mm besides" in text
    whole, part = section(text, "What was measured").split("Local views")
    assert "9" not in whole.split("median of muscle moved by")[1].split("passes")[0]
    assert "median of muscle moved by (HU) 1.23 [1.1, 1.4] 3 9 at most 5" in part
    assert "Not measured: overlap: it lies inside." in part
    assert "Not measured, for want of what it takes: local lesion seen." in text
    assert "Local views" not in words(page())


def test_controls_declared_bounds_and_what_was_not_measured_are_shown():
    control = {
        "name": "identity",
        "must": "pass",
        "task": "generic",
        "found": "fail",
        "figure": "hu_drift",
        "worst": 50.0,
        "limit": 5.0,
    }
    declared = {
        "transform": "rotation",
        "flag": "orientation",
        "bound": 10.0,
        "unit": "deg",
        "measured": 12.0,
        "precision": 0.5,
    }
    exact = declared | {"flag": "laterality", "bound": 0.0, "measured": 0.0}
    text = words(
        page(
            control_results=[control],
            declared=[declared, exact],
            not_measured=["lesion_kept", "suv_gain"],
        )
    )
    assert "identity must pass" in text
    assert "failed, NOT as it must" in text
    assert "rotation position of the patient 10 deg 12 deg broken" in text
    assert "1 times a quantity is declared to stay exactly, and does." in text
    assert "Not measured, for want of what it takes: lesion kept." in text


def test_a_trivial_policy_is_told_at_the_top():
    trivial = difficulty(verdict="trivial", sentence="Trivial: all partners are found already.")
    assert "Trivial: all partners" in words(page(difficulty=trivial)).split("Purpose")[0]
    assert "Workable" not in words(page()).split("Purpose")[0]
    assert "14 % [9, 19] 0.26" in words(page())


def test_an_audit_without_difficulty_or_encoder_leaves_the_sections_out():
    text = words(page(difficulty=None))
    assert "Is there something to learn?" not in text
    assert "has learnt to ignore" not in text


def test_what_an_encoder_no_longer_tells_is_a_warning_at_the_top():
    text = words(page(encoder=encoder()))
    assert "no longer tells" in text.split("Purpose")[0]
    assert "R² 0.05 [-0.1, 0.15] 0.60 needed lost" in text


def test_it_can_be_signed():
    text = words(page())
    signatures = section(text, "Signatures")
    assert STRICT.hash in signatures
    assert "medcl 0.1.0" in signatures
    assert "date signature radiologist" in signatures
    study = section(text, "Reader study")
    assert "150 pairs without one" in study
    assert "0 of 150 shows less than 2 %" in study
    assert "same patient with the same diagnosis?" in study


def test_it_is_a_pure_function_of_its_content():
    assert page() == page()


def test_partners_are_said_to_be_in_the_policy_and_not_in_the_figures():
    paired = replace(STRICT, partner=OtherSeries(probability=0.25))
    given = {"policy": paired, "task": "lateral", "not_covered": [PARTNERS_NOT_COVERED]}
    text = words(page(**given))
    assert "SAFE for this purpose, as declared; not all of it was measured." in text
    assert PARTNERS_NOT_COVERED in text.split("Purpose")[0]
    assert PARTNERS_NOT_COVERED in section(text, "What was measured")
    assert PARTNERS_NOT_COVERED in section(text, "Limitations")
    assert "For 25 % of the pairs the second view is of another series" in text
    assert "bright stays bright changed by partner (SC015)" in text.split("Excluded")[1]
    assert "Partners" not in words(page())


def test_a_bound_measured_on_local_views_says_so():
    row = {"transform": "noise", "flag": "lowcontrast_cnr", "bound": 0.2, "unit": "fraction"}
    both = [row | {"measured": 0.1, "is_local": is_local} for is_local in (False, True)]
    assert declared_table(both).count("noise, local views") == 1
    # Reports of before have no such key.
    assert "local views" not in declared_table([row | {"measured": 0.1}])


def test_pairs_of_two_series_have_a_section_with_limits_and_what_is_no_failure():
    paired = replace(STRICT, partner=OtherSeries(probability=0.25))
    off = finding(
        name="partner_place_off",
        title="two series: lies elsewhere than its header says, by",
        unit="mm",
        worst=23.4,
        limit=10.0,
        status="fail",
        is_partner=True,
    )
    text = words(
        page(
            policy=paired,
            task="lateral",
            is_safe=False,
            findings=[finding(), off],
            partners=partners(),
            difficulty=difficulty(partner_sentence="Of 21 % of the pairs the second was another."),
        )
    )
    told = section(text, "Pairs of two series").split("Controls")[0]
    assert "4 of 10 volumes have a partner." in told
    assert "these were measured: left and right, position of the patient." in told
    assert "Up to 10 mm from where the headers say passes and up to 20 mm is a warning" in told
    assert "lies elsewhere than its header says, by (mm)" in told
    assert "median of fat, second less first (HU) 12 [8, 15]" in told
    assert "What was not tried rests on headers." in told
    assert "lies elsewhere" not in section(text, "What was measured").split("Pairs of two")[0]
    assert "two series: lies elsewhere than its header says, by: worst 23.4" in text
    assert "Of 21 % of the pairs the second was another." in text
    assert "Pairs of two series" not in words(page())


def test_a_cohort_without_partners_is_said_to_have_none():
    paired = replace(STRICT, partner=OtherSeries(probability=0.25))
    alone = partners(num_pairs=0, sentence="No partner was measured: none has another series.")
    text = words(page(policy=paired, task="lateral", partners=alone))
    assert "none has another series." in section(text, "Pairs of two series")
    assert "What both must have" not in text


def test_pairs_of_two_series_are_shown_in_turn_at_one_place():
    paired = replace(STRICT, partner=OtherSeries(probability=0.25))
    first = volume()
    second = replace(first, source=replace(first.source, word="other"), array=first.array + 100)
    (row,) = partner_rows(paired, first, second, case=1)
    (_, other), (_, both) = row.views
    known = row.original.mask & other.mask
    assert np.median((other.plane - row.original.plane)[known]) == pytest.approx(100, abs=1)
    assert np.isclose(both.plane, row.original.plane)[known].mean() == pytest.approx(0.5, abs=0.1)
    sheets = [sheet_png([row], title="Partners")]
    html = audit_page(
        content(policy=paired, partners=partners()), Surroundings(partner_sheets=sheets)
    )
    assert html.count('src="data:image/png;base64,') == 1
    assert "both series show one place" in section(words(html), "Pairs of two series")
    moved = second.source.affine.copy()
    moved[0, 3] += 900.0
    far = replace(second, source=replace(second.source, affine=moved))
    assert partner_rows(paired, first, far, case=1) == []
