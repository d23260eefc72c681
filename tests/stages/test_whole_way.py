"""From DICOM files to curves: what must be there at the end, and what must not."""

import re
import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pydicom import dcmread
from pydicom.misc import is_dicom

from medcl.store.store import Store
from medcl.training import collapse
from tests.stages.small_site import PRETRAIN, STUDY, medcl, pretrain_and_study, small_site


def test_every_file_is_accepted_or_refused_for_the_reason_it_was_broken(site):
    counts = Store.open(site.store).counts()
    assert counts.discovered.files == site.hospital.num_files
    assert counts.accepted.files + counts.refused.files == counts.discovered.files
    found = {str(code): tally.series for code, tally in counts.refused_by_reason.items()}
    assert found == {str(code): number for code, number in site.hospital.refusals.items()}
    assert counts.accepted.series == site.hospital.num_series


def test_a_second_ingest_does_nothing(site, last_line):
    before = Store.open(site.store).digest
    words = ("--store", str(site.store), "--key-file", site.key, "--json")
    assert medcl("ingest", str(site.hospital.archive), *words) == 0
    said = last_line()
    assert said["settled_before"] >= said["volumes"]
    assert Store.open(site.store).digest == before


def test_a_misspelt_source_leaves_no_store_behind(site, tmp_path, capsys):
    words = ("--store", str(tmp_path / "store"), "--key-file", site.key)
    assert medcl("ingest", str(tmp_path / "archiev"), *words) == 2
    assert "Source 1 of 1 does not exist" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_a_page_or_a_store_in_the_place_of_something_else_is_a_sentence(site, tmp_path, capsys):
    (tmp_path / "page").mkdir()
    assert medcl("store", "show", str(site.store), "--html", str(tmp_path / "page")) == 2
    assert "must be a file" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    words = ("--store", str(tmp_path / "file"), "--key-file", site.key)
    assert medcl("ingest", str(site.hospital.archive), *words) == 2
    assert "must be a folder" in capsys.readouterr().err


def test_another_secret_is_refused_before_patients_are_split_in_two(site, tmp_path, capsys):
    other = str(tmp_path / "other.key")
    assert medcl("keys", "new", other) == 0
    words = ("--store", str(site.store), "--key-file", other)
    assert medcl("ingest", str(site.hospital.archive), *words) == 3
    assert "secret" in capsys.readouterr().err


def test_another_secret_gives_the_same_figures(site, tmp_path):
    """Keys differ from site to site; batches, views, subsets and test patients must not."""
    other = small_site(tmp_path)
    pretrain_and_study(other)
    assert {row.key for row in Store.open(site.store).rows()}.isdisjoint(
        row.key for row in Store.open(other.store).rows()
    )
    table = "study/label_efficiency.csv"
    assert (other.runs / table).read_text() == (site.runs / table).read_text()


def test_the_curves_are_in_mlflow_with_labels_as_steps(site):
    with sqlite3.connect(site.runs / "mlflow.db") as database:
        rows = database.execute(
            "SELECT DISTINCT step FROM metrics WHERE key = 'label_efficiency/auc_mean'"
        )
        assert {step for (step,) in rows} == {4, 8}
        arms = database.execute(
            "SELECT count(*) FROM tags JOIN runs USING (run_uuid)"
            " WHERE key = 'medcl.arm' AND lifecycle_stage = 'active'"
        ).fetchone()
    assert arms == (3,)


def test_another_reference_runs_no_cell_again_and_has_a_metric_of_its_own(site, last_line):
    runs = site.folder / "compared"
    shutil.copytree(site.runs / "study", runs / "study")
    before = {path: path.stat().st_mtime_ns for path in (runs / "study/scores").iterdir()}
    settings = str(site.folder / "study.yaml")
    words = (f"runs={runs}", "reference_arm=none-voxels", "--json")
    assert medcl("study", settings, *words) == 0
    assert last_line()["reference_arm"] == "none-voxels"
    assert {path: path.stat().st_mtime_ns for path in (runs / "study/scores").iterdir()} == before
    query = "SELECT DISTINCT key FROM metrics WHERE key LIKE '%auc_gain%' ORDER BY key"
    names = {
        folder: [
            name.removeprefix("label_efficiency/auc_gain_vs_")
            for (name,) in sqlite3.connect(folder / "mlflow.db").execute(query)
        ]
        for folder in (site.runs, runs)
    }
    assert names[site.runs][0] == "scratch_finetune"
    assert names[runs] == ["none_voxels", "none_voxels_ci_high", "none_voxels_ci_low"]


def test_nothing_of_a_header_or_path_is_written_anywhere(site):
    """Search every byte that medcl wrote for names, numbers, UIDs, dates and file names."""
    secrets = _secrets(site)
    assert len(secrets) > 100
    pattern = re.compile(b"|".join(re.escape(word) for word in sorted(secrets)))
    # The search can find: the hospital's own list of labels is full of it.
    assert pattern.search(site.hospital.labels_csv.read_bytes())
    leaks = Counter()
    for path in [*site.store.rglob("*"), *site.runs.rglob("*")]:
        if path.is_file():
            leaks.update(found[:6] for found in pattern.findall(path.read_bytes()))
    assert not leaks


def _secrets(site) -> set[bytes]:
    secrets = set()
    for path in sorted(site.hospital.archive.rglob("*"))[::15]:
        secrets.add(path.name.encode())
        if not path.is_file() or not is_dicom(path):
            continue
        header = dcmread(path, stop_before_pixels=True)
        for element in header.iterall():
            value = element.value
            texts = value if isinstance(value, list) else [value]
            secrets |= {str(text).encode() for text in texts if element.VR in _TELLING}
    # Words shorter than this occur by chance in compressed voxels.
    return {word for word in secrets if len(word) >= 9 and word not in _STANDARD}


_TELLING = {"PN", "LO", "SH", "UI", "LT", "ST", "UT", "DT"}
_STANDARD = {b"MONOCHROME2", b"1.2.840.10008.5.1.4.1.1.2"}


def test_an_encoder_that_saw_the_test_patients_is_refused(site, capsys):
    everyone = PRETRAIN.replace(
        "hold_out: {label_set: horseshoe, test: {fraction: 0.4, seed: 0}}\n", ""
    )
    assert medcl("pretrain", site.settings("leaky", everyone)) == 0
    study = STUDY.replace("RUNS/pretrain", f"{site.runs}/leaky")
    assert medcl("study", site.settings("leaky_study", study)) == 3
    assert "seen in pretraining" in capsys.readouterr().err


def test_views_that_mirror_are_refused_before_a_step_is_taken(site, capsys):
    settings = site.settings("mirrored", PRETRAIN)
    flip = "policy.transforms=[{kind: flip, axis: x}]"
    assert medcl("pretrain", settings, flip) == 3
    assert "SC001" in capsys.readouterr().err
    assert not (site.runs / "mirrored").exists()


def test_views_too_small_for_the_encoder_are_refused_before_a_step_is_taken(site, capsys):
    settings = site.settings("tiny", PRETRAIN)
    assert medcl("pretrain", settings, "policy.grid.size_voxels=[32, 24, 4]") == 2
    assert "policy.grid.size_voxels must suit the encoder" in capsys.readouterr().err
    assert not (site.runs / "tiny").exists()


def test_a_batch_that_the_patients_do_not_fill_does_not_take_the_name_of_the_run(site, capsys):
    settings = site.settings("crowded", PRETRAIN)
    assert medcl("pretrain", settings, "training.batch_size=900") == 2
    assert "900 different patients" in capsys.readouterr().err
    assert not (site.runs / "crowded").exists()


def test_an_encoder_that_has_collapsed_says_so_wherever_it_goes(site, capsys, monkeypatch):
    monkeypatch.setattr(collapse, "_LEAST_SPREAD", 10.0)
    assert medcl("pretrain", site.settings("flat", PRETRAIN)) == 0
    assert "The encoder has collapsed" in capsys.readouterr().out
    assert "The encoder has collapsed" in (site.runs / "flat/encoder/model_card.md").read_text()


def test_a_finished_run_is_found_and_other_settings_are_refused(site, last_line, capsys):
    settings = str(site.folder / "pretrain.yaml")
    assert medcl("pretrain", settings, "--json") == 0
    assert last_line()["steps"] == 4
    assert medcl("pretrain", settings, "training.steps=5") == 2
    assert "training.steps" in capsys.readouterr().err


def test_an_encoder_is_not_fed_another_window(site, capsys):
    study = STUDY.replace("RUNS", str(site.runs))
    settings = site.settings("other_window", study)
    assert medcl("study", settings, "policy.window.high=300.0") == 2
    assert "window" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("label_counts=[4, 900]", "900"),
        ("label_set=nothing", "label set"),
        ("kind=segmentation", "the label set has classes"),
        ("store=/nowhere", "store"),
        ("encoders.pretrained=/nowhere", "encoder"),
    ],
)
def test_a_study_that_cannot_be_run_ends_in_a_sentence(site, capsys, override, word):
    settings = site.settings("impossible", STUDY.replace("RUNS", str(site.runs)))
    assert medcl("study", settings, override) == 2
    said = capsys.readouterr().err
    assert word in said
    assert "Traceback" not in said


def test_a_label_for_a_patient_the_store_does_not_know_is_refused(site, tmp_path, capsys):
    table = tmp_path / "labels.csv"
    known = site.hospital.labels_csv.read_text().splitlines()
    table.write_text("\n".join([*known[:3], ",NOBODY-AT-ALL,1", *known[3:]]) + "\n")
    words = ("--store", str(site.store), "--name", "other", "--key-file", site.key)
    assert medcl("labels", "add", str(table), *words) == 2
    said = capsys.readouterr().err
    assert f"1 of {len(known)} lines" in said
    assert "line 4" in said
    assert "NOBODY" not in said


def test_embed_export_finetune_and_report_leave_what_they_promise(site, tmp_path, last_line):
    encoder = site.runs / "pretrain" / "encoder"
    embed = tmp_path / "embed.yaml"
    embed.write_text(f"name: embed\nstore: {site.store}\nruns: {site.runs}\nencoder: {encoder}\n")
    assert medcl("embed", str(embed)) == 0
    table = pq.read_table(site.runs / "embed" / "features.parquet")
    assert table.num_rows == len(Store.open(site.store).rows())
    assert medcl("export", str(site.runs / "pretrain"), str(tmp_path / "given")) == 0
    assert (tmp_path / "given" / "encoder.safetensors").is_file()
    tune = f"""
label_set: horseshoe
kind: classification
task: shape
test: {{fraction: 0.4, seed: 0}}
encoder: {encoder}
adaptation: finetune
finetune: {{steps: 2, batch_size: 4}}
"""
    assert medcl("finetune", site.settings("tuned", tune), "--json") == 0
    assert 0 <= last_line()["auc"] <= 1
    page = site.runs / "study" / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert medcl("report", str(site.runs / "study")) == 0
    assert page.read_bytes() == before


def test_a_store_is_shown_as_text_and_as_a_page_that_names_nobody(site, tmp_path, capsys):
    target = tmp_path / "page.html"
    assert medcl("store", "show", str(site.store), "--html", str(target)) == 0
    told = capsys.readouterr().out
    assert "Modality and unit" in told
    assert "Volumes per patient" in told
    written = target.read_text()
    assert "Every file accounted for" in written
    assert "data:image/png;base64," in written
    assert str(site.folder) not in written
    assert medcl("store", "show", str(site.store), "--html", str(tmp_path / "no" / "page")) == 2


def test_a_flipped_byte_stops_pretraining_before_a_gradient(site, tmp_path, capsys):
    copy = tmp_path / "store"
    shutil.copytree(site.store, copy)
    for path in copy.rglob("*.b2nd"):
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 4
        path.write_bytes(content)
    settings = site.settings("damaged", PRETRAIN)
    assert medcl("pretrain", settings, f"store={copy}") == 3
    assert "are not what was written" in capsys.readouterr().err
    left = [path.name for path in (site.runs / "damaged").rglob("*")]
    assert not [name for name in left if name.endswith((".safetensors", ".pt"))]
    events = site.runs / "damaged" / "events.jsonl"
    assert not events.exists() or "loss" not in events.read_text()


def test_verify_finds_a_flipped_byte(site, tmp_path, capsys):
    copy = tmp_path / "store"
    shutil.copytree(site.store, copy)
    path = next(copy.rglob("*.b2nd"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert medcl("store", "verify", str(copy)) == 3
    said = capsys.readouterr().err
    assert "Remove their files" in said
    # What is advised helps: ingest leaves alone what is there, and writes what is missing.
    path.unlink()
    words = ("--store", str(copy), "--key-file", site.key)
    assert medcl("ingest", str(site.hospital.archive), *words) == 0
    assert medcl("store", "verify", str(copy)) == 0


def test_views_that_keep_off_lesions_ask_for_a_set_of_maps_before_anything_is_written(site, capsys):
    cutout = "    - {kind: cutout, fraction: [0.0, 0.05]}\n"
    unnamed = site.settings("unnamed", PRETRAIN)
    with Path(unnamed).open("a") as file:
        file.write(cutout)
    assert medcl("pretrain", unnamed) == 3
    assert "training.lesion_set" in capsys.readouterr().err
    classes = PRETRAIN.replace("batch_size: 4", "batch_size: 4, lesion_set: horseshoe")
    wrong = site.settings("wrong", classes)
    with Path(wrong).open("a") as file:
        file.write(cutout)
    assert medcl("pretrain", wrong) == 2
    assert not (site.runs / "unnamed").exists()
    assert not (site.runs / "wrong").exists()
