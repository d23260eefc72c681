"""Taking in what ingest decided, so that every file is counted exactly once."""

from dataclasses import replace
from typing import Literal

from medcl.store import refusals
from medcl.store.catalogue import Catalogue, Statement, insert
from medcl.store.columns import cells_of
from medcl.store.files import StoreFiles, is_intact
from medcl.store.inventory import files_of
from medcl.store.label_sets import LabelSets
from medcl.store.packing import Packed
from medcl.store.row_cache import RowCache
from medcl.store.rows import RefusalRow, VolumeRow

Added = Literal["added", "unchanged", "refused"]
"""What became of a volume: ``refused`` if other content stands under its key already."""

Standing = Literal["unchanged", "refused"] | None
"""What a stored volume makes of a new one under its key; ``None``: it has to be written."""


class Intake:
    """Writes volumes and refusals. Its caller holds the writer lock."""

    def __init__(
        self, catalogue: Catalogue, files: StoreFiles, rows: RowCache, labels: LabelSets
    ) -> None:
        """Use the parts of a store.

        Args:
            catalogue: Its tables.
            files: Its files.
            rows: Its volumes.
            labels: Its label sets.
        """
        self._catalogue = catalogue
        self._files = files
        self._rows = rows
        self._labels = labels

    def settle(self, *, key: str, content: str, num_files: int, fingerprint: str) -> Standing:
        """Compare a volume with the one that is stored under its key, and record what follows.

        Args:
            key: Of the volume.
            content: Its content hash.
            num_files: Archive files it accounts for.
            fingerprint: Of these files.

        Returns:
            ``unchanged`` if the same content is stored and whole, ``refused`` if other content is
            stored, which stays; else ``None``.
        """
        row = self._rows.find(key)
        if row is None:
            return None
        if row.content_sha256 != content:
            changed = refusals.changed_content(
                key=key, num_files=num_files, fingerprint=fingerprint
            )
            self._catalogue.write([insert("refused", changed)])
            return "refused"
        if not all(is_intact(one.path, one.sha256) for one in files_of(row, self._files)):
            return None
        if (row.num_files, row.fingerprint) != (num_files, fingerprint):
            self._put_row(replace(row, num_files=num_files, fingerprint=fingerprint), [])
        return "unchanged"

    def take(self, packed: Packed) -> Added:
        """Write what is not there yet: mask, voxels, then row and label in one transaction.

        Returns:
            What became of the volume.
        """
        row = packed.row
        standing = self.settle(
            key=row.key,
            content=row.content_sha256,
            num_files=row.num_files,
            fingerprint=row.fingerprint,
        )
        if standing == "refused":
            return standing
        more: list[Statement] = []
        if packed.label is not None and packed.label_set is not None:
            more += self._labels.put_labels(packed.label_set, [packed.label], {row.key})
        if standing is None:
            if packed.mask is not None:
                self._files.write(self._files.mask(row.key), packed.mask)
            self._files.write(self._files.voxels(row.key), packed.voxels)
            more += [("DELETE FROM refused WHERE key = ?", (row.key,))]
            self._put_row(row, more)
        elif more:
            self._catalogue.write(more)
        return standing or "added"

    def refuse(self, rows: list[RefusalRow]) -> None:
        """Record refusals; the key of a stored volume is not theirs to take."""
        placed = [
            row
            if self._rows.find(row.key) is None
            else row._replace(key=refusals.displaced_key(row.key, row.fingerprint))
            for row in rows
        ]
        self._catalogue.write([insert("refused", row) for row in placed])

    def is_done(self, key: str, fingerprint: str) -> bool:
        """Return whether a volume or a refusal of this key and fingerprint stands."""
        found = self._catalogue.select(
            "SELECT 0 FROM volumes WHERE key = ? AND fingerprint = ?"
            " UNION ALL SELECT 1 FROM refused WHERE key IN (?, ?) AND fingerprint = ?",
            (key, fingerprint, key, refusals.displaced_key(key, fingerprint), fingerprint),
        )
        return any(refused or self._files.voxels(key).is_file() for (refused,) in found)

    def refusals(self) -> list[RefusalRow]:
        """Return all refusals, by key."""
        found = self._catalogue.select("SELECT * FROM refused ORDER BY key")
        return [refusals.row_of(cells) for cells in found]

    def _put_row(self, row: VolumeRow, more: list[Statement]) -> None:
        self._catalogue.write([insert("volumes", cells_of(row), sealed=False), *more])
        self._rows.put(row)
