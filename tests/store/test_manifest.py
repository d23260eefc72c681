"""A manifest says which volumes it is of, without naming them, and what became of them."""

import hashlib
import json
from dataclasses import replace

import pytest

from medcl.store.manifest import Departure, Manifest, volumes_digest
from medcl.store.store import Store
from tests.store.conftest import FINGERPRINT, accepted_volume, key_of


@pytest.fixture
def rows(store):
    """Return five volumes of four patients."""
    for number in range(5):
        store.add(accepted_volume(number, patient=min(number, 3)))
    return store.rows()


def with_key(row, *words):
    return replace(row, key=key_of(*words))


def test_the_digest_is_that_of_the_contents_whatever_order_keys_and_place(rows, tmp_path):
    other = Store.create(tmp_path / "elsewhere", key_fingerprint=FINGERPRINT)
    for number in reversed(range(5)):
        keys = {"key": key_of("k", number), "patient_key": key_of("p", min(number, 3))}
        other.add(accepted_volume(number, **keys))
    assert {row.key for row in other.rows()}.isdisjoint(row.key for row in rows)
    first, second = Manifest.of(rows), Manifest.of(other.rows())
    assert first.digest == second.digest == volumes_digest(rows[::-1])
    assert first.departure(other.rows()).is_none
    assert (first.num_patients, len(first.marks)) == (4, 5)


def test_the_digest_stays_what_it_was_when_somebody_signed_it(rows):
    contents = ["c" * 64, "a" * 64, "b" * 64]
    patients = ["one", "two", "one"]
    known = [
        replace(row, content_sha256=content, patient_key=key_of(patient))
        for row, content, patient in zip(rows, contents, patients, strict=False)
    ]
    written_out = f"{'a' * 64}\n{'b' * 64} {'c' * 64}\n"
    assert volumes_digest(known) == hashlib.sha256(written_out.encode()).hexdigest()


def test_another_voxel_patient_or_number_of_volumes_is_another_digest(rows):
    digest = volumes_digest(rows)
    changed = replace(rows[0], content_sha256=rows[0].content_sha256[::-1])
    moved = replace(rows[0], patient_key=key_of("stranger"))
    joined = [replace(row, patient_key=key_of("one")) for row in rows]
    others = {volumes_digest([*rows[1:], changed]), volumes_digest(rows[1:])}
    others |= {volumes_digest([*rows, with_key(rows[0], "copy")]), volumes_digest(joined)}
    assert digest not in others
    assert len(others) == 4
    is_alone = sum(row.patient_key == rows[0].patient_key for row in rows) == 1
    assert (volumes_digest([*rows[1:], moved]) == digest) == is_alone


def test_missing_changed_and_new_volumes_are_counted_apart(rows):
    manifest = Manifest.of(rows)
    changed = replace(rows[1], content_sha256="0" * 64)
    new = with_key(replace(rows[0], content_sha256="1" * 64), "new")
    found = manifest.departure([new, changed, *rows[2:]])
    assert found == Departure(
        tuple(manifest.places([rows[0]])), tuple(manifest.places([rows[1]])), 1, False
    )
    assert not found.is_none


def test_a_second_volume_of_the_same_content_is_new(rows):
    manifest = Manifest.of(rows)
    twice = [*rows, with_key(rows[0], "again")]
    assert manifest.departure(twice) == Departure((), (), 1, False)
    found = Manifest.of(twice).departure(rows)
    assert (len(found.missing), found.changed, found.num_new) == (1, (), 0)


def test_the_same_volumes_of_other_patients_are_told_as_such(rows):
    joined = [replace(row, patient_key=key_of("one")) for row in rows]
    assert Manifest.of(rows).departure(joined) == Departure((), (), 0, True)


def test_it_comes_back_from_json_and_holds_no_key_and_no_content(rows):
    manifest = Manifest.of(rows)
    text = json.dumps(manifest.to_json())
    assert Manifest.from_json(json.loads(text)) == manifest
    for row in rows:
        for secret in (row.key, row.patient_key, row.content_sha256, row.word, row.sha256):
            assert secret not in text


def test_marks_of_two_manifests_cannot_be_laid_side_by_side(rows):
    first, second = (set(Manifest.of(some).marks) for some in (rows, rows[1:]))
    assert first.isdisjoint(second)


def test_what_is_no_manifest_is_refused(rows):
    content = Manifest.of(rows).to_json()
    with pytest.raises(ValueError, match="5 marks cannot be of 4 volumes"):
        Manifest.from_json(content | {"volumes": 4})
    with pytest.raises(ValueError, match="must be one of the manifest's"):
        Manifest.of(rows[1:]).places(rows[:1])
