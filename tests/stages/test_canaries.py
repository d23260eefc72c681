"""What a hospital's files say of people stays in them, whatever is made of the archive."""

import gzip
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medcl.store.store import Store
from tests.stages.canaries import MARK, leaks_in, write_other_formats
from tests.stages.small_site import Site, medcl, on_record


def written_by_medcl(site: Site) -> list[Path]:
    """Everything below the site's folder but the archive, its labels and the settings."""
    given = [path for path in site.folder.iterdir() if path.name in ("archive", "labels.csv")]
    given += [path for path in site.folder.iterdir() if path.name.startswith(MARK)]
    assert len(given) >= 2
    return [
        path
        for path in site.folder.rglob("*")
        if path.is_file() and not any(path.is_relative_to(one) for one in given)
    ]


def test_no_canary_is_found_in_anything_that_medcl_wrote_or_said(site: Site) -> None:
    store, others = str(site.store), site.folder / "others"
    encoder = site.runs / "pretrain" / "encoder"
    embed = f"name: embedded\nstore: {store}\nruns: {site.runs}\nencoder: {encoder}\n"
    (site.folder / "embedded.yaml").write_text(embed)
    key = Store.open(site.store).rows()[0].key
    where = ("--store", str(others), "--key-file", site.key)
    with on_record(site.folder):
        assert (
            medcl("ingest", str(write_other_formats(site.folder)), *where, "--modality", "MR") == 0
        )
        assert medcl("ingest", str(site.folder / MARK), *where) == 2
        assert medcl("store", "show", store) == 0
        assert medcl("store", "list", store) == 0
        assert medcl("store", "list", str(others)) == 0
        assert medcl("store", "verify", store) == 0
        assert medcl("store", "export", store, key, str(site.folder / "given.nii.gz")) == 0
        assert medcl("embed", str(site.folder / "embedded.yaml")) == 0
        assert medcl("report", str(site.runs / "study")) == 0
        assert medcl("export", str(site.runs / "pretrain"), str(site.folder / "given")) == 0
    assert len(Store.open(others).rows()) == 4
    written = written_by_medcl(site)
    endings = {path.suffix for path in written}
    assert endings >= {".sqlite", ".b2nd", ".db", ".html", ".parquet", ".jsonl", ".safetensors"}
    assert {"terminal.txt", "log.txt", "given.nii.gz"} <= {path.name for path in written}
    assert len((site.folder / "terminal.txt").read_text()) > 5000
    assert leaks_in(written) == {}


def test_the_archive_itself_is_full_of_canaries(site: Site) -> None:
    files = [path for path in site.hospital.archive.rglob("*") if path.is_file()]
    found = leaks_in(files[::7])
    assert len(found) == len({path.name for path in files[::7]})
    assert sum(found.values()) > 1000


@pytest.mark.parametrize("spelling", ["utf-8", "utf-16-le", "hex", "lower"])
@pytest.mark.parametrize("place", ["plain", "sqlite", "parquet", "gzip", "npz", "name"])
def test_a_leak_is_found_wherever_it_is_packed(tmp_path: Path, place: str, spelling: str) -> None:
    word = f"{MARK}77"
    match spelling:
        case "hex":
            word = word.encode().hex()
        case "lower":
            word = word.lower()
    content = word.encode("utf-16-le" if spelling == "utf-16-le" else "utf-8")
    path = tmp_path / "leak"
    match place:
        case "plain":
            path.write_bytes(b"before" + content + b"after")
        case "sqlite":
            with sqlite3.connect(path) as database:
                database.execute("CREATE TABLE t (a TEXT, b BLOB)")
                database.execute("INSERT INTO t VALUES (?, ?)", ("x" * 9000, content))
            database.close()
        case "parquet":
            pq.write_table(pa.table({"a": [word] * 50}), path, compression="zstd")
        case "gzip":
            path.write_bytes(gzip.compress(content))
        case "npz":
            np.savez_compressed(path.with_suffix(".npz"), a=np.frombuffer(content, np.uint8))
            path = path.with_suffix(".npz")
        case "name":
            path = tmp_path / f"{word}.txt"
            path.write_text("innocent")
    assert leaks_in([path]) != {}
