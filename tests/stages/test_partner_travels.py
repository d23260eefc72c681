"""A policy with partners stops a run whose task needs what two series do not share."""

import json

import pytest

from medcl.errors import PolicyError
from medcl.stages import encoders
from tests.stages.small_site import PRETRAIN, medcl

PARTNER = "policy.partner={kind: other_series, probability: 0.5}"


def test_partners_are_refused_by_name_before_a_run_and_by_a_later_task(site, capsys):
    settings = site.settings("paired", PRETRAIN)
    assert medcl("pretrain", settings, PARTNER, "task=generic") == 3
    said = capsys.readouterr().err
    assert "partner.probability is 0.5, allowed is 0" in said
    assert "SC015" in said
    assert not (site.runs / "paired").exists()
    assert medcl("pretrain", settings, PARTNER, "task=lateral") == 0
    folder = site.runs / "paired/encoder"
    papers = json.loads((folder / "preprocessing.json").read_text())
    assert papers["policy"]["partner"] == {"kind": "other_series", "probability": 0.5}
    with pytest.raises(PolicyError, match=r"partner\.probability is 0\.5"):
        encoders.take_up(folder, task="texture", test_patients=(), key_fingerprint="0")
    capsys.readouterr()


def test_an_audit_says_that_partners_were_not_measured(site, capsys):
    pass
