"""Sources of one name in two calls: an archive that moved, or another one, which is refused."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from medcl.errors import InputError
from medcl.ingest.identity import Keyring
from medcl.ingest.options import IngestOptions
from medcl.stages import ingest, labels
from medcl.stages.progress import Silent
from medcl.stages.summary import StageSummary
from medcl.store.store import Store
from tests.ingest.test_bids_tree import image, put

NAMES = ("scan1.nii", "deep/scan2.nii")


@pytest.fixture
def site(tmp_path) -> Path:
    Keyring.create(tmp_path / "secret.key")
    for number, name in enumerate(NAMES):
        put(tmp_path / "a" / "images" / name, image(number))
        put(tmp_path / "b" / "images" / name, image(number + 10))
    taken(tmp_path, "a/images")
    return tmp_path


def taken(site: Path, source: str) -> StageSummary:
    return ingest.run(
        [site / source],
        store=site / "store",
        key_file=site / "secret.key",
        progress=Silent(),
        options=IngestOptions(nifti_modality="MR"),
    )


def label(site: Path, source: str, name: str) -> None:
    table = site / "labels.csv"
    table.write_text("file,label\nscan1.nii,1\ndeep/scan2.nii,0\n")
    labels.add(
        table,
        store=site / "store",
        name=name,
        key_file=site / "secret.key",
        source=site / source,
        splits=None,
        progress=Silent(),
    )


def test_another_archive_of_the_same_name_is_refused_and_nothing_of_it_stored(site):
    before = Store.open(site / "store").digest
    for _ in range(2):
        with pytest.raises(InputError, match=r"Source 1 of 1 .* 2 of its files the names of files"):
            taken(site, "b/images")
    store = Store.open(site / "store")
    assert store.digest == before
    assert store.refusals() == []
    assert taken(site, "b").figures["volumes"] == 4


def test_labels_of_another_folder_do_not_fall_on_the_volumes_of_one_of_its_name(site):
    taken(site, "b")
    with pytest.raises(InputError, match="its volumes would get these labels"):
        label(site, "b/images", "outcome")
    assert Store.open(site / "store").label_sets() == []
    label(site, "a/images", "outcome")
    rows = {row.key: row.value for row in Store.open(site / "store").labels("outcome")}
    keyring = Keyring.from_file(site / "secret.key")
    assert rows == {keyring.file_key(f"images/{NAMES[1 - one]}"): one for one in (0, 1)}


def test_an_archive_that_moved_is_the_same_archive(site):
    (site / "elsewhere").mkdir()
    shutil.move(site / "a" / "images", site / "elsewhere" / "images")
    with pytest.raises(InputError, match="ingest it once from where it is now"):
        label(site, "elsewhere/images", "outcome")
    put(site / "elsewhere" / "images" / NAMES[0], image(7))
    summary = taken(site, "elsewhere/images")
    assert (summary.figures["settled_before"], summary.figures["volumes"]) == (1, 2)
    label(site, "elsewhere/images", "outcome")


def test_files_that_changed_where_they_lie_are_refused_one_by_one_as_ever(site):
    for number, name in enumerate(NAMES):
        put(site / "a" / "images" / name, image(number + 20))
    taken(site, "a/images")
    counts = Store.open(site / "store").counts()
    assert {code: tally.files for code, tally in counts.refused_by_reason.items()} == {
        "CHANGED_CONTENT": 2
    }


def test_sources_of_one_name_that_share_no_file_may_stand_beside_one_another(site):
    put(site / "c" / "images" / "scan3.nii", image(30))
    assert taken(site, "c/images").figures["volumes"] == 3
    label(site, "a/images", "outcome")


def test_a_store_that_knows_no_places_yet_is_taken_as_it_is(site):
    with sqlite3.connect(site / "store" / "catalogue.sqlite") as connection:
        assert connection.execute("DELETE FROM meta WHERE name LIKE 'source:%'").rowcount == 1
    connection.close()
    label(site, "b/images", "outcome")
    assert taken(site, "a/images").figures["settled_before"] == 2
    with pytest.raises(InputError, match="another place"):
        label(site, "b/images", "again")


def test_no_path_is_kept_of_a_place(site):
    content = b"".join(path.read_bytes() for path in (site / "store").iterdir() if path.is_file())
    assert b"source:" in content
    assert str(site).encode() not in content
    assert b"images" not in content
