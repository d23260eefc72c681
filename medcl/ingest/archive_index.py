"""Every file of an archive and every plane's header, on disk and not in memory.

An archive may hold millions of files. The index is SQLite's private temporary database: it spills
to the folder for temporary files (``SQLITE_TMPDIR``, ``TMPDIR``), has no name there that anyone
could open, and is gone when the process ends, however it ends. It holds paths and headers, so
nothing of it is ever kept.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from medcl.ingest.discovery import FoundFile
from medcl.ingest.file_facts import FileFacts
from medcl.ingest.inheritance import MetadataFile
from medcl.ingest.wire import facts_from_json, facts_to_json, header_from_json, header_to_json
from medcl.io.bids_names import metadata_name
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.refusal import ReasonCode
from medcl.volume import Modality

IndexedPlane = tuple[FoundFile, SliceHeader]
"""A header and the file it stands in."""

_CACHE_KIB = 65_536
_TABLES = (
    "CREATE TABLE files (path BLOB PRIMARY KEY, relative BLOB, size INTEGER, mtime_ns INTEGER,"
    " refusal TEXT)",
    "CREATE TABLE series (id INTEGER PRIMARY KEY, words BLOB UNIQUE)",
    "CREATE TABLE planes (series INTEGER, path BLOB, header TEXT)",
    "CREATE TABLE lone (path BLOB PRIMARY KEY, facts TEXT)",
    "CREATE TABLE metadata (path BLOB PRIMARY KEY, folder BLOB, suffix TEXT, modality TEXT,"
    " is_read INTEGER)",
    "CREATE INDEX metadata_by_folder ON metadata (folder, suffix)",
)
_FIELDS = "f.path, f.relative, f.size, f.mtime_ns, f.refusal"


class ArchiveIndex:
    """What is known of an archive while it is taken in."""

    def __init__(self) -> None:
        """Open an empty index."""
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("PRAGMA journal_mode = OFF")
        for table in _TABLES:
            self._database.execute(table)
        # One transaction for all: nobody else reads it, and to end one per file takes as long
        # as all the rest of finding it.
        self._database.execute("BEGIN")

    def __enter__(self) -> "ArchiveIndex":
        """Return the index."""
        return self

    def __exit__(self, *_: object) -> None:
        """Forget everything."""
        self._database.close()

    def add_file(self, found: FoundFile) -> bool:
        """Add an entry of the archive.

        Returns:
            False if it is known already.
        """
        cells = (
            os.fsencode(found.path),
            os.fsencode(found.relative),
            found.size,
            found.mtime_ns,
            found.refusal,
        )
        cursor = self._database.execute("INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?, ?)", cells)
        if name := metadata_name(found.path.name):
            folder = os.fsencode(found.path.parent)
            # Known before it is read, and so where it never is: a link, a file that is damaged.
            self._database.execute(
                "INSERT OR IGNORE INTO metadata VALUES (?, ?, ?, NULL, 0)",
                (cells[0], folder, name.suffix),
            )
        return cursor.rowcount > 0

    @property
    def num_files(self) -> int:
        """Entries in all."""
        ((count,),) = self._database.execute("SELECT count(*) FROM files")
        return int(count)

    def files(self) -> Iterator[FoundFile]:
        """Yield every entry, by its path inside the archive."""
        for cells in self._database.execute(f"SELECT {_FIELDS} FROM files f ORDER BY f.relative"):
            yield _found(cells)

    def add_headers(self, found: FoundFile, headers: Sequence[SliceHeader]) -> None:
        """Add the planes of a file to their series."""
        for header in headers:
            words = b"\0".join(
                word.encode("utf-8", "surrogatepass") for word in _series(found, header)
            )
            self._database.execute("INSERT OR IGNORE INTO series (words) VALUES (?)", (words,))
            self._database.execute(
                "INSERT INTO planes SELECT id, ?, ? FROM series WHERE words = ?",
                (os.fsencode(found.path), header_to_json(header), words),
            )

    def add_lone(self, found: FoundFile, facts: FileFacts) -> None:
        """Add a file that is a volume, or several, by itself."""
        self._database.execute(
            "INSERT INTO lone VALUES (?, ?)", (os.fsencode(found.path), facts_to_json(facts))
        )

    def add_metadata(self, found: FoundFile, modality: Modality | None) -> None:
        """Add what a JSON file that may describe images says."""
        self._database.execute(
            "UPDATE metadata SET modality = ?, is_read = 1 WHERE path = ?",
            (modality, os.fsencode(found.path)),
        )

    def metadata_in(self, folder: Path, suffix: str) -> list[MetadataFile]:
        """Return the JSON files of a folder that may describe images of a suffix.

        Args:
            folder: Absolute path; of one outside the sources nothing is known.
            suffix: Last part of a name in a BIDS tree.
        """
        found = self._database.execute(
            "SELECT path, modality, is_read FROM metadata WHERE folder = ? AND suffix = ?"
            " ORDER BY path",
            (os.fsencode(folder), suffix),
        )
        names = ((metadata_name(Path(os.fsdecode(path)).name), *rest) for path, *rest in found)
        return [
            MetadataFile(name=name, modality=modality, is_read=bool(is_read))
            for name, modality, is_read in names
            if name is not None
        ]

    def lone_files(self) -> Iterator[tuple[FoundFile, FileFacts]]:
        """Yield each file that is a volume by itself, by its path inside the archive."""
        for cells in self._database.execute(
            f"SELECT l.facts, {_FIELDS} FROM lone l JOIN files f ON f.path = l.path"
            " ORDER BY f.relative"
        ):
            yield _found(cells[1:]), facts_from_json(cells[0])

    def num_alike(self) -> int:
        """Return how many lone files share folder and name with one below another source."""
        ((count,),) = self._database.execute(
            "SELECT coalesce(sum(many), 0) FROM (SELECT count(*) AS many FROM lone l"
            " JOIN files f ON f.path = l.path GROUP BY f.relative HAVING many > 1)"
        )
        return int(count)

    @property
    def num_series(self) -> int:
        """Series and lone files in all."""
        ((count,),) = self._database.execute(
            "SELECT (SELECT count(*) FROM series) + (SELECT count(*) FROM lone)"
        )
        return int(count)

    def series(self) -> Iterator[list[IndexedPlane]]:
        """Yield the planes of each series, in the order in which series were first seen."""
        self._database.execute("CREATE INDEX IF NOT EXISTS by_series ON planes (series)")
        cells = self._database.execute(
            f"SELECT p.series, p.header, {_FIELDS} FROM planes p JOIN files f ON f.path = p.path"
            " ORDER BY p.series, f.relative, p.rowid"
        )
        for _, members in groupby(cells, key=itemgetter(0)):
            yield [(_found(cell[2:]), header_from_json(cell[1])) for cell in members]


def _series(found: FoundFile, header: SliceHeader) -> Iterable[str]:
    """Return what all planes of a series share."""
    # Some anonymisers empty every UID; the folder then has to do.
    folder = "" if header.series_uid else found.folder
    return (header.series_uid, folder, header.issuer, header.patient_id, header.study_uid)


def _found(cells: Sequence[object]) -> FoundFile:
    path, relative, size, mtime_ns, refusal = cells
    assert isinstance(path, bytes)
    assert isinstance(relative, bytes)
    return FoundFile(
        Path(os.fsdecode(path)),
        os.fsdecode(relative),
        int(str(size)),
        int(str(mtime_ns)),
        None if refusal is None else ReasonCode(str(refusal)),
    )
