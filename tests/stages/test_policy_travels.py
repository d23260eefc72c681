"""The policy goes with the encoder, and every later task judges it anew."""

import json

import pytest

from medcl.augment.safety.data_facts import DataFacts
from medcl.errors import PolicyError
from medcl.stages import encoders, pretrain
from tests.stages.small_site import PRETRAIN, STUDY, medcl

WHY = "Ten volumes were compared with the reports by two readers."
ACCEPT = (
    "accept_unknown=[{flag: laterality, justification: '" + WHY + "'},"
    "{flag: orientation, justification: '" + WHY + "'}]"
)


def test_an_encoder_trained_with_mirror_flips_is_refused_for_a_lateral_task(site, capsys):
    flips = "policy.transforms=[{kind: crop}, {kind: flip, axis: x}]"
    settings = site.settings("mirrored_encoder", PRETRAIN)
    assert medcl("pretrain", settings, flips, "task=contrast_class") == 0
    encoder = f"encoders.pretrained={site.runs}/mirrored_encoder/encoder"
    study = site.settings("lateral", STUDY.replace("RUNS", str(site.runs)))
    capsys.readouterr()
    assert medcl("study", study, encoder, "task=lateral") == 3
    assert "flip.axis is x" in (said := capsys.readouterr().err)
    assert "SC001" in said
    assert medcl("study", study, encoder, "task=generic") == 3


def test_unknown_data_block_pretraining_until_somebody_writes_down_why(site, capsys, monkeypatch):
    facts = DataFacts(volumes=24, unsaid_orientation=5)
    monkeypatch.setattr(pretrain, "facts_of", lambda *_, **__: facts)
    settings = site.settings("unsaid", PRETRAIN)
    assert medcl("pretrain", settings) == 3
    assert "5 of 24 volumes do not say where left is" in capsys.readouterr().err
    assert not (site.runs / "unsaid").exists()
    assert medcl("pretrain", settings, ACCEPT) == 0
    folder = site.runs / "unsaid"
    assert WHY in (folder / "settings.yaml").read_text()
    papers = json.loads((folder / "encoder/preprocessing.json").read_text())
    assert {each["justification"] for each in papers["verdict"]["unknown"]} == {WHY}
    assert papers["facts"]["unsaid_orientation"] == 5


def test_what_was_unknown_in_pretraining_is_asked_again_for_the_task_of_the_labels(
    site, capsys, monkeypatch
):
    facts = DataFacts(volumes=24, unsaid_orientation=5)
    monkeypatch.setattr(pretrain, "facts_of", lambda *_, **__: facts)
    assert medcl("pretrain", site.settings("unsaid", PRETRAIN), ACCEPT) == 0
    with pytest.raises(PolicyError, match="UNKNOWN"):
        encoders.take_up(
            site.runs / "unsaid/encoder", task="lateral", test_patients=(), key_fingerprint="0"
        )
    capsys.readouterr()


def test_too_short_a_justification_is_a_mistake_in_the_settings(site, capsys):
    settings = site.settings("curt", PRETRAIN)
    curt = "accept_unknown=[{flag: laterality, justification: fine}]"
    assert medcl("pretrain", settings, curt) == 2
    assert "justification" in capsys.readouterr().err
