"""A byte flipped in any file of a store is noticed, or changes nothing that anybody reads."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from medcl.errors import CorruptionError, InputError, PrivacyError
from medcl.ingest.outcome import Refused
from medcl.io.refusal import ReasonCode
from medcl.store.rows import LabelRow
from medcl.store.store import Store

FINGERPRINT = "f" * 16


@pytest.fixture
def full(store, make_accepted):
    """A store with one of everything, its log written back."""
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-99, 99, (1, 14, 13, 12)).astype(np.int16) for _ in range(3)]
    volumes = [make_accepted(n, array=array, masked=n == 1) for n, array in enumerate(arrays)]
    for accepted in volumes:
        store.add(accepted)
    code, detail = ReasonCode.MISSING_SLICES, "1 is missing."
    store.refuse(Refused(key="e" * 32, code=code, detail=detail, num_files=9, fingerprint="r"))
    store.add_labels("sides", [LabelRow(volumes[0].key, 1, "train")])
    labels = (arrays[0][0] > 0).astype(np.uint8)
    store.add_label_map("organ", volumes[0].key, labels, affine=volumes[0].volume.affine)
    store.close()
    return store.folder


def contents(catalogue: Path) -> list[str]:
    with sqlite3.connect(catalogue) as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


def is_noticed(folder: Path) -> bool:
    try:
        return Store.open(folder, key_fingerprint=FINGERPRINT).verify() != []
    except (CorruptionError, InputError, PrivacyError):
        return True


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


def test_a_flipped_byte_of_any_voxel_mask_or_label_file_is_noticed(full):
    files = sorted(full.rglob("*.b2nd"))
    assert len(files) == 5
    rng = np.random.default_rng(1)
    for path in files:
        before = path.read_bytes()
        for place in [0, len(before) - 1, *rng.integers(0, len(before), 6)]:
            flip(path, int(place))
            assert is_noticed(full), (path.suffixes, place)
            path.write_bytes(before)
    assert not is_noticed(full)


def test_a_flipped_byte_of_the_catalogue_is_noticed_or_changes_no_row(full):
    path = full / "catalogue.sqlite"
    before, lines = path.read_bytes(), contents(path)
    used = np.flatnonzero(np.frombuffer(before, np.uint8))
    noticed, lost = 0, []
    for place in np.random.default_rng(2).choice(used, 150, replace=False):
        flip(path, int(place))
        if is_noticed(full):
            noticed += 1
        elif contents(path) != lines:
            lost.append(int(place))
        path.write_bytes(before)
    assert lost == []
    assert noticed > 75
