"""What `medcl audit` leaves: a page, its machine-readable twin, and the same in MLflow."""

import json
import re
import sqlite3
from html import unescape

import matplotlib.image
import pytest

from medcl.augment.contract import Flag, bounded
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.safety.verdict import Unknown, Verdict, Violation
from medcl.augment.transforms.rotation import Rotation
from medcl.evaluation.audit.report import SafetyReport
from medcl.stages.audit_papers import judged
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


def test_what_the_contract_refuses_is_not_safe_for_a_machine_either():
    report = SafetyReport(
        policy_name="p",
        policy_hash="h",
        modality="CT",
        task="lateral",
        num_patients=1,
        num_volumes=1,
        num_draws=1,
        num_corners=1,
        num_local=0,
        failure_rate_below=1.0,
        findings=(),
        not_measured=(),
        control_results=(),
        declared=(),
    )
    assert judged(report, Verdict(TaskProfile.LATERAL, ()))["is_safe"]
    mirrored = Violation(
        code="SC001", transform="flip", parameter="axis", found="x", allowed="not at all", reason=""
    )
    for refused in (
        Verdict(TaskProfile.LATERAL, (mirrored,)),
        Verdict(TaskProfile.LATERAL, (), (Unknown(Flag.LATERALITY, "nobody said"),)),
    ):
        found = judged(report, refused)
        assert not found["is_safe"]
        assert found["verdict"]["outcome"] == refused.outcome


def rows_of(html):
    """Return the cells of all rows of all tables, as they are read."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html, flags=re.DOTALL)
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", row)]
        for row in rows
    ]


def test_every_figure_on_the_page_is_the_one_of_the_json(site):
    folder = site.runs / "audit"
    found, rows = content(folder), rows_of((folder / "audit.html").read_text())
    assert len(found["findings"]) > 30
    for each in found["findings"]:
        part = 100 if each["unit"].startswith("of ") else 1
        named = [row for row in rows if row and re.sub(r" \([^)]*\)$", "", row[0]) == each["title"]]
        (row,) = [row for row in named if len(row) == 9]
        mean, low, high = (float(text.strip("[],")) for text in row[1].split())
        shown = [mean, low, high, float(row[2]), float(row[3]), float(row[6])]
        held = [each["mean"], *each["interval"], each["p99"], each["worst"]]
        expected = [part * value for value in held] + [each["num_draws"]]
        assert shown == pytest.approx(expected, rel=6e-3, abs=1e-5), each["name"]
        assert (row[5] == "never") == (each["fails"] is None) == (row[7] == "")


def test_sampling_stands_in_the_json_and_on_the_page(site):
    folder = site.runs / "audit"
    found, html = content(folder), (folder / "audit.html").read_text()
    (sampled,) = found["sampling"]
    assert sampled["is_whole"] is False
    assert sampled["blended_by"] == ["rotation"]
    (row,) = [row for row in rows_of(html) if row[:1] == ["sampling"] and "voxels" in row[1]]
    left = [f"{100 * share:.0f}" for share in sampled["noise_left"]]
    assert f"noise and texture: {' to '.join(left)} % left" in row[4]
    most = max(sampled["moved_hu"].values())
    assert (f"{most:.3g} HU (bone)" in row[4]) == sampled["is_filtered"]
    geometry = found["facts"]["geometry"]
    assert f"<td>{geometry['finest_mm'][0]:.3g}" in html.split("voxels of the scans (mm)")[1]


def test_nothing_is_asked_of_a_network_and_every_picture_is_in_the_page(site, probed):
    for folder in (site.runs / "audit", probed):
        html = (folder / "audit.html").read_text()
        assert "default-src 'none'" in html
        assert set(re.findall(r'(?:src|href|action|data|poster)="([^"]{5})', html)) == {"data:"}
        assert not re.search(r"<(script|link|iframe|object|form)|url\(|@import|https?:", html)


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
        asked = "SELECT key, value FROM params WHERE run_uuid = ?"
        params = dict(database.execute(asked, (run_id,)))
    assert {"difficulty/untrained_mrr", "safety/orientation_worst"} <= keys
    found = content(site.runs / "audit")
    for name, of in {"selected": found["data"]["selected"], **found["data"]["parts"]}.items():
        for figure in ("digest", "volumes", "patients"):
            assert params[f"data.{name}.{figure}"] == str(of[figure])
    assert params["policy_hash"] == found["policy_hash"]
    assert params["code.source"] == found["code"]["source"]
    logged = " ".join(params.values())
    assert str(site.folder) not in logged
    assert not any(mark in logged for marks in found["data"]["selected"]["marks"] for mark in marks)
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
    assert content(probed)["encoder"]["checksum"] in html.split("Signatures")[1]
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
