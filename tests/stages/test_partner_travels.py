"""A policy with partners stops a run whose task needs what two series do not share."""

import json
import re
import sqlite3
from dataclasses import replace

import pytest

from medcl.errors import PolicyError
from medcl.stages import audit_partners, audit_selection, encoders
from medcl.store.store import Store
from tests.stages.small_site import AUDIT, PRETRAIN, medcl

PARTNER = "policy.partner={kind: other_series, probability: 0.5}"


def test_partners_are_refused_by_name_before_a_run_and_by_a_later_task(site, capsys):
    settings = site.settings("paired", PRETRAIN)
    assert medcl("pretrain", settings, PARTNER, "task=generic") == 3
    said = capsys.readouterr().err
    assert "partner.probability is 0.5, allowed is 0" in said
    assert "SC015" in said
    assert not (site.runs / "paired").exists()
    assert medcl("pretrain", settings, PARTNER, "task=lateral") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"Of [0-9.]+ % of the pairs the second view was of another series", said)
    folder = site.runs / "paired/encoder"
    papers = json.loads((folder / "preprocessing.json").read_text())
    assert "of the pairs the second view was of another series" in (
        (folder / "model_card.md").read_text()
    )
    with sqlite3.connect(site.runs / "mlflow.db") as database:
        shares = database.execute("SELECT value FROM metrics WHERE key LIKE '%partner_share'")
        assert 0 < max(value for (value,) in shares) <= 1
    assert papers["policy"]["partner"] == {"kind": "other_series", "probability": 0.5}
    with pytest.raises(PolicyError, match=r"partner\.probability is 0\.5"):
        encoders.take_up(folder, task="texture", test_patients=(), key_fingerprint="0")
    capsys.readouterr()


def test_an_audit_says_on_screen_and_in_its_papers_what_partners_have_in_common(site, capsys):
    settings = site.settings("paired_audit", AUDIT)
    changes = ("task=lateral", "volumes=2", "difficulty.steps=0")
    assert medcl("audit", settings, PARTNER, *changes) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"[0-9]+ of [0-9]+ volumes \([0-9]+ %\) have a partner", said)
    assert "two series: lies elsewhere than its header says" in said
    assert "of the pairs whose difficulty was measured" in said
    folder = site.runs / "paired_audit"
    found, html = (folder / "audit.json").read_text(), (folder / "audit.html").read_text()
    content = json.loads(found)
    assert content["partners"]["num_pairs"] == 2
    assert content["not_covered"] == []
    assert content["difficulty"]["partner_share"] > 0
    assert content["controls"]["two series, partner moved by 30 mm"]
    assert "Pairs of two series" in html
    assert html.count("data:image/png;base64,") == 2  # a volume with its views, and one pair
    assert content["partners"]["sentence"] in html
    assert content["partners"]["sentence"] in (folder / "audit.txt").read_text()
    with sqlite3.connect(site.runs / "mlflow.db") as database:
        keys = {key for (key,) in database.execute("SELECT DISTINCT key FROM metrics")}
    assert {"safety/partner_place_off_worst", "partners/share_of_volumes"} <= keys
    assert {"difficulty/partner_share", "partners/noise_mean"} <= keys
    for key in (row.patient_key for row in Store.open(site.store).rows()):
        assert key not in found
        assert key not in html


def test_an_audit_of_a_cohort_without_partners_says_so_plainly(site, capsys):
    settings = site.settings("alone_audit", AUDIT)
    alone = ("cohort.max_volumes=4", "task=lateral", "difficulty.steps=0", "tracking.enabled=false")
    assert medcl("audit", settings, PARTNER, *alone) == 0
    wanted = "of the 4 volumes of this cohort none has another series of the same patient"
    assert wanted in " ".join(capsys.readouterr().out.split())
    folder = site.runs / "alone_audit"
    found = json.loads((folder / "audit.json").read_text())
    assert found["partners"]["census"] == {"num_volumes": 4, "num_with_partner": 0}
    assert found["not_covered"] == [found["partners"]["sentence"]]
    assert wanted in (folder / "audit.html").read_text()
    assert "not all of it was measured" in (folder / "audit.html").read_text()


def test_an_audit_with_a_partner_that_is_elsewhere_stops_with_the_reason(site, capsys, monkeypatch):
    true = audit_partners.read_case

    def moved(store, config, row, known):
        case = true(store, config, row, known)
        affine = case.source.affine.copy()
        affine[1, 3] += 35.0 * (row.key in seconds)
        return replace(case, source=replace(case.source, affine=affine))

    chosen = audit_partners.chosen_pairs
    seconds = set()

    def spied(*words):
        pairs = chosen(*words)
        seconds.update(second.key for _, second in pairs)
        return pairs

    monkeypatch.setattr(audit_selection, "chosen_pairs", spied)
    monkeypatch.setattr(audit_partners, "read_case", moved)
    settings = site.settings("elsewhere", AUDIT)
    changes = ("task=lateral", "volumes=1", "difficulty.steps=0", "tracking.enabled=false")
    assert medcl("audit", settings, PARTNER, *changes) == 3
    assert "partner_place_off: worst 35" in capsys.readouterr().err
    html = (site.runs / "elsewhere" / "audit.html").read_text()
    assert "NOT SAFE for this purpose, as measured" in html
    assert "two series: lies elsewhere than its header says, by: worst 3" in html
