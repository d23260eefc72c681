"""Rows of volumes, read from the catalogue once and again only when it changed."""

import threading
from collections.abc import Iterable

from medcl.store.catalogue import Catalogue
from medcl.store.columns import row_of
from medcl.store.rows import VolumeRow


class RowCache:
    """The volumes of one store, by key. Safe to use from any thread."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Read from a catalogue when asked.

        Args:
            catalogue: Of the store.
        """
        self._catalogue = catalogue
        self._guard = threading.Lock()
        self._table: dict[str, VolumeRow] = {}
        self._singles: dict[str, VolumeRow] = {}
        self._stamp: tuple[int, ...] | None = None

    def all(self) -> dict[str, VolumeRow]:
        """Return all rows, in order of their keys; not to be changed by the caller."""
        with self._guard:
            stamp = self._catalogue.stamp()
            if stamp != self._stamp:
                found = self._catalogue.select("SELECT * FROM volumes ORDER BY key")
                self._table = {row.key: row for row in map(row_of, found)}
                self._singles = {}
                self._stamp = stamp
            return self._table

    def find(self, key: str) -> VolumeRow | None:
        """Return a row, or ``None``; a row once read is not read again."""
        row = self._singles.get(key) or self._table.get(key)
        if row is None:
            found = self._catalogue.select("SELECT * FROM volumes WHERE key = ?", (key,))
            if found:
                row = self._singles[key] = row_of(found[0])
        return row

    def with_content(self, content_sha256: str) -> VolumeRow | None:
        """Return the row with this content, the one of the smallest key of several, or ``None``."""
        found = self._catalogue.select(
            "SELECT min(key) FROM volumes WHERE content_sha256 = ?", (content_sha256,)
        )
        key = found[0][0]
        return None if key is None else self.find(str(key))

    def drop(self, keys: Iterable[str]) -> None:
        """No longer know rows that were just deleted."""
        with self._guard:
            self._stamp = None
            for key in keys:
                self._singles.pop(key, None)
                self._table.pop(key, None)

    def put(self, row: VolumeRow) -> None:
        """Remember a row that was just written."""
        self._singles[row.key] = row
