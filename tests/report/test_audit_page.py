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

GIVEN = Surroundings(report_digest="78" * 32, commands=("medcl audit settings.yaml",))


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
    settings = {"accept_unknown": ["<script>alert(1)</script>"]}
    html = page(replace(GIVEN, sheets=[sheet]), settings=settings)
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
    assert "rotation up to 10 ° 50 % of views patient turned on the table" in text
    noise = "gaussian noise standard deviation 0 to 20 HU 50 % of views scan at a lower dose"
    assert noise in text
    assert "position of the patient: off by up to 10 °" in text
    assert "Values from -1000 to 1000 HU are seen" in text


def test_figures_stand_with_interval_worst_case_limit_and_rule_of_three():
    text = words(page())
    assert "1.23 [1.1, 1.4] 3 4.57 ≤ 5 > 7 300 < 1 % passes" in text
    # 6 volumes of 50 pairs each, of 6 patients.
    assert "for a further pair of these patients that is 1 %, for a further patient 50 %" in text


def test_limits_that_are_lowest_or_a_ratio_are_said_as_such():
    findings = [
        finding(name="overlap", is_lowest=True, limit=0.47),
        finding(name="noise_ratio", title="Noise against the plain view", is_ratio=True, limit=2.0),
        finding(name="suv_gain", failure_rate_below=0.002, status="warn"),
    ]
    findings += [finding(name="bare", title="body in view", is_lowest=True, fails=None)]
    text = words(page(findings=findings))
    assert "≥ 0.47 < 7 300" in text
    assert "Noise against the plain view" in text
    assert "0.5 to 2 < 0.143 or > 7 300" in text
    assert "< 0.2 % warning" in text
    # What never fails has no rate of failing.
    assert "≥ 5 never 300 passes" in text


def test_figures_that_the_task_does_not_need_stand_apart():
    findings = [finding(), finding(title="Noise ratio", may_fail=False, status="warn")]
    top, rest = words(page(findings=findings)).split(" What was measured ")
    needed, beside = rest.split("Not needed for this purpose")
    assert "Noise ratio" not in needed
    assert "Noise ratio" in beside
    assert "would fail in" in beside
    assert "1 with a warning (Noise ratio)" in top


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
    said = "position of the patient: rotation declares a change of 10 ° at most, measured are 12 °"
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
    voxels = "(voxels of 2 x 2 x 3 mm)"
    assert f"views of 64 x 64 x 48 mm {voxels} and local ones of 32 x 32 x 24 mm {voxels}" in text
    assert "4 local views of 32 x 32 x 24 mm besides" in text
    whole, part = section(text, "What was measured").split("Local views")
    assert "9" not in whole.split("median of muscle moved by")[1].split("passes")[0]
    assert "median of muscle moved by (HU) 1.23 [1.1, 1.4] 3 9 ≤ 5" in part
    assert "Not measured: shared by both views: it lies inside." in part
    assert "marked lesions: local view: lesion inside of it that is seen." in text
    assert "Local views" not in words(page())


def test_controls_declared_bounds_and_what_was_not_measured_are_shown():
    control = {
        "name": "identity",
        "must": "pass",
        "task": "generic",
        "found": "fail",
        "figure": "hu_drift",
        "title": "median of lung moved by",
        "unit": "HU",
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
    caught = "identity pass a task not named yet median of lung moved by (HU) 50 HU ≤ 5"
    assert f"{caught} failed, NOT as it must" in text
    assert "rotation position of the patient 10 ° 12 ° 0.5 ° broken" in text
    assert "1 times a transform declares to keep a quantity exactly, and does." in text
    assert "marked lesions: lesion kept by both views." in text


def test_a_control_that_passed_was_caught_by_nothing():
    passed = {
        "name": "unchanged",
        "must": "pass",
        "task": "generic",
        "found": "pass",
        "figure": "mirrored",
        "worst": 0.0,
        "limit": 0.0,
    }
    text = words(page(control_results=[passed]))
    assert "unchanged pass a task not named yet nothing passed, as it must" in text


def test_parts_are_in_per_cent_and_no_number_has_an_exponent():
    tiny = [2.1e-5, 9.2e-5]
    findings = [
        finding(name="scale", title="magnified by", unit="of the length", mean=0.0123, limit=0.03),
        finding(name="hu_slope", title="slope", unit="", mean=4.6e-5, interval=tiny, p99=6e-7),
    ]
    text = words(page(findings=findings))
    assert "magnified by (% of the length) 1.23 [110, 140] 300 457 ≤ 3 > 700" in text
    assert "slope 0.00005 [0.00002, 0.00009] 0 4.57" in text
    assert not re.search(r"\de-\d", text)


def test_quantities_are_explained_those_that_were_measured():
    findings = [
        finding(title="median of muscle moved by"),
        finding(name="hu_drift_fat", title="median of fat moved by"),
        finding(name="noise_ratio", title="noise multiplied by"),
    ]
    meanings = words(page(findings=findings)).split("what the quantities mean")[1]
    assert meanings.count("median of a tissue moved by") == 1
    assert "noise multiplied by noise of the view by that of the same place read out plainly" in (
        meanings
    )
    assert "emphysema index" not in meanings


def test_a_trivial_policy_is_told_at_the_top():
    trivial = difficulty(verdict="trivial", sentence="Trivial: all partners are found already.")
    assert "Trivial: all partners" in words(page(difficulty=trivial)).split("Purpose")[0]
    assert "can be learnt" not in words(page()).split("Purpose")[0]
    assert "14 % [9, 19] 0.26" in words(page())
    # The word stands in a coloured field, and not twice.
    assert "workable something can be learnt." in words(page())


def test_an_audit_without_difficulty_or_encoder_leaves_the_sections_out():
    text = words(page(difficulty=None))
    assert "Is there something to learn?" not in text
    assert "Whether there is something to learn from these views was not measured." in text
    assert "Difficulty is that of a small encoder" not in text
    assert "has learnt to ignore" not in text


def test_what_an_encoder_no_longer_tells_is_a_warning_at_the_top():
    text = words(page(encoder=encoder()))
    assert "no longer tells" in text.split("Purpose")[0]
    assert "R² 0.05 [-0.1, 0.15] 0.60 [0.5, 0.7] needed lost" in text
    assert "medcl audit --encoder" not in text
    assert "after pretraining, medcl audit --encoder probes it." in words(page())


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


def test_no_heading_stands_above_nothing_and_no_cell_of_a_head_is_empty():
    html = page(encoder=encoder(), control_results=[])
    assert not re.search(r"<(h\d|th)[^>]*>\s*</", html)
    assert not re.search(r"</h(\d)>\s*<(h\1|/section)", html)


def test_the_purpose_and_what_is_excluded_stand_beside_the_verdict():
    top = words(page()).split(" Purpose ")[0]
    assert "This purpose: pretraining for a task not named yet: any but those excluded." in top
    assert "NOT valid for: density, size, whether a small lesion is there, texture" in top


def test_a_part_that_may_be_lost_is_said_in_per_cent():
    excluded = words(page()).split("Excluded: not valid for")[1].split("What the views change")[0]
    assert re.search(r"may be off by up to 5\d[.\d]* % of the lesion within a view: crop", excluded)
    assert "it hides what this task is about" in excluded
    assert " departs " not in excluded


def test_reasons_beside_the_verdict_are_words_and_limits_have_the_unit_of_what_they_limit():
    small = LocalViews(count=2, size_voxels=(8, 8, 4), spacing_mm=(1.0, 1.0, 3.0))
    text = words(page(policy=replace(STRICT, local=small), is_safe=False))
    top = text.split(" Purpose ")[0]
    off = "size in mm may be off by up to 106 % of the length between a local view and a global one"
    assert f"{off} (limit 3 %): local (SC020)." in top
    assert re.search(r"position of the patient may be off by up to [\d.]+° between", top)
    for name in ("physical_scale", "physical scale", "spacing_mm", "deg ", "departs"):
        assert name not in text


def test_a_bound_on_noise_is_the_same_where_it_is_declared_and_where_it_is_measured():
    """Beside the noise of these scans: 20 HU drown more on quiet ones."""
    quiet, loud = (words(page(facts={"volumes": 6, "noise_sd": noise})) for noise in (4.0, 30.0))
    lost = [
        re.search(r"noise and texture; contrast of faint lesions: off by up to (\S+) %", text)
        for text in (quiet, loud)
    ]
    assert float(lost[0][1]) > float(lost[1][1])


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
        content(policy=paired, partners=partners()), replace(GIVEN, partner_sheets=sheets)
    )
    assert html.count('src="data:image/png;base64,') == 1
    assert "both series show one place" in section(words(html), "Pairs of two series")
    moved = second.source.affine.copy()
    moved[0, 3] += 900.0
    far = replace(second, source=replace(second.source, affine=moved))
    assert partner_rows(paired, first, far, case=1) == []
