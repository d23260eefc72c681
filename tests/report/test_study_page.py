"""The page stands alone, is safe to open, and says what was found."""

import base64
import csv
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from medcl.report import page
from medcl.report.figures import _apart, curve_figure, png, svg
from medcl.report.study_page import (
    Circumstances,
    csv_table,
    markdown_summary,
    results_table,
    study_page,
)
from medcl.study.verdict import verdict

EVIL = '<script src="http://evil.example/x.js">alert(1)</script>" onload="x'


class Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def html(result) -> str:
    given = Circumstances(
        counts={"patients": 60, EVIL: 1},
        audit=[EVIL],
        contact_sheet=png(curve_figure(result), dots_per_inch=20),
        settings=EVIL,
        commands=["medcl study config.yaml", EVIL],
        failures=[EVIL],
        footer=EVIL,
    )
    return study_page(title=EVIL, results=[result, result], circumstances=given)


def test_nothing_from_outside_becomes_markup(html: str) -> None:
    tags = Reader(html).tags
    assert not {"script", "link", "iframe", "object", "form", "base"} & {tag for tag, _ in tags}
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert EVIL in Reader(html).text


def test_the_page_asks_for_nothing(html: str) -> None:
    for _, attributes in Reader(html).tags:
        for name in ("src", "href", "srcset", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:image/")
    assert "url(" not in html
    assert "@import" not in html


def test_the_policy_allows_only_this_style_and_embedded_images(html: str) -> None:
    policy = next(a["content"] for t, a in Reader(html).tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not [a for _, a in Reader(html).tags if "style" in a]


def test_the_verdict_comes_first_and_every_figure_is_there(html: str, result) -> None:
    text = Reader(html).text
    for sentence in verdict(result).headlines + verdict(result).details:
        assert sentence in text
    assert text.index(verdict(result).headlines[0]) < text.index("Label efficiency")
    assert text.count("case0") == 0
    images = [a for t, a in Reader(html).tags if t == "img"]
    assert len(images) == 3
    assert all(a["alt"] for a in images)


def test_an_empty_part_is_left_out(result) -> None:
    html = study_page(title="x", results=[result], circumstances=Circumstances())
    titles = re.findall("<h2>(.*?)</h2>", html)
    assert titles == ["What was found", "Label efficiency", "Point by point"]


def test_equal_results_give_equal_bytes(result) -> None:
    assert svg(curve_figure(result)) == svg(curve_figure(result))
    assert png(curve_figure(result)) == png(curve_figure(result))


def test_images_come_back_as_they_were() -> None:
    found = re.search('base64,(.*?)"', page.image(b"\x00bytes", kind="png", description="d"))
    assert found is not None
    assert base64.b64decode(found[1]) == b"\x00bytes"


def test_names_at_the_ends_of_curves_do_not_overlap() -> None:
    heights = _apart(np.array([0.9, 0.9, 0.2, 0.905]), gap=0.05)
    assert np.diff(np.sort(heights)).min() >= 0.05 - 1e-12
    assert heights.argmin() == 2


def test_the_figure_shows_every_arm_over_labelled_patients(result) -> None:
    axes = curve_figure(result).axes[0]
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["5", "20"]
    written = {text.get_text() for text in axes.texts}
    names = [curve.arm.label for curve in result.curves]
    assert {f"{names[0]} (reference)", *names[1:]} <= written


def test_every_part_names_the_reference_that_was_chosen(against_pretrained) -> None:
    result = against_pretrained
    name, label = result.reference.name, result.reference.label
    text = Reader(study_page(title="x", results=[result], circumstances=Circumstances())).text
    assert f"difference to {label}" in text
    assert re.findall("paired difference to “(.*?)”", text) == [label, label]
    assert len(re.findall(f"“{label}” [^;]*; paired difference [+-]", text)) == 4
    assert not re.search("difference to .?scratch|random|untrained", text)
    assert f"| difference to {label} |" in markdown_summary(result)
    rows = list(csv.DictReader(io.StringIO(csv_table([result]).decode())))
    assert {row["reference_arm"] for row in rows} == {name}
    assert {row["arm"] for row in rows if not row["difference_mean"]} == {name}
    written = {text.get_text() for text in curve_figure(result).axes[0].texts}
    assert [each for each in written if "(reference)" in each] == [f"{label} (reference)"]


def test_only_the_reference_is_called_one(result, alone) -> None:
    assert results_table(result).count(">reference<") == 2
    assert "reference" not in results_table(alone)
    assert "(reference)" not in {t.get_text() for t in curve_figure(alone).axes[0].texts}
    rows = csv.DictReader(io.StringIO(csv_table([alone]).decode()))
    assert {row["reference_arm"] for row in rows} == {""}


def test_tables_hold_every_point(result) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table([result]).decode())))
    assert len(rows) == 6
    assert float(rows[0]["mean"]) == result.curves[0].points[0].value.mean
    assert rows[0]["difference_mean"] == ""
    assert float(rows[2]["difference_mean"]) == result.curves[1].points[0].difference.mean
    lines = [line for line in markdown_summary(result).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 6
    assert len({line.count("|") for line in lines}) == 1
