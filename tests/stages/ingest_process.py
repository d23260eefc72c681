"""A small archive with flaws, `medcl ingest` as a process of its own, and what a store holds."""

import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medcl.ingest.identity import Keyring
from medcl.io.dicom.writing import write_dicom_series
from medcl.stages import ingest
from medcl.stages.progress import Silent
from medcl.store.store import Store
from medcl.volume import Volume

SERIES = 6
_COMMAND = "from medcl.cli.main import main; main()"


@dataclass(frozen=True)
class Archive:
    """An archive and the secret it is taken in with."""

    folder: Path
    key_file: Path

    def words(self, store: Path) -> list[str]:
        given = ["--store", str(store), "--key-file", str(self.key_file)]
        return [sys.executable, "-c", _COMMAND, "ingest", str(self.folder), *given]

    def start(self, store: Path, *more: str, **options: object) -> "subprocess.Popen[str]":
        """Start the command; it runs until somebody waits for it."""
        return subprocess.Popen(
            [*self.words(store), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            **options,  # type: ignore[call-overload]
        )

    def ingest(self, store: Path, **options: object) -> None:
        """Take the archive in, in this process."""
        given = {"store": store, "key_file": self.key_file, "progress": Silent(), **options}
        ingest.run([self.folder], **given)  # type: ignore[arg-type]


def small_archive(folder: Path) -> Archive:
    """Write six series, one with a gap, and two files that are no images."""
    for number in range(SERIES):
        values = np.random.default_rng(number).integers(-1024, 2000, (1, 40, 32, 5), np.int16)
        ct = Volume(array=values, affine=np.diag([1, 1, 2, 1.0]), modality="CT", unit="HU")
        words = {"patient_id": f"PID-{number}", "study_uid": f"1.2.{number}"}
        paths = write_dicom_series(
            ct, folder / "archive" / f"s{number}", series_uid=f"1.2.{number}.9", **words
        )
        if number == 2:
            paths[2].unlink()
    (folder / "archive" / "notes.txt").write_text("no image")
    (folder / "archive" / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\xff" * 400)
    Keyring.create(folder / "secret.key")
    return Archive(folder / "archive", folder / "secret.key")


def content_of(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """Return every byte of every stored file and every row, after checking them all."""
    with Store.open(folder) as store:
        assert store.verify() == []
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / "volumes").rglob("*"))
        if path.is_file()
    }
    with sqlite3.connect(folder / "catalogue.sqlite") as connection:
        rows = sorted(connection.iterdump())
    connection.close()
    return files, rows
