"""Volumes go in and come out bit for bit; whatever does not fit is refused with a sentence."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from medcl.errors import CorruptionError, InputError, PrivacyError
from medcl.geometry.boxes import Box
from medcl.ingest.outcome import Refused, Technical
from medcl.io.refusal import ReasonCode
from medcl.store.packing import pack
from medcl.store.store import Store
from medcl.volume import Volume

FINGERPRINT = "f" * 16


def refusal(make_accepted, number=0, *, code=ReasonCode.MISSING_SLICES, **changes):
    key = make_accepted(number).key
    fields = {"key": key, "code": code, "detail": "1 of 34 is missing.", "num_files": 33}
    return Refused(**(fields | {"fingerprint": "refused-1"} | changes))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "float32"])
@pytest.mark.parametrize("masked", [False, True])
def test_a_volume_comes_back_bit_for_bit(store, make_accepted, dtype, masked):
    rng = np.random.default_rng(1)
    array = rng.normal(40, 20, (2, 40, 37, 34)).astype(dtype)
    accepted = make_accepted(array=array, masked=masked)
    assert store.add(accepted) == "added"
    found = Store.open(store.folder).read(accepted.key)
    assert found.array.dtype == array.dtype
    assert found.array.tobytes() == array.tobytes()
    assert (found.affine == accepted.volume.affine).all()
    assert (found.modality, found.unit) == ("CT", "HU")
    assert (found.validity is None) == (not masked)
    if masked:
        assert (found.validity == accepted.volume.validity).all()


def test_rescaled_floats_are_stored_as_16_bit_integers_and_come_back_exactly(store, make_accepted):
    raw = np.random.default_rng(0).integers(0, 4000, (1, 40, 40, 40))
    array = (raw * 0.2345 - 7.5).astype(np.float32)
    accepted = make_accepted(array=array)
    store.add(accepted)
    assert store.read(accepted.key).array.tobytes() == array.tobytes()
    row = store.row(accepted.key)
    assert row.dtype == "float32"
    assert not row.coding.is_identity


def test_big_endian_voxels_keep_their_values(store, make_accepted):
    array = np.arange(4 * 5 * 6, dtype=">i2").reshape(1, 4, 5, 6)
    accepted = make_accepted(array=array)
    store.add(accepted)
    assert (store.read(accepted.key).array == array).all()
    assert store.row(accepted.key).dtype == "int16"


def test_random_boxes_equal_slices_of_the_array(store, make_accepted):
    rng = np.random.default_rng(2)
    array = rng.integers(-1000, 3000, (2, 110, 41, 100)).astype(np.int16)
    accepted = make_accepted(array=array, masked=True)
    store.add(accepted)
    for _ in range(60):
        lower = [int(rng.integers(0, n)) for n in array.shape[1:]]
        upper = [int(rng.integers(low, n + 1)) for low, n in zip(lower, array.shape[1:])]  # noqa: B905
        box = Box(tuple(lower), tuple(upper))
        found = store.read_box(accepted.key, box)
        assert found.dtype == np.float32
        assert (found == array[:, *box.slices]).all()
        assert found.shape == (2, *box.shape)
        assert (
            store.read_validity(accepted.key, box) == accepted.volume.validity[box.slices]
        ).all()


def test_a_box_that_leaves_the_volume_is_refused(store, make_accepted):
    accepted = make_accepted()
    store.add(accepted)
    with pytest.raises(InputError, match=r"inside its volume of shape \(40, 37, 34\)"):
        store.read_box(accepted.key, Box((0, 0, 0), (41, 1, 1)))
    with pytest.raises(InputError, match="inside its volume"):
        store.read_box(accepted.key, Box((-1, 0, 0), (2, 1, 1)))


def test_a_row_says_everything_about_its_volume(store, make_accepted):
    accepted = make_accepted(3)
    store.add(accepted)
    row = Store.open(store.folder).row(accepted.key)
    assert (row.patient_key, row.study_key) == (accepted.patient_key, accepted.study_key)
    assert (row.shape, row.num_channels, row.dtype) == ((40, 37, 34), 1, "int16")
    assert row.spacing_mm == (0.7, 0.7, 2.5)
    assert row.technical == accepted.technical
    assert row.technical.contrast is True
    assert (row.num_files, row.fingerprint) == (34, "fingerprint-3")
    assert row.statistics.minimum == accepted.volume.array.min()


def test_adding_again_changes_nothing(store, make_accepted):
    accepted = make_accepted()
    store.add(accepted)
    before = {path: path.stat().st_mtime_ns for path in (store.folder / "volumes").rglob("*")}
    assert store.add(accepted) == "unchanged"
    assert store.add_packed(pack(accepted)) == "unchanged"
    after = {path: path.stat().st_mtime_ns for path in (store.folder / "volumes").rglob("*")}
    assert before == after
    assert store.counts().discovered == (1, 34)


def test_the_same_content_from_touched_files_is_done_under_its_new_fingerprint(
    store, make_accepted
):
    store.add(make_accepted())
    assert store.add(make_accepted(fingerprint="touched")) == "unchanged"
    assert store.is_done(make_accepted().key, "touched")
    assert len(store.rows()) == 1


def test_other_content_under_a_stored_key_is_refused_and_counted(store, make_accepted):
    first, second = make_accepted(), make_accepted(seed=99, fingerprint="other", num_files=30)
    store.add(first)
    for _ in range(2):
        assert store.add(second) == "refused"
    assert (store.read(first.key).array == first.volume.array).all()
    counts = store.counts()
    assert counts.refused_by_reason == {ReasonCode.CHANGED_CONTENT: (1, 30)}
    assert counts.discovered == (2, 64)
    assert store.is_done(second.key, "other")
    assert store.is_done(first.key, first.fingerprint)


def test_an_accepted_series_replaces_its_refusal(store, make_accepted):
    store.refuse(refusal(make_accepted))
    assert store.is_done(make_accepted().key, "refused-1")
    assert not store.is_done(make_accepted().key, "fingerprint-0")
    store.add(make_accepted())
    assert store.refusals() == []
    assert store.counts().discovered == (1, 34)


def test_a_refusal_leaves_a_stored_volume_and_is_counted_beside_it(store, make_accepted):
    store.add(make_accepted())
    for _ in range(2):
        store.refuse(refusal(make_accepted))
    assert len(store.rows()) == 1
    assert [row.code for row in store.refusals()] == [ReasonCode.MISSING_SLICES]
    assert store.is_done(make_accepted().key, "refused-1")


def test_counts_hold_every_file(store, make_accepted):
    store.add(make_accepted(0))
    store.refuse(
        refusal(make_accepted, 1),
        refusal(make_accepted, 2),
        refusal(make_accepted, 3, code=ReasonCode.NOT_IMAGE, num_files=1),
    )
    counts = Store.open(store.folder).counts()
    assert counts.refused_by_reason == {
        ReasonCode.MISSING_SLICES: (2, 66),
        ReasonCode.NOT_IMAGE: (1, 1),
    }
    assert counts.discovered == (4, 34 + 67)


def test_a_detail_that_could_name_somebody_is_not_kept(store, make_accepted):
    for number, detail in enumerate(
        ["/archive/Doe/1.dcm", "Doe^Jane", "uid 1.2.840.10008", "born 19700101", "2020-01-02"]
    ):
        store.refuse(refusal(make_accepted, number, detail=detail))
    store.refuse(refusal(make_accepted, 9, detail="Slices 1 and 2 are 4.000 mm apart."))
    assert sorted({row.detail for row in store.refusals()}) == [
        "",
        "Slices 1 and 2 are 4.000 mm apart.",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "../../etc/passwd"},
        {"patient_key": "Doe^Jane"},
        {"study_key": "1.2.840.10008.1"},
        {"fingerprint": "/home/doe"},
        {"label": 1, "label_set": "Jane Doe"},
        {"label": 1, "label_set": "sides", "split": "19700101 "},
        {"label": 1},
    ],
)
def test_what_could_name_somebody_is_refused_without_repeating_it(store, make_accepted, changes):
    with pytest.raises(InputError) as caught:
        store.add(make_accepted(**changes))
    assert not any(str(value) in str(caught.value) for value in changes.values() if value != 1)
    assert store.rows() == []


def test_a_technical_word_off_its_list_is_refused_without_repeating_it(store, make_accepted):
    technical = Technical()
    object.__setattr__(technical, "kernel", "Janes kernel")
    with pytest.raises(InputError, match="'kernel'") as caught:
        store.add(make_accepted(technical=technical))
    assert "Jane" not in str(caught.value)


def test_no_store_is_said(tmp_path):
    with pytest.raises(InputError, match="no store here"):
        Store.open(tmp_path)


def test_a_store_is_not_made_over_something_else(store, tmp_path):
    with pytest.raises(InputError, match="a store already"):
        Store.create(store.folder, key_fingerprint=FINGERPRINT)
    (tmp_path / "scan.dcm").write_text("x")
    with pytest.raises(InputError, match="empty folder"):
        Store.create(tmp_path, key_fingerprint=FINGERPRINT)


def test_a_store_of_another_version_is_refused_naming_both(store):
    with sqlite3.connect(store.folder / "catalogue.sqlite") as connection:
        connection.execute("UPDATE meta SET value = '3' WHERE name = 'schema_version'")
    connection.close()
    with pytest.raises(InputError, match=r"version 4, .* version 3"):
        Store.open(store.folder)


def test_another_secret_is_refused(store):
    with pytest.raises(PrivacyError, match="With another secret"):
        Store.open(store.folder, key_fingerprint="0" * 16)
    assert Store.open_or_create(store.folder, key_fingerprint=FINGERPRINT).rows() == []


def test_adding_needs_the_fingerprint(store, make_accepted):
    store.close()
    with pytest.raises(PrivacyError, match="fingerprint"):
        Store.open(store.folder).add(make_accepted())


def test_an_unknown_key_is_said(store):
    with pytest.raises(InputError, match="holds 0 volumes"):
        store.read("0" * 32)


def test_the_digest_does_not_depend_on_the_order(tmp_path, make_accepted):
    digests = []
    for name, order in (("a", (0, 1, 2)), ("b", (2, 0, 1))):
        with Store.create(tmp_path / name, key_fingerprint=FINGERPRINT) as store:
            for number in order:
                store.add(make_accepted(number, masked=number == 1))
            digests.append(store.digest)
            assert store.verify() == []
    assert digests[0] == digests[1]
    files = [
        {path.name: path.read_bytes() for path in (tmp_path / name / "volumes").rglob("*.b2nd")}
        for name in ("a", "b")
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 4


def test_the_digest_follows_the_grid(tmp_path, make_accepted):
    digests = set()
    for name, spacing in (("a", 0.7), ("b", 0.8)):
        with Store.create(tmp_path / name, key_fingerprint=FINGERPRINT) as store:
            store.add(make_accepted(affine=np.diag([spacing, 0.7, 2.5, 1.0])))
            digests.add(store.digest)
    assert len(digests) == 2


@pytest.mark.parametrize("place", [20, -20, 4000])
@pytest.mark.parametrize("suffix", [".b2nd", ".valid.b2nd"])
def test_a_flipped_byte_is_caught_before_a_voxel_is_returned(store, make_accepted, place, suffix):
    accepted = make_accepted(masked=True)
    store.add(accepted)
    (path,) = (store.folder / "volumes").rglob(f"{accepted.key}{suffix}")
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    reader = Store.open(store.folder)
    with pytest.raises(CorruptionError, match=accepted.key):
        reader.read(accepted.key)
    assert reader.verify() == [accepted.key]


def test_a_missing_file_is_caught_and_written_again(store, make_accepted):
    accepted = make_accepted()
    store.add(accepted)
    (path,) = (store.folder / "volumes").rglob("*.b2nd")
    content = path.read_bytes()
    path.unlink()
    assert store.verify() == [accepted.key]
    assert not store.is_done(accepted.key, accepted.fingerprint)
    store.add(accepted)
    assert path.read_bytes() == content
    assert store.verify() == []


def test_always_verifying_catches_what_changes_after_the_first_reading(store, make_accepted):
    accepted = make_accepted()
    store.add(accepted)
    (path,) = (store.folder / "volumes").rglob("*.b2nd")
    reader = Store.open(store.folder, verify="always")
    reader.read(accepted.key)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptionError):
        reader.read(accepted.key)


def test_a_changed_catalogue_row_is_caught(store, make_accepted):
    store.add(make_accepted())
    with sqlite3.connect(store.folder / "catalogue.sqlite") as connection:
        connection.execute("UPDATE volumes SET affine_00 = 0.71")
    connection.close()
    with pytest.raises(CorruptionError, match="volumes"):
        Store.open(store.folder).rows()


def test_a_catalogue_that_is_none_is_said(store):
    store.close()
    (store.folder / "catalogue.sqlite").write_bytes(b"no catalogue, " * 1000)
    with pytest.raises(CorruptionError, match=r"catalogue\.sqlite"):
        Store.open(store.folder)


def test_mapped_files_read_the_same(store, make_accepted):
    accepted = make_accepted()
    store.add(accepted)
    box = Box((3, 4, 5), (30, 30, 30))
    mapped = Store.open(store.folder, mmap=True).read_box(accepted.key, box)
    assert (mapped == store.read_box(accepted.key, box)).all()


def test_rows_are_chosen_by_modality_and_sorted(store, make_accepted):
    for number in range(4):
        store.add(make_accepted(number))
    keys = [row.key for row in store.rows("CT")]
    assert keys == sorted(keys)
    assert len(keys) == 4
    assert store.rows("MR") == []


def test_a_reader_sees_what_a_writer_adds_later(store, make_accepted):
    reader = Store.open(Path(store.folder))
    assert reader.rows() == []
    store.add(make_accepted())
    assert len(reader.rows()) == 1
    assert reader.read(make_accepted().key).shape == (40, 37, 34)


def test_negative_zeros_of_an_affine_do_not_break_the_row(store, make_accepted):
    """SQLite keeps no negative zero; LPS scans turned to RAS are full of them."""
    affine = np.diag([-0.7, -0.7, 2.0, 1.0])
    affine[0, 1] = affine[1, 2] = -0.0
    store.add(make_accepted(affine=affine))
    assert len(Store.open(store.folder).rows()) == 1


def test_the_order_of_an_array_in_memory_changes_nothing_that_is_stored(make_accepted):
    array = np.random.default_rng(0).integers(-900, 900, (1, 21, 18, 11)).astype(np.int16)
    validity = array[0] > -800
    packed = []
    for order in ("C", "F"):
        volume = Volume(
            array=np.array(array, order=order),
            affine=np.diag([1.0, 1.0, 2.0, 1.0]),
            modality="CT",
            unit="HU",
            validity=np.array(validity, order=order),
        )
        packed.append(pack(make_accepted(volume=volume)))
    assert packed[0] == packed[1]
