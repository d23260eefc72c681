"""An encoder that leaves and comes back."""

import json
import runpy
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from medcl.encoders.delivery import load_delivered, read_encoder, write_encoder
from medcl.encoders.families import build_encoder, describe
from medcl.errors import CheckpointError, CorruptionError, InputError
from medcl.runtime import files as runtime_files

PREPROCESSING = {"spacing_mm": [1.0, 1.0, 1.0], "size_voxels": [32, 32, 32], "window": [-1000, 400]}
FILES = {
    "encoder.safetensors",
    "config.json",
    "preprocessing.json",
    "model_card.md",
    "example.py",
    "checksums.json",
    "ledger.json",
}
FEATURES_IN_MONAI = {
    "SegResNet": lambda network, views: network.encode(views)[0].mean(dim=(2, 3, 4)),
    "SwinUNETR": lambda network, views: network.swinViT(views)[-1].mean(dim=(2, 3, 4)),
}


def write(folder, encoder, **changes):
    papers = {
        "preprocessing": PREPROCESSING,
        "policy_hash": "c0ffee",
        "ledger_json": '{"patients": []}',
        "card": "Trained on 60 volumes of 40 patients.",
    }
    write_encoder(folder, encoder, **{**papers, **changes})
    return folder


@pytest.fixture
def small():
    return build_encoder("residual", width=8)


@pytest.fixture
def folder(tmp_path, small):
    return write(tmp_path / "encoder", small)


def test_every_family_comes_back_with_the_same_features(tmp_path, encoder):
    delivered = read_encoder(write(tmp_path / "encoder", encoder))
    views = torch.randn(1, 1, 32, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(delivered.encoder(views), encoder.eval()(views))
    assert describe(delivered.encoder) == describe(encoder)
    assert delivered.report.is_full_match
    assert not delivered.encoder.training


def test_papers_come_back_as_they_were(folder):
    delivered = read_encoder(folder)
    assert delivered.preprocessing == PREPROCESSING
    assert delivered.policy_hash == "c0ffee"
    assert delivered.ledger_json == '{"patients": []}'
    assert {path.name for path in folder.iterdir()} == FILES


def test_without_a_ledger_none_comes_back_and_the_card_says_so(tmp_path, small):
    folder = write(tmp_path / "encoder", small, ledger_json=None)
    assert read_encoder(folder).ledger_json is None
    assert "No ledger" in (folder / "model_card.md").read_text()


def test_the_example_gives_the_same_features_in_monai(tmp_path, encoder, capsys):
    folder = write(tmp_path / "encoder", encoder)
    network = runpy.run_path(str(folder / "example.py"))["network"].eval()
    assert " 0 of them unknown to MONAI" in capsys.readouterr().out
    views = torch.randn(1, 1, 32, 32, 32)
    features = FEATURES_IN_MONAI.get(type(network).__name__, lambda network, views: network(views))
    with torch.no_grad():
        torch.testing.assert_close(features(network, views), encoder.eval()(views))


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_the_example_fits_every_norm(tmp_path, norm, capsys):
    encoder = build_encoder("residual", width=8, norm=norm)
    folder = write(tmp_path / "encoder", encoder)
    network = runpy.run_path(str(folder / "example.py"))["network"].eval()
    assert "0 of the network stay fresh" in capsys.readouterr().out
    views = torch.randn(1, 1, 32, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(views), encoder.eval()(views))


def test_the_example_runs_where_medcl_is_not_installed(folder):
    forbid = "import sys; sys.modules['medcl'] = None; import runpy; runpy.run_path(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", forbid, str(folder / "example.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert " 0 of them unknown to MONAI" in done.stdout
    assert done.stdout.rstrip().endswith("where it has one).")


def test_the_model_card_has_the_hugging_face_header_and_the_callers_words(folder):
    card = (folder / "model_card.md").read_text()
    header = card.split("---")[1]
    assert "library_name: monai" in header
    assert "license:" in header
    assert "Trained on 60 volumes of 40 patients." in card
    assert "c0ffee" in card
    assert "No medical device" in card


@pytest.mark.parametrize("name", sorted(FILES - {"checksums.json"}))
def test_a_flipped_byte_in_any_file_is_found(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(CorruptionError, match=f"{name} must have the checksum"):
        read_encoder(folder)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_refused_with_its_name(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"must hold {name}"):
        read_encoder(folder)


def test_no_folder_at_all_is_refused_without_naming_it(tmp_path):
    with pytest.raises(CheckpointError, match=r"must hold checksums\.json") as caught:
        read_encoder(tmp_path / "doe_john")
    assert "doe_john" not in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"config.json": "0"}'])
def test_broken_checksums_are_refused(folder, content):
    (folder / "checksums.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"checksums\.json"):
        read_encoder(folder)


def reseal(folder, name, content):
    """Change a file and its checksum, as someone would who edits a delivery."""
    import hashlib

    (folder / name).write_bytes(content)
    sums = json.loads((folder / "checksums.json").read_text())
    sums[name] = hashlib.sha256(content).hexdigest()
    (folder / "checksums.json").write_text(json.dumps(sums))


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("format", 2, "must be of format 1, got 2"),
        ("encoder", {"name": "vgg"}, "an encoder this medcl knows"),
        ("encoder", {"name": "residual", "width": 7}, "an encoder this medcl knows"),
        ("encoder", {}, "an encoder this medcl knows"),
        ("encoder", None, "an encoder this medcl knows"),
    ],
)
def test_a_config_of_something_else_is_refused(folder, key, value, sentence):
    config = {**json.loads((folder / "config.json").read_text()), key: value}
    reseal(folder, "config.json", json.dumps(config).encode())
    with pytest.raises(CheckpointError, match=sentence):
        read_encoder(folder)


def test_weights_that_are_no_safetensors_are_refused(folder):
    reseal(folder, "encoder.safetensors", b"PK not tensors")
    with pytest.raises(CheckpointError, match="an encoder this medcl knows"):
        read_encoder(folder)


def damaged_weights(folder, tmp_path):
    weights = load_file(folder / "encoder.safetensors")
    del weights["bn1.bias"]
    weights["bn1.weight"] = torch.zeros(99)
    weights["stranger"] = torch.zeros(1)
    save_file(weights, tmp_path / "damaged")
    reseal(folder, "encoder.safetensors", (tmp_path / "damaged").read_bytes())
    return len(weights) - 2


def test_weights_below_a_full_match_are_refused_with_counts(folder, tmp_path):
    fits = damaged_weights(folder, tmp_path)
    expected = (
        rf"{fits} loaded, 1 missing \(bn1.bias\), 1 unexpected \(stranger\), "
        r"1 mismatched \(bn1.weight\)"
    )
    with pytest.raises(CheckpointError, match=expected):
        read_encoder(folder)


def test_weights_below_a_full_match_are_taken_when_asked_for(folder, tmp_path, small):
    damaged_weights(folder, tmp_path)
    delivered = read_encoder(folder, allow_partial=True)
    assert delivered.report.mismatched == ("bn1.weight",)
    torch.testing.assert_close(delivered.encoder.network.conv1.weight, small.network.conv1.weight)


def test_another_architecture_is_refused_and_stays_as_it_was(folder):
    other = build_encoder("residual", width=16)
    before = other.network.conv1.weight.clone()
    with pytest.raises(CheckpointError, match=r"residual encoder: 0 loaded, 0 missing, 0 unexp"):
        load_delivered(other, folder)
    with pytest.raises(CheckpointError, match="mismatched"):
        load_delivered(other, folder, allow_partial=True)
    torch.testing.assert_close(other.network.conv1.weight, before)


def test_the_same_architecture_takes_the_weights_in_place(folder, small):
    twin = build_encoder("residual", width=8)
    assert load_delivered(twin, folder).is_full_match
    torch.testing.assert_close(twin.network.conv1.weight, small.network.conv1.weight)


def test_writing_the_same_encoder_again_changes_nothing(folder, small):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    write(folder, small)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_writing_another_encoder_into_the_folder_is_refused(folder):
    before = (folder / "encoder.safetensors").read_bytes()
    with pytest.raises(InputError, match="something else"):
        write(folder, build_encoder("residual", width=8))
    assert (folder / "encoder.safetensors").read_bytes() == before


def test_a_folder_of_something_else_is_left_alone(tmp_path, small):
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="something else"):
        write(tmp_path / "encoder", small)
    assert (tmp_path / "encoder" / "thesis.txt").read_text() == "mine"


def test_a_writer_that_fails_leaves_nothing(tmp_path, small, monkeypatch):
    def fail(target, content):
        if target.name == "example.py":
            raise OSError("disk full")
        runtime_files.write_bytes(target, content)

    monkeypatch.setattr("medcl.encoders.delivery.write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        write(tmp_path / "encoder", small)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_is_killed_leaves_no_folder_and_the_next_one_completes(tmp_path):
    script = (
        "import os, sys; from pathlib import Path\n"
        "from medcl.encoders import delivery; from medcl.encoders.families import build_encoder\n"
        "whole = delivery.write_bytes\n"
        "def dies(target, content):\n"
        "    if target.name == 'example.py': os.kill(os.getpid(), 9)\n"
        "    whole(target, content)\n"
        "delivery.write_bytes = dies\n"
        "delivery.write_encoder(Path(sys.argv[1]), build_encoder('residual', width=8),\n"
        "    preprocessing={}, policy_hash='')\n"
    )
    folder = tmp_path / "encoder"
    command = [sys.executable, "-c", script, str(folder)]
    killed = subprocess.run(command, check=False, timeout=120)
    assert killed.returncode == -9
    assert not folder.exists()
    assert [path.name for path in tmp_path.iterdir()] == [".encoder.part"]
    write(folder, build_encoder("residual", width=8))
    assert read_encoder(folder).report.is_full_match
    assert [path.name for path in tmp_path.iterdir()] == ["encoder"]


def test_numbers_that_json_does_not_have_are_refused(tmp_path, small):
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path / "encoder", small, preprocessing={"spacing_mm": float("nan")})
