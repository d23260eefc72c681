"""What is signed is named on the page: volumes, policy, purpose, code and the report itself."""

import re
from dataclasses import replace

import pytest

from medcl.report.audit.page import audit_page
from tests.report.audit_content import MIRRORED, STRICT, content, data, encoder, finding
from tests.report.test_audit_page import GIVEN, page, words

SIGN_HERE = "radiologist"


def signatures(**values):
    return words(page(**values)).split(" Signatures ")[1].split(" How to get ")[0]


def test_a_signature_names_volumes_policy_purpose_code_and_report():
    text = signatures()
    assert f"volumes selected 8 of 7 patients, {'ab' * 32}" in text
    assert f"of them: views 6 of 5 patients, {'cd' * 32}" in text
    assert f"of them: difficulty 8 of 5 patients, {'ef' * 32}" in text
    assert f"policy {STRICT.name}, {STRICT.hash}" in text
    assert "purpose pretraining for a task not named yet" in text
    assert f"code medcl 0.1.0, contract version 4, source {'12' * 32}" in text
    assert f"report (audit.json) {'78' * 32}" in text
    assert "on the volumes named here" in text
    assert SIGN_HERE in text


def test_lesion_maps_and_an_encoder_are_part_of_what_is_signed():
    plain = signatures()
    assert "lesion maps" not in plain
    assert "encoder " not in plain
    lesions = {"name": "nodules", "volumes": 3, "digest": "56" * 32}
    text = signatures(data=data(lesions=lesions), encoder=encoder())
    assert f"lesion maps 3, {'56' * 32}" in text
    assert f"encoder {'34' * 32}" in text
    section = words(page(data=data(lesions=lesions))).split(" Volumes ")[1]
    assert "Lesions are known in 3 of the selected volumes, from the label set nodules." in section


@pytest.mark.parametrize(
    "values",
    [
        {"is_void": True, "is_safe": False},
        {"is_safe": False, "findings": [finding(status="fail")]},
        {"policy": MIRRORED},
        {"facts": {"volumes": 6, "unsaid_orientation": 2}},
    ],
)
def test_what_is_not_safe_has_no_lines_to_sign_on(values):
    text = signatures(**values)
    assert "Not to be signed" in text
    assert SIGN_HERE not in text
    assert "volumes selected" in text


def test_the_top_says_how_many_volumes_of_how_many_and_how_digests_begin():
    top = words(page()).split(" Verdict ")[0]
    assert "measured on 6 volumes of 6 patients, out of 8 that were selected" in top
    assert f"policy {STRICT.hash[:12]}, volumes abababababab, report 787878787878." in top


def test_every_sheet_of_paper_says_which_report_it_is_of_and_its_number():
    html = page()
    foot = re.search(r'@bottom-left \{ content: "([^"]*)"', html)[1]
    assert foot == (
        f"Safety audit: policy {STRICT.hash[:12]}, volumes abababababab, report 787878787878"
    )
    assert 'counter(page) " of " counter(pages)' in html


def test_volumes_are_told_by_what_selected_them_and_what_they_were_read_for():
    asked = {"label_set": "organ", "quality": {"hu_scale": ["plausible", "unknown"]}}
    asked |= {"collapse_near_duplicates": True}
    text = words(page(data=data(cohort=asked))).split(" Volumes ")[1]
    assert "8 CT volumes of 7 patients were selected: those of the store with label set organ" in (
        text
    )
    assert "organ; HU scale plausible, unknown; collapse near duplicates." in text
    measured, read = "measured, as views 6 5", "read for whether there is something to learn 8 5"
    assert f"{measured} {read}" in text
    assert "were selected: all of the store." in words(page())


def test_the_verdict_says_how_little_so_few_patients_show():
    top = words(page()).split(" Purpose ")[0]
    assert (
        "6 volumes of 6 patients: what happens in none of them may still happen in up to 50 %"
        in (top)
    )
    few = words(page(num_patients=3)).split(" Purpose ")[0]
    assert "of 3 patients: so few say nothing of a further patient." in few


def test_a_warning_of_what_the_purpose_does_not_need_says_so():
    idle = [finding(title="Noise", may_fail=False, status="warn")]
    assert "(Noise), which this purpose does not need." in words(page(findings=idle))
    needed = [*idle, finding(title="Density", status="warn")]
    assert "does not need." not in words(page(findings=needed)).split(" Purpose ")[0]


def test_pictures_share_a_sheet_of_paper_where_they_are_not_tall():
    def sheet(width, height):
        size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + size

    given = replace(GIVEN, sheets=[sheet(1260, 976), sheet(1260, 1500)])
    html = audit_page(content(), given)
    assert re.findall(r'<figure( class="half")?>', html) == [' class="half"', ""]
