"""Taking in what ingest decided, so that every file is counted exactly once."""

from dataclasses import replace
from typing import Literal

from medcl.store import refusals
from medcl.store.catalogue import Catalogue, Statement, insert
from medcl.store.columns import cells_of
from medcl.store.files import StoreFiles, is_intact
from medcl.store.forgetting import Forgetting
from medcl.store.inventory import files_of
from medcl.store.label_sets import LabelSets
from medcl.store.packing import Packed
from medcl.store.row_cache import RowCache
from medcl.store.rows import RefusalRow, VolumeRow

Added = Literal["added", "unchanged", "refused"]
"""What became of a volume: ``refused`` if other content stands under its key already, the same
content under another key, or if its patient was forgotten."""

Standing = Literal["unchanged", "refused"] | None
"""What a stored volume makes of a new one under its key; ``None``: it has to be written."""


class Intake:
    """Writes volumes and refusals. Its caller holds the writer lock."""

    def __init__(
        self,
        catalogue: Catalogue,
        files: StoreFiles,
        rows: RowCache,
        labels: LabelSets,
        forgetting: Forgetting,
    ) -> None:
        """Use the parts of a store.

        Args:
            catalogue: Its tables.
            files: Its files.
            rows: Its volumes.
            labels: Its label sets.
            forgetting: Who is kept out of it.
        """
        self._catalogue = catalogue
        self._files = files
        self._rows = rows
        self._labels = labels
        self._forgetting = forgetting

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
        if not self._is_whole(row):
            return None
        if (row.num_files, row.fingerprint) != (num_files, fingerprint):
            self._put_row(replace(row, num_files=num_files, fingerprint=fingerprint), [])
        return "unchanged"

    def take(self, packed: Packed, *, accept_duplicates: bool = False) -> Added:
        """Write what is not there yet: mask, voxels, then row and label in one transaction.

        Args:
            packed: The volume.
            accept_duplicates: Write it although another key has the same content.

        Returns:
            What became of the volume.
        """
        row = packed.row
        if self._forgetting.keeps_out(row):
            self.refuse([refusals.forgotten(row)])
            return "refused"
        if not accept_duplicates and self._rows.find(row.key) is None:
            twin = self._rows.with_content(row.content_sha256)
            if twin is not None:
                return self._turn_away(packed, twin)
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
            more += [("DELETE FROM refused WHERE key = ?", (row.key,))]
            self._put_volume(row, packed, more)
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

    def is_done(self, key: str, fingerprint: str, *, accept_duplicates: bool = False) -> bool:
        """Return whether a volume or a refusal of this key and fingerprint stands.

        A volume stands with its file; a refusal as a duplicate, with the file of the volume it is a
        duplicate of, and not where duplicates are accepted.
        """
        found = self._catalogue.select(
            "SELECT key, key FROM volumes WHERE key = ? AND fingerprint = ?"
            " UNION ALL SELECT r.duplicate_of, v.key"
            " FROM refused r LEFT JOIN volumes v ON v.key = r.duplicate_of"
            " WHERE r.key IN (?, ?) AND r.fingerprint = ?",
            (key, fingerprint, key, refusals.displaced_key(key, fingerprint), fingerprint),
        )
        return any(
            needed is None
            or (
                held is not None
                and (held == key or not accept_duplicates)
                and self._files.voxels(str(held)).is_file()
            )
            for needed, held in found
        )

    def _put_row(self, row: VolumeRow, more: list[Statement]) -> None:
        self._catalogue.write([insert("volumes", cells_of(row), sealed=False), *more])
        self._rows.put(row)

    def _put_volume(self, row: VolumeRow, packed: Packed, more: list[Statement]) -> None:
        if packed.mask is not None:
            self._files.write(self._files.mask(row.key), packed.mask)
        self._files.write(self._files.voxels(row.key), packed.voxels)
        self._put_row(row, more)

    def _turn_away(self, packed: Packed, twin: VolumeRow) -> Added:
        """Refuse a duplicate; where the stored volume is damaged, the duplicate mends it.

        Returns:
            ``refused``.
        """
        if not self._is_whole(twin):
            mended = replace(
                packed.row,
                key=twin.key,
                patient_key=twin.patient_key,
                study_key=twin.study_key,
                technical=twin.technical,
                num_files=twin.num_files,
                fingerprint=twin.fingerprint,
            )
            self._put_volume(mended, packed, [])
        label, name = packed.label, packed.label_set
        is_other = (
            label is not None
            and name is not None
            and self._labels.contradicts(name, twin.key, label.value)
        )
        refused = refusals.duplicate(packed.row, twin, other_label=is_other)
        self._catalogue.write([insert("refused", refused)])
        return "refused"

    def _is_whole(self, row: VolumeRow) -> bool:
        return all(is_intact(one.path, one.sha256) for one in files_of(row, self._files))
