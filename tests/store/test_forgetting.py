"""A patient who is forgotten leaves no byte in the store, and does not come in again."""

import os
import shutil
import signal
import sqlite3
import sys
from dataclasses import replace

import numpy as np
import pytest

from medcl.errors import CorruptionError, InputError
from medcl.ingest.outcome import Refused
from medcl.io.refusal import ReasonCode
from medcl.store.catalogue import Catalogue
from medcl.store.rows import LabelRow
from medcl.store.store import Store
from tests.store.conftest import FINGERPRINT, accepted_volume, key_of
from tests.store.test_crash import STEPS, in_child

GONE, KEPT = key_of("patient", 0), key_of("patient", 1)


def accepted(number, patient):
    array = np.random.default_rng(number).integers(-99, 99, (1, 14, 13, 12)).astype(np.int16)
    return accepted_volume(number, patient=patient, array=array, masked=True)


def fill(folder):
    """Two volumes of the patient who withdraws, one of another, and all that may hang on them."""
    volumes = [accepted(0, 0), accepted(1, 0), accepted(2, 1)]
    with Store.open_or_create(folder, key_fingerprint=FINGERPRINT) as store:
        for one in volumes:
            store.add(one)
        store.add(replace(volumes[0], key=key_of("copy"), patient_key=key_of("patient", 2)))
        store.add(replace(volumes[1], volume=volumes[2].volume, fingerprint="later"))
        store.refuse(refusal())
        store.add_labels("sides", [LabelRow(one.key, 1, "train") for one in volumes])
        for one in volumes:
            labels = (one.volume.array[0] > 0).astype(np.uint8)
            store.add_label_map("organ", one.key, labels, affine=one.volume.affine)
    return volumes


def refusal():
    return Refused(
        key="e" * 32,
        code=ReasonCode.MISSING_SLICES,
        detail="1 is missing.",
        num_files=9,
        fingerprint="r",
    )


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def words_of(volumes, folder):
    """Return everything that tells of volumes: keys, hashes and fingerprints."""
    rows = [Store.open(folder).row(one.key) for one in volumes]
    words = {word for row in rows for word in (row.key, row.patient_key, row.content_sha256)}
    words |= {word for row in rows for word in (row.study_key, row.sha256, row.fingerprint)}
    return {word.encode() for word in words}


def assert_no_trace(folder, words):
    for name, content in bytes_of(folder).items():
        assert not [word for word in words if word in content or word.decode() in name], name


def test_no_byte_of_the_patient_is_left_and_every_byte_of_the_others_is(tmp_path):
    volumes = fill(tmp_path)
    words, before = words_of(volumes[:2], tmp_path), bytes_of(tmp_path)
    assert all(any(word in held for held in before.values()) for word in words)
    with Store.open(tmp_path) as store:
        # Some builds of SQLite overwrite what is deleted, others do not.
        store._catalogue._writing().execute("PRAGMA secure_delete = OFF")
        held = store.forget([GONE])
        with pytest.raises(InputError, match="none of the key"):
            store.row(volumes[0].key)
        assert len(store.rows()) == 1
        assert_no_trace(tmp_path, words)
    assert (held.num_patients, len(held.volumes), held.num_labels) == (1, 2, 2)
    assert (held.num_label_maps, len(held.refusals)) == (2, 2)
    after = bytes_of(tmp_path)
    assert_no_trace(tmp_path, words)
    kept = {name for name in before if name.startswith(volumes[2].key)}
    assert len(kept) == 2
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    store = Store.open(tmp_path)
    assert store.verify() == []
    assert [row.key for row in store.labels("sides")] == [volumes[2].key]
    assert [row.key for row in store.label_maps("organ")] == [volumes[2].key]
    assert [row.code for row in store.refusals()] == ["MISSING_SLICES"]


def test_the_patient_and_each_of_the_scans_are_refused_from_then_on(tmp_path):
    volumes = fill(tmp_path)
    with Store.open(tmp_path, key_fingerprint=FINGERPRINT) as store:
        store.forget([GONE])
        new = accepted(7, 0)
        under_another_name = replace(volumes[0], key=key_of("copy"), patient_key=KEPT)
        for one in (volumes[0], new, under_another_name):
            assert not store.is_done(one.key, one.fingerprint)
            assert store.add(one) == "refused"
            assert store.is_done(one.key, one.fingerprint)
        assert store.add(accepted(8, 1)) == "added"
        codes = [row.code for row in store.refusals()]
        assert codes.count(ReasonCode.FORGOTTEN) == 3
        assert len(store.rows()) == 2


def test_who_is_let_in_again_is_taken_again_and_nobody_else(tmp_path):
    volumes = fill(tmp_path)
    with Store.open(tmp_path, key_fingerprint=FINGERPRINT) as store:
        store.forget([GONE, KEPT])
        for one in volumes:
            assert store.add(one) == "refused"
        assert store.readmit([GONE, key_of("patient", 9)]) == 1
        assert not store.is_done(volumes[0].key, volumes[0].fingerprint)
        assert [store.add(one) for one in volumes] == ["added", "added", "refused"]
        assert store.is_forgotten(KEPT)
        assert not store.is_forgotten(GONE)


def test_forgetting_twice_changes_nothing_and_a_stranger_is_kept_out_too(tmp_path):
    fill(tmp_path)
    stranger = key_of("patient", 77)
    with Store.open(tmp_path, key_fingerprint=FINGERPRINT) as store:
        store.forget([GONE])
        digest, refusals = store.digest, store.refusals()
        held = store.forget([GONE, stranger])
        assert (held.num_patients, held.num_forgotten, held.num_unknown) == (0, 1, 1)
        assert (store.digest, store.refusals()) == (digest, refusals)
        assert store.add(accepted(5, 77)) == "refused"


def test_the_same_voxels_under_another_patient_are_named(tmp_path):
    volumes = fill(tmp_path)
    with Store.open(tmp_path, key_fingerprint=FINGERPRINT) as store:
        twin = replace(volumes[0], key=key_of("twin"), patient_key=KEPT)
        assert store.add(twin, accept_duplicates=True) == "added"
        assert store.held_of([GONE]).twin_patients == (KEPT,)
        assert store.held_of([GONE, KEPT]).twin_patients == ()


def test_an_entry_that_keeps_somebody_out_and_was_changed_is_noticed(tmp_path):
    fill(tmp_path)
    with Store.open(tmp_path) as store:
        store.forget([GONE])
    with sqlite3.connect(tmp_path / "catalogue.sqlite") as connection:
        changed = connection.execute(
            "UPDATE meta SET name = name || 'x' WHERE name LIKE 'forgotten:patient:%'"
        )
        assert changed.rowcount == 1
    connection.close()
    with pytest.raises(CorruptionError, match="keeps a patient out"):
        Store.open(tmp_path).verify()


def test_a_program_that_keeps_the_log_is_told_of_and_the_same_call_then_ends_it(tmp_path):
    volumes = fill(tmp_path)
    words = words_of(volumes[:2], tmp_path)
    other = sqlite3.connect(tmp_path / "catalogue.sqlite")
    with Store.open(tmp_path, key_fingerprint=FINGERPRINT) as store:
        store.refuse(refusal())  # so that there is a log
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM volumes").fetchone()
        store._catalogue._writing().execute("PRAGMA busy_timeout = 50")
        with pytest.raises(InputError, match="same command again"):
            store.forget([GONE])
        assert len(store.rows()) == 1
        other.close()
        store.forget([GONE])
    assert_no_trace(tmp_path, words)


def forget_until(step, folder):
    """Kill this process when it comes to its ``step``-th change of the disk."""
    left = [step]

    def count(*_):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    flush, write, compact = os.fsync, Catalogue.write, Catalogue.compact
    os.fsync = lambda descriptor: (count(), flush(descriptor))
    Catalogue.write = lambda self, statements: (count(), write(self, statements), count())
    Catalogue.compact = lambda self: (count(), compact(self), count())
    sys.addaudithook(lambda event, _: count() if event in STEPS else None)
    with Store.open(folder) as store:
        store.forget([GONE])


def test_killed_at_any_step_the_store_reads_and_the_same_call_ends_it(tmp_path):
    volumes = fill(tmp_path / "full")
    words = words_of(volumes[:2], tmp_path / "full")
    shutil.copytree(tmp_path / "full", tmp_path / "clean")
    with Store.open(tmp_path / "clean") as store:
        store.forget([GONE])
    expected = Store.open(tmp_path / "clean")
    held = set()
    for step in range(1, 200, 2):
        folder = tmp_path / f"killed-{step}"
        shutil.copytree(tmp_path / "full", folder)
        child = in_child(lambda: forget_until(step, folder))  # noqa: B023
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        store = Store.open(folder)
        assert store.verify() == []
        held.add(len(store.rows()))
        with store:
            store.forget([GONE])
        assert (store.digest, store.refusals()) == (expected.digest, expected.refusals())
        assert_no_trace(folder, words)
        assert {path.relative_to(folder) for path in folder.rglob("*.b2nd")} == {
            path.relative_to(tmp_path / "clean") for path in (tmp_path / "clean").rglob("*.b2nd")
        }
    assert step > 10
    assert held == {1, 3}
