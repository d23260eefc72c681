"""A policy with partners stops a run whose task needs what two series do not share."""

import json
import re
import sqlite3

import pytest

from medcl.errors import PolicyError
from medcl.evaluation.audit.report import PARTNERS_NOT_COVERED
from medcl.stages import encoders
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


def test_an_audit_says_on_screen_and_in_both_papers_that_partners_were_not_measured(site, capsys):
    settings = site.settings("paired_audit", AUDIT)
    assert medcl("audit", settings, PARTNER, "task=lateral") == 0
    said = capsys.readouterr()
    assert "Partners were not measured" in " ".join((said.out + said.err).split())
    folder = site.runs / "paired_audit"
    assert json.loads((folder / "audit.json").read_text())["not_covered"] == [PARTNERS_NOT_COVERED]
    assert PARTNERS_NOT_COVERED in (folder / "audit.html").read_text()
