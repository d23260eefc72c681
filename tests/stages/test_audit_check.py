"""`medcl audit --verify`: a report is of these volumes, policy and code, or what differs."""

import json
import shutil
import sqlite3

import numpy as np
import pytest

from medcl.build.policies import policy_of
from medcl.config.audit import AuditConfig
from medcl.config.loading import load
from medcl.stages import audit_check
from medcl.stages.audit_papers import settings_of
from medcl.stages.audit_selection import select
from medcl.stages.encoders import checksum
from medcl.store.manifest import Manifest, volumes_digest
from medcl.store.store import Store
from tests.stages.small_site import medcl
from tests.store.conftest import accepted_volume, key_of


@pytest.fixture
def told(site):
    """Return the path of a report, and what it holds."""
    path = site.runs / "audit" / "audit.json"
    return path, json.loads(path.read_text())


@pytest.fixture
def copy(site, tmp_path):
    """Return a copy of the store at another place."""
    shutil.copytree(site.store, tmp_path / "moved")
    return tmp_path / "moved"


@pytest.fixture
def altered(told, tmp_path):
    """Return a writer of reports that say something else."""

    def write(**values):
        path = tmp_path / "altered.json"
        path.write_text(json.dumps(told[1] | values))
        return str(path)

    return write


def audited(site, *words):
    return medcl("audit", str(site.folder / "audit.yaml"), *words)


def remove(store, *keys):
    with sqlite3.connect(store / "catalogue.sqlite") as database:
        for key in keys:
            database.execute("DELETE FROM labels WHERE key = ?", (key,))
            database.execute("DELETE FROM volumes WHERE key = ?", (key,))


def add(store, **changes):
    """Add a scan like the others: level tissue in air, with noise."""
    rng = np.random.default_rng(len(changes))
    array = np.full((1, 64, 64, 40), -1000, np.int16)
    array[:, 16:48, 16:48] = rng.normal(40, 10, (1, 32, 32, 40)).astype(np.int16)
    with Store.open(store, key_fingerprint=Store.open(store).key_fingerprint) as opened:
        volume = accepted_volume(array=array, affine=np.diag([5.0, 5.0, 5.0, 1.0]), **changes)
        assert opened.add(volume) == "added"


def read_of(content):
    """Return how many volumes any part of the audit read."""
    return len({place for part in content["data"]["parts"].values() for place in part["places"]})


def test_the_report_names_all_that_was_selected_and_what_was_read(site, told):
    content = told[1]
    rows = Store.open(site.store).rows("CT")
    selected, parts = content["data"]["selected"], content["data"]["parts"]
    assert selected["digest"] == volumes_digest(rows)
    assert selected["volumes"] == len(rows) == len(selected["marks"])
    assert selected["patients"] == len({row.patient_key for row in rows})
    assert {name: part["volumes"] for name, part in parts.items()} == {"views": 4, "difficulty": 8}
    assert parts["views"]["volumes"] == content["num_volumes"]
    html = (site.runs / "audit" / "audit.html").read_text()
    for digest in (selected["digest"], parts["views"]["digest"], parts["difficulty"]["digest"]):
        assert digest in html


def test_page_and_report_hold_no_key_no_content_and_no_place(site, told):
    folder = site.runs / "audit"
    written = told[0].read_text() + (folder / "audit.html").read_text()
    assert str(site.folder) not in written
    for row in Store.open(site.store).rows():
        for secret in (row.key, row.patient_key, row.content_sha256, row.word):
            assert secret not in written


def test_the_page_names_the_report_it_is_of(site, told, last_line):
    assert audited(site, "--verify", str(told[0]), "--json") == 0
    line = last_line()
    html = (site.runs / "audit" / "audit.html").read_text()
    assert html.count(line["report_digest"]) == 1
    assert html.count(line["report_digest"][:12]) == 3  # at the top, on every sheet, and in full


def test_a_report_is_of_its_settings_and_its_store(site, told, capsys):
    assert audited(site, "--verify", str(told[0])) == 0
    said, selected = capsys.readouterr().out, told[1]["data"]["selected"]
    assert (
        f"The report is of these {selected['volumes']} volumes of {selected['patients']} patients, "
        f"4 of them measured, of this policy (small_ct) and of this code; it calls the policy safe"
    ) in said
    of = [selected, *told[1]["data"]["parts"].values()]
    digests = [told[1]["policy_hash"], told[1]["code"]["source"], *(each["digest"] for each in of)]
    assert all(digest in said for digest in digests)


def test_the_store_may_lie_anywhere_and_the_settings_stand_in_the_report(told, copy):
    assert medcl("audit", "--verify", str(told[0]), "--store", str(copy)) == 0


def test_verifying_writes_nothing(site, told):
    before = {path: path.stat().st_mtime_ns for path in site.runs.rglob("*")}
    assert audited(site, "--verify", str(told[0])) == 0
    assert {path: path.stat().st_mtime_ns for path in site.runs.rglob("*")} == before


def test_missing_new_and_changed_volumes_are_counted(site, told, copy, capsys):
    content = told[1]
    count, read = content["data"]["selected"]["volumes"], read_of(content)
    first, second = Store.open(copy).rows("CT")[:2]
    remove(copy, first.key, second.key)
    add(copy, key=first.key, patient_key=first.patient_key)
    add(copy, key=key_of("new"), patient_key=key_of("new"), seed=1)
    assert audited(site, "--store", str(copy), "--verify", str(told[0])) == 3
    said = capsys.readouterr().err
    assert f"Volumes: of the {count} selected then ({read} read), 1 missing (" in said
    assert "1 changed (" in said
    assert f"1 new; {count} are selected now." in said
    assert "Policy" not in said
    assert "Settings" not in said


def test_how_many_of_the_missing_had_been_read_is_told(site, told, copy, capsys):
    rows = Store.open(copy).rows("CT")
    kept, read = rows[:4], read_of(told[1])
    remove(copy, *(row.key for row in rows[4:]))
    assert audited(site, "--store", str(copy), "--verify", str(told[0])) == 3
    known = Manifest.from_json(told[1]["data"]["selected"])
    places = {place for part in told[1]["data"]["parts"].values() for place in part["places"]}
    gone = read - len(places.intersection(known.places(kept)))
    assert f"{len(rows) - 4} missing ({gone} of them read)" in capsys.readouterr().err


def test_a_store_without_any_of_them_is_told_as_a_difference(site, told, copy, capsys):
    remove(copy, *(row.key for row in Store.open(copy).rows()))
    assert audited(site, "--store", str(copy), "--verify", str(told[0])) == 3
    assert "Volumes: The cohort must hold at least one CT volume" in capsys.readouterr().err


def test_volumes_that_are_there_but_not_selected_are_not_called_missing(site, told, capsys):
    count = told[1]["data"]["selected"]["volumes"]
    words = ("cohort.max_volumes=5", "--verify", str(told[0]))
    assert audited(site, *words) == 3
    said = capsys.readouterr().err
    assert f"{count - 5} there but not selected any more (" in said
    assert "missing" not in said
    assert "Settings: other values of cohort.max_volumes." in said


def test_volumes_of_other_patients_are_told(site, told, monkeypatch, capsys):
    true = audit_check.select

    def joined(*words, **more):
        found = true(*words, **more)
        for row in found.every:
            object.__setattr__(row, "patient_key", key_of("one"))
        return found

    monkeypatch.setattr(audit_check, "select", joined)
    assert audited(site, "--verify", str(told[0])) == 3
    assert "not the same ones are of one patient" in capsys.readouterr().err


def test_another_policy_is_named_by_both_hashes(site, told, capsys):
    words = ("policy.transforms.1.max_degrees=9.0", "--verify", str(told[0]))
    assert audited(site, *words) == 3
    said = capsys.readouterr().err
    assert f"Policy: small_ct of hash {told[1]['policy_hash'][:12]} in the report" in said
    assert "Settings" not in said
    assert "Volumes" not in said


@pytest.mark.parametrize("override", ["task=lateral", "seed=1", "views_per_volume=2"])
def test_other_settings_are_named(site, told, override, capsys):
    assert audited(site, override, "--verify", str(told[0])) == 3
    assert f"Settings: other values of {override.split('=')[0]}." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("medcl", "0.0.1", "Code: version 0.0.1 then, "),
        ("contract_version", 3, "Code: contract version 3 then, "),
        ("source", "0" * 64, "Code: of the same version, but its source text has changed since."),
    ],
)
def test_other_code_is_told(site, told, altered, capsys, name, value, said):
    report = altered(code=told[1]["code"] | {name: value})
    assert audited(site, "--verify", report) == 3
    error = capsys.readouterr().err
    assert said in error
    assert error.count("Code:") == 1
    assert "Policy" not in error


def test_what_the_catalogue_says_of_the_same_volumes_counts_too(site, told, altered, capsys):
    report = altered(facts=told[1]["facts"] | {"unsaid_orientation": 1})
    assert audited(site, "--verify", report) == 3
    assert "what is known of them" in capsys.readouterr().err


def test_a_report_that_tells_other_volumes_as_read_is_not_of_these(site, told, altered, capsys):
    data = told[1]["data"]
    parts = data["parts"] | {"views": data["parts"]["views"] | {"patients": 40}}
    assert audited(site, "--verify", altered(data=data | {"parts": parts})) == 3
    assert "not the same ones of them read" in capsys.readouterr().err


def test_a_report_of_an_unsafe_policy_lets_nothing_pass(site, told, altered, capsys):
    assert audited(site, "--verify", altered(is_safe=False)) == 3
    assert "does not call the policy safe" in capsys.readouterr().err
    verdict = told[1]["verdict"] | {"outcome": "FAIL"}
    assert audited(site, "--verify", altered(verdict=verdict)) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"data": 1}', '{"data": {"parts": []}}'])
def test_what_is_no_report_is_a_sentence(site, tmp_path, text, capsys):
    path = tmp_path / "no.json"
    path.write_text(text)
    assert audited(site, "--verify", str(path)) == 2
    assert "must be an audit.json" in capsys.readouterr().err


def test_a_report_that_is_not_there_or_without_a_store_is_a_sentence(site, told, tmp_path, capsys):
    assert audited(site, "--verify", str(tmp_path / "none.json")) == 2
    assert "could not be opened: No such file" in capsys.readouterr().err
    assert medcl("audit", "--verify", str(told[0])) == 2
    assert "--store STORE" in capsys.readouterr().err
    assert medcl("audit", "--verify", str(told[0]), "--store", str(tmp_path)) == 2
    assert "no store here" in capsys.readouterr().err


def test_an_audit_needs_a_settings_file_and_takes_no_store_beside_it(site, capsys):
    assert medcl("audit") == 2
    assert "medcl audit CONFIG" in capsys.readouterr().err
    assert audited(site, "--store", str(site.store)) == 2


def test_another_cohort_is_another_audit_where_the_viewed_volumes_are_the_same(
    site, copy, tmp_path, capsys
):
    shutil.copytree(site.runs / "audit", tmp_path / "runs" / "audit")
    words = (f"store={copy}", f"runs={tmp_path / 'runs'}")
    assert audited(site, *words) == 0
    assert "finished already" in capsys.readouterr().out
    config = load(site.folder / "audit.yaml", AuditConfig)
    found = select(Store.open(copy), config, policy_of(config.policy), is_probed=False)
    viewed = {row.key for row in found.viewed}
    remove(copy, next(row.key for row in found.every if row.key not in viewed))
    assert audited(site, *words) == 2
    assert "other inputs (volumes)" in capsys.readouterr().err


def test_lesion_maps_are_named_and_compared(site, copy, altered, capsys):
    def mark(row, length):
        lesion = np.zeros(row.shape, np.uint8)
        lesion[:length, :2, :2] = 1
        with Store.open(copy) as opened:
            opened.add_label_map("nodules", row.key, lesion, affine=row.affine)

    marked = Store.open(copy).rows("CT")[:3]
    for row in marked:
        mark(row, 2)
    words = (f"store={copy}", "lesion_set=nodules")
    config = load(site.folder / "audit.yaml", AuditConfig, overrides=words)
    found = select(Store.open(copy), config, policy_of(config.policy), is_probed=False)
    data = found.to_json()
    assert data["lesions"]["volumes"] == 3
    report = altered(data=data, settings=settings_of(config), facts=found.facts.to_json())
    assert audited(site, *words, "--verify", report) == 0
    assert data["lesions"]["digest"] in capsys.readouterr().out
    with sqlite3.connect(copy / "catalogue.sqlite") as database:
        database.execute("DELETE FROM label_maps WHERE key = ?", (marked[0].key,))
    mark(marked[0], 3)
    assert audited(site, *words, "--verify", report) == 3
    said = capsys.readouterr().err
    assert "Labels: the lesion maps" in said
    assert "Volumes" not in said


def test_an_encoder_is_compared_where_it_is_given(site, told, altered, capsys):
    encoder = site.runs / "pretrain" / "encoder"
    words = ("--encoder", str(encoder), "--verify")
    assert audited(site, *words, str(told[0])) == 3
    assert "Encoder: the report asked none." in capsys.readouterr().err
    config = load(site.folder / "audit.yaml", AuditConfig)
    found = select(Store.open(site.store), config, policy_of(config.policy), is_probed=True)
    assert found.to_json()["parts"]["encoder"]["volumes"] == 6
    report = altered(data=found.to_json(), encoder={"checksum": checksum(encoder)})
    assert audited(site, *words, report) == 0
    assert checksum(encoder) in capsys.readouterr().out
    assert audited(site, "--verify", report) == 0
    assert "The encoder was not looked at" in capsys.readouterr().out
    report = altered(data=found.to_json(), encoder={"checksum": "0" * 64})
    assert audited(site, *words, report) == 3
    assert "Encoder: it is not the one" in capsys.readouterr().err
