"""What `medcl audit` leaves: a page, its machine-readable twin, and the same in MLflow."""

import json
import sqlite3

import matplotlib.image
import pytest

from medcl.augment.contract import Flag, bounded
from medcl.augment.policy import Policy
from medcl.augment.transforms.rotation import Rotation
from tests.stages.small_site import AUDIT, medcl


@pytest.fixture(scope="session")
def probed(site):
    """Return the folder of the audit that also asks the pretrained encoder."""
    encoder = site.runs / "pretrain" / "encoder"
    assert medcl("audit", str(site.folder / "audit.yaml"), "--encoder", str(encoder)) == 0
    (folder,) = site.runs.glob("audit-????????")
    return folder


def content(folder):
    return json.loads((folder / "audit.json").read_text())


def test_the_page_says_what_the_json_holds(site):
    folder = site.runs / "audit"
    found, html = content(folder), (folder / "audit.html").read_text()
    assert Policy.from_json(found["policy"]).hash == found["policy_hash"]
    assert found["policy_hash"] in html
    assert found["is_safe"]
    assert html.count("data:image/png;base64,") == 1
    assert (folder / "contact_sheet.png").read_bytes()[1:4] == b"PNG"
    assert str(site.folder) not in html
    assert "encoder" not in found


def test_difficulty_is_measured_on_patients_it_was_not_trained_on(site):
    found = content(site.runs / "audit")["difficulty"]
    assert (found["num_patients"], found["steps"]) == (4, 2)
    assert found["verdict"] == "unclear"  # 4 pairs are too few to say more
    assert 0 < found["untrained"]["loss_position"] < 1.1
    assert found["trained"]["loss"] != found["untrained"]["loss"]


def test_page_json_and_pictures_are_in_mlflow(site):
    with sqlite3.connect(site.runs / "mlflow.db") as database:
        names = "SELECT run_uuid, artifact_uri FROM runs WHERE name = 'audit'"
        ((run_id, place),) = database.execute(names).fetchall()
        metrics = database.execute("SELECT key FROM metrics WHERE run_uuid = ?", (run_id,))
        keys = {key for (key,) in metrics}
    assert {"difficulty/untrained_mrr", "safety/orientation_worst"} <= keys
    held = {path.name for path in (site.runs / place.split("/runs/")[1]).iterdir()}
    assert held == {"audit.html", "audit.json", "contact_sheet.png"}


def test_an_encoder_is_asked_in_a_folder_of_its_own(site, probed):
    found = content(probed)["encoder"]
    assert {"hu_offset", "scale", "side"} <= {probe["name"] for probe in found["probes"]}
    assert found["num_volumes"] == 6
    html = (probed / "audit.html").read_text()
    assert "What the encoder has learnt to ignore" in html
    assert "What the encoder has learnt to ignore" not in (
        (site.runs / "audit" / "audit.html").read_text()
    )
    assert "encoder_checksum" not in html
    assert str(site.folder) not in (probed / "run.json").read_text()


def test_the_same_audit_is_found_finished(site, probed, last_line):
    encoder = site.runs / "pretrain" / "encoder"
    before = (probed / "audit.json").stat().st_mtime_ns
    words = ("audit", str(site.folder / "audit.yaml"), "--encoder", str(encoder), "--json")
    assert medcl(*words) == 0
    assert last_line()["written"]["page"] == str(probed / "audit.html")
    assert (probed / "audit.json").stat().st_mtime_ns == before


def test_an_encoder_of_another_window_is_refused(site, capsys):
    settings = site.settings("other_audit", AUDIT)
    encoder = site.runs / "pretrain" / "encoder"
    words = ("audit", settings, "policy.window.high=300.0", "--encoder", str(encoder))
    assert medcl(*words) == 2
    assert "window" in capsys.readouterr().err


def test_a_policy_whose_contract_is_wrong_is_refused_by_what_was_measured(
    site, capsys, monkeypatch
):
    true = Rotation.contract

    def lying(self, modality):
        return dict(true(self, modality)) | {Flag.ORIENTATION: bounded(4.0, "deg")}

    monkeypatch.setattr(Rotation, "contract", lying)
    settings = site.settings("lying", AUDIT)
    assert medcl("audit", settings, "difficulty.steps=0", "tracking.enabled=false") == 3
    said = capsys.readouterr().err
    assert "rotation declares to change orientation by 4 deg at most, and 10 deg" in said
    html = (site.runs / "lying" / "audit.html").read_text()
    assert "NOT SAFE: a declared bound does not hold" in html
    assert "rotation declares" in (site.runs / "lying" / "audit.txt").read_text()
    assert not content(site.runs / "lying")["is_safe"]


def test_local_views_stand_in_json_page_and_pictures(site):
    local = "policy.local={count: 2, size_voxels: [16, 12, 12], spacing_mm: [5.5, 5.5, 5.5]}"
    settings = site.settings("local", AUDIT)
    assert medcl("audit", settings, local, "difficulty.steps=0", "tracking.enabled=false") == 0
    folder = site.runs / "local"
    found, html = content(folder), (folder / "audit.html").read_text()
    names = {each["name"] for each in found["findings"]}
    assert {"local_orientation", "local_scale_between_views", "local_contained"} <= names
    assert found["num_local"] == 2
    assert found["controls"]["local view, mirrored left to right"]
    assert "<h3>Local views</h3>" in html
    tall, usual = (
        matplotlib.image.imread(runs / "contact_sheet.png").shape[0]
        for runs in (folder, site.runs / "audit")
    )
    assert tall > 1.5 * usual


def test_a_lesion_set_that_is_none_is_a_sentence(site, capsys):
    settings = site.settings("no_lesions", AUDIT)
    assert medcl("audit", settings, "lesion_set=horseshoe") == 2
    assert "map" in capsys.readouterr().err
