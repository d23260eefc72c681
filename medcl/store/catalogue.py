"""The catalogue: one SQLite file that says what the store holds and what was turned away."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from medcl.errors import CorruptionError, InputError
from medcl.store.columns import VOLUME_COLUMNS, Cell, seal
from medcl.store.disk import NO_ROOM

SCHEMA_VERSION = 4
"""Raised with every change of tables or files; a store of another version is refused."""

SOURCE_FACTS = "source:"
"""Begins the names of facts that say from where sources were ingested."""

FORGOTTEN_FACTS = "forgotten:"
"""Begins the names of facts that keep somebody out."""

Statement = tuple[str, Sequence[Cell]]
"""SQL with question marks, and the values for them."""

_NO_SHARED_FILES = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL}
)

_TABLES: Mapping[str, Mapping[str, str]] = {
    "meta": {"name": "TEXT PRIMARY KEY", "value": "TEXT NOT NULL"},
    "volumes": VOLUME_COLUMNS,
    "refused": {
        "key": "TEXT PRIMARY KEY",
        "code": "TEXT NOT NULL",
        "detail": "TEXT NOT NULL",
        "num_files": "INTEGER NOT NULL",
        "fingerprint": "TEXT NOT NULL",
        "duplicate_of": "TEXT",
        "seal": "TEXT NOT NULL",
    },
    "label_sets": {"name": "TEXT PRIMARY KEY", "kind": "TEXT NOT NULL"},
    "labels": {
        "name": "TEXT NOT NULL",
        "key": "TEXT NOT NULL",
        "value": "INTEGER NOT NULL",
        "split": "TEXT",
        "seal": "TEXT NOT NULL",
        "PRIMARY KEY": "(name, key)",
    },
    "label_maps": {
        "name": "TEXT NOT NULL",
        "key": "TEXT NOT NULL",
        "split": "TEXT",
        "sha256": "TEXT NOT NULL",
        "classes": "TEXT NOT NULL",
        "seal": "TEXT NOT NULL",
        "PRIMARY KEY": "(name, key)",
    },
}

_DAMAGED = "catalogue.sqlite is damaged or no catalogue. Restore it, or ingest into a new store."

_SCHEMA = (
    *(
        f"CREATE TABLE {table} ({', '.join(map(' '.join, columns.items()))}) WITHOUT ROWID"
        for table, columns in _TABLES.items()
    ),
    "CREATE INDEX volumes_by_content ON volumes (content_sha256)",
)
"""What makes the tables, as SQLite keeps it."""


class Catalogue:
    """Connections to the catalogue: a short one per question, one lasting one for the writer.

    Short connections make reading safe from any thread and after any fork.
    """

    def __init__(self, path: Path) -> None:
        """Remember where the catalogue is.

        Args:
            path: The SQLite file.
        """
        self._path = path
        self._writer: sqlite3.Connection | None = None

    def make(self, *, key_fingerprint: str) -> None:
        """Write an empty catalogue, all of it into the one file.

        The log is switched on last: what still stands in a log when the disk is full is left there
        without a word by the connection's end.
        """
        with _as_sentence(), sqlite3.connect(self._path) as connection:
            for statement in _SCHEMA:
                verb, kind, rest = statement.split(" ", 2)
                connection.execute(f"{verb} {kind} IF NOT EXISTS {rest}")
            facts = {"schema_version": str(SCHEMA_VERSION), "key_fingerprint": key_fingerprint}
            connection.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", facts.items())
            connection.commit()
            connection.execute("PRAGMA journal_mode = WAL")
        connection.close()

    def facts(self) -> dict[str, str]:
        """Return schema version and key fingerprint.

        Returns:
            Words by name.

        Raises:
            InputError: The store is of another version.
            CorruptionError: Its table of facts is damaged.
        """
        with self._reading() as connection:
            found = dict(
                connection.execute(
                    "SELECT name, value FROM meta WHERE name NOT LIKE ? AND name NOT LIKE ?",
                    (SOURCE_FACTS + "%", FORGOTTEN_FACTS + "%"),
                )
            )
            names = [row[1] for row in connection.execute("PRAGMA table_info(volumes)")]
        if set(found) != {"schema_version", "key_fingerprint"}:
            raise CorruptionError(_DAMAGED)
        version = found["schema_version"]
        if version != str(SCHEMA_VERSION):
            raise InputError(
                f"The store must be of version {SCHEMA_VERSION}, which this medcl writes; "
                f"it is of version {version}. Ingest into a new store."
            )
        if names != list(VOLUME_COLUMNS):
            raise InputError(
                f"The store's table of volumes has {len(names)} columns and this medcl keeps "
                f"{len(VOLUME_COLUMNS)}: it was written by another state of version "
                f"{SCHEMA_VERSION}. Ingest into a new store."
            )
        return found

    def select(self, query: str, values: Sequence[Cell] = ()) -> list[tuple[Cell, ...]]:
        """Return all rows of a query."""
        with self._reading() as connection:
            return connection.execute(query, values).fetchall()

    def check(self) -> None:
        """Look at every page of the file, at the tables and at every entry of the indices.

        Raises:
            CorruptionError: One is not as it was made. What rows hold is for their seals to say.
        """
        made = {sql for (sql,) in self.select("SELECT sql FROM sqlite_master WHERE sql NOT NULL")}
        if made != set(_SCHEMA) or self.select("PRAGMA integrity_check") != [("ok",)]:
            raise CorruptionError(_DAMAGED)

    def write(self, statements: Iterable[Statement]) -> None:
        """Carry out statements in one transaction, on disk when this returns."""
        with _as_sentence(), self._writing() as connection:
            for query, values in statements:
                connection.execute(query, values)

    def compact(self) -> None:
        """Write the file anew without what was deleted, and empty its log.

        SQLite only marks deleted rows as free; they would stand in the file until overwritten.

        Raises:
            InputError: Another program reads an earlier state and keeps the log, or the disk is
                full.
        """
        with _as_sentence():
            with self._writing() as connection:
                connection.execute("VACUUM")
            (is_kept, *_), *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if is_kept:
            raise InputError(
                "Another program is reading catalogue.sqlite, so that what was removed from it may "
                "still stand in its log. End that program and give the same command again."
            )

    def close(self) -> None:
        """End the writer's connection."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def stamp(self) -> tuple[int, ...]:
        """Return numbers that change whenever the catalogue does."""
        marks: list[int] = []
        for path in (self._path, _log_of(self._path)):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            marks += [found.st_mtime_ns, found.st_size]
        return tuple(marks)

    def _writing(self) -> sqlite3.Connection:
        """Return the writer's connection, whose block is a transaction."""
        if self._writer is None:
            self._writer = sqlite3.connect(self._path, check_same_thread=False, timeout=60)
            self._writer.execute("PRAGMA synchronous = FULL")
        return self._writer

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with _as_sentence():
            connection = _open_readonly(self._path)
            try:
                yield connection
            finally:
                connection.close()


def insert(table: str, cells: Sequence[Cell], *, sealed: bool = True) -> Statement:
    """Return the statement that puts a row in place of the one with its key.

    Args:
        table: Name of a table.
        cells: Values in the order of its columns, without the seal.
        sealed: Whether the table's last column is a seal.

    Returns:
        A statement and its values.
    """
    values = [*cells, seal(cells)] if sealed else list(cells)
    marks = ", ".join("?" * len(values))
    return f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values


def _open_readonly(path: Path) -> sqlite3.Connection:
    uri = path.resolve().as_uri()
    try:
        return _probed(f"{uri}?mode=ro")
    except sqlite3.OperationalError as error:
        # A read-only or full disk has no room for the files that readers of WAL share; without a
        # log beside it, the catalogue can be read as it stands.
        log = _log_of(path)
        is_logged = log.exists() and log.stat().st_size > 0
        if error.sqlite_errorcode & 0xFF not in _NO_SHARED_FILES or is_logged:
            raise
        return _probed(f"{uri}?immutable=1")


def _probed(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=60)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


@contextmanager
def _as_sentence() -> Iterator[None]:
    """Turn what SQLite raises into a sentence of medcl.

    Raises:
        InputError: The disk is full, or the file cannot be used as a catalogue.
        CorruptionError: The file is damaged.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise InputError(_explained(error.sqlite_errorcode)) from None
    except sqlite3.DatabaseError:
        raise CorruptionError(_DAMAGED) from None


def _explained(code: int) -> str:
    primary = code & 0xFF
    if primary in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return NO_ROOM
    if primary == sqlite3.SQLITE_BUSY:
        return "The catalogue is locked by another program. Close it and try again."
    if primary == sqlite3.SQLITE_READONLY:
        return "The store is read-only here, and this would have to change it."
    return (
        f"catalogue.sqlite cannot be used (SQLite code {code}): it is missing, unreadable, or of "
        f"another program."
    )
