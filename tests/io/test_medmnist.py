"""MedMNIST archives are read in pieces, without pickle and within limits."""

from pathlib import Path

import numpy as np
import pytest

from medcl.io.images.medmnist import read_facts, read_images
from medcl.io.kinds import file_kind
from medcl.io.refusal import ReasonCode, RefusedSeries


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 255, (9, 6, 5, 8), dtype=np.uint8)


@pytest.fixture
def archive(images: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "adrenalmnist3d.npz"
    labels = np.arange(9).reshape(-1, 1) % 2
    np.savez_compressed(path, train_images=images, train_labels=labels, test_images=images[:2])
    return path


def code(path: Path) -> ReasonCode:
    with pytest.raises(RefusedSeries) as caught:
        read_facts(path)
    return caught.value.code


def test_a_range_of_images_and_labels_is_read(archive: Path, images: np.ndarray) -> None:
    assert file_kind(archive) == "npz"
    volumes, labels = read_images(archive, split="train", start=4, stop=7)
    assert labels == [0, 1, 0]
    for volume, image in zip(volumes, images[4:7], strict=True):
        np.testing.assert_array_equal(volume.array[0], image)
        np.testing.assert_array_equal(volume.affine, np.eye(4))


def test_a_split_without_labels_gives_none(archive: Path) -> None:
    assert [facts.num_images for facts in read_facts(archive)] == [9, 2]
    assert read_images(archive, split="test", start=0, stop=9)[1] == [None, None]


def test_a_damaged_archive_is_noticed(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[400] ^= 1
    archive.write_bytes(bytes(content))
    assert code(archive) == ReasonCode.DECODE_FAILED


def test_arrays_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    objects = np.empty((2, 4, 4, 4), object)
    np.savez(tmp_path / "a.npz", train_images=objects)
    assert code(tmp_path / "a.npz") == ReasonCode.UNSUPPORTED_SYNTAX


def test_other_archives_and_flat_images_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", weights=np.zeros(3))
    assert code(tmp_path / "a.npz") == ReasonCode.NOT_IMAGE
    np.savez(tmp_path / "b.npz", train_images=np.zeros((4, 28, 28, 3), np.uint8))
    assert code(tmp_path / "b.npz") == ReasonCode.NOT_3D


def test_a_bomb_is_refused(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medcl.io.images.medmnist.MAX_FILE_BYTES", 1000)
    assert code(archive) == ReasonCode.LIMIT_EXCEEDED


def test_the_real_archive_is_read(test_data: Path) -> None:
    path = test_data / "adrenalmnist3d" / "adrenalmnist3d_64_train_val.npz"
    volumes, labels = read_images(path, split="val", start=90, stop=98)
    with np.load(path, allow_pickle=False) as arrays:
        expected, classes = arrays["val_images"][90:], arrays["val_labels"][90:, 0]
    assert labels == classes.tolist()
    np.testing.assert_array_equal([volume.array[0] for volume in volumes], expected)
