"""Taking patients out of a store for good, and keeping them out.

```
one transaction   rows of their volumes, labels, label maps, copies that were refused  → gone
                  what keeps them out                                                  → written
files             voxels, validity, label maps                                         → unlinked
catalogue         rewritten without the gaps, its log emptied: no byte of a row is left
```

Killed before the transaction ends, nothing has happened; killed after it, what is left are files
without a row, which do not exist and which the next writer removes, and gaps, which the same call
closes. What keeps a patient out is a hash of the patient's key, and one of each removed content,
because the same scan may be filed under another name. Files are unlinked, not overwritten: what a
disk, a snapshot or a backup still holds is beyond a store.
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from medcl.errors import CorruptionError
from medcl.store.catalogue import FORGOTTEN_FACTS, Catalogue, Statement, insert
from medcl.store.columns import seal
from medcl.store.files import StoreFiles
from medcl.store.inventory import files_of
from medcl.store.refusals import displaced_key, row_of
from medcl.store.row_cache import RowCache
from medcl.store.rows import VolumeRow, require_key


@dataclass(frozen=True, slots=True)
class Held:
    """What a store holds of some patients.

    Attributes:
        num_patients: Those of them who have volumes.
        num_forgotten: Those of them who are kept out already.
        num_unknown: Those of them who have no volumes and are not kept out.
        volumes: Keys of their volumes.
        num_labels: Classes of these volumes, over all label sets.
        num_label_maps: Label maps of these volumes, over all label sets.
        refusals: Keys of refused copies of these volumes.
        twin_patients: Keys of other patients under whom the same voxels are stored.
    """

    num_patients: int
    num_forgotten: int
    num_unknown: int
    volumes: tuple[str, ...]
    num_labels: int
    num_label_maps: int
    refusals: tuple[str, ...]
    twin_patients: tuple[str, ...]


class Forgetting:
    """Finds and removes what belongs to patients. Its caller holds the writer lock for changes."""

    def __init__(self, catalogue: Catalogue, files: StoreFiles, rows: RowCache) -> None:
        """Use the parts of a store.

        Args:
            catalogue: Its tables.
            files: Its files.
            rows: Its volumes.
        """
        self._catalogue, self._files, self._rows = catalogue, files, rows

    def knows(self, patient_key: str) -> bool:
        """Return whether a patient is kept out."""
        return self._has(_patient_fact(patient_key))

    def keeps_out(self, row: VolumeRow) -> bool:
        """Return whether a volume must not come in: its patient was forgotten, or its content."""
        return self.knows(row.patient_key) or self._has(_content_fact(row.content_sha256))

    def held(self, patient_keys: Collection[str]) -> Held:
        """Return what the store holds of patients."""
        rows = self._rows_of(patient_keys)
        keys = tuple(row.key for row in rows)
        named, present = set(patient_keys), {row.patient_key for row in rows}
        forgotten = set(filter(self.knows, named))
        return Held(
            num_patients=len(present),
            num_forgotten=len(forgotten),
            num_unknown=len(named - present - forgotten),
            volumes=keys,
            num_labels=sum(self._num_labels(key) for key in keys),
            num_label_maps=sum(len(self._label_maps(key)) for key in keys),
            refusals=tuple(self._refusals(keys)),
            twin_patients=self._twin_patients(rows),
        )

    def forget(self, patient_keys: Collection[str]) -> Held:
        """Remove patients, and keep them out from now on.

        Args:
            patient_keys: 32 hex characters each; those the store has nothing of are kept out too.

        Returns:
            What was removed.

        Raises:
            InputError: A key is none, the disk is full, or another program keeps the catalogue.
        """
        people = sorted({require_key(key, "A patient key") for key in patient_keys})
        found, rows = self.held(people), self._rows_of(people)
        paths = [path for row in rows for path in self._paths(row)]
        self._catalogue.write(list(_statements(people, rows, found)))
        self._rows.drop(found.volumes)
        self._files.remove(paths)
        self._catalogue.compact()
        return found

    def readmit(self, patient_keys: Collection[str]) -> int:
        """Let patients in again, whose scans the next ingest then takes.

        Args:
            patient_keys: 32 hex characters each.

        Returns:
            How many of them had been kept out.

        Raises:
            InputError: A key is none, or as for every change.
        """
        people = {require_key(key, "A patient key") for key in patient_keys}
        known = [_patient_fact(key) for key in people if self.knows(key)]
        statements: list[Statement] = []
        for fact in known:
            owner = fact.removeprefix(FORGOTTEN_FACTS)
            statements += [("DELETE FROM meta WHERE name = ?", (fact,))]
            statements += [
                ("DELETE FROM meta WHERE name = ?", (name,))
                for name, value in self._facts()
                if value.split(" ")[0] == owner
            ]
        # A refusal names no patient. Whoever is still kept out is refused anew by the next ingest.
        statements.append(("DELETE FROM refused WHERE code = 'FORGOTTEN'", ()))
        if known:
            self._catalogue.write(statements)
        return len(known)

    def check(self) -> None:
        """Look at everything that keeps somebody out.

        Raises:
            CorruptionError: An entry is not what was written.
        """
        for name, value in self._facts():
            if value != _sealed(name, value.split(" ")[0]):
                raise CorruptionError(
                    "An entry that keeps a patient out is not what was written: catalogue.sqlite "
                    "is damaged. Restore it, or ingest into a new store."
                )

    def _facts(self) -> list[tuple[str, str]]:
        found = self._catalogue.select(
            "SELECT name, value FROM meta WHERE name LIKE ?", (FORGOTTEN_FACTS + "%",)
        )
        return [(str(name), str(value)) for name, value in found]

    def _has(self, fact: str) -> bool:
        return bool(self._catalogue.select("SELECT 1 FROM meta WHERE name = ?", (fact,)))

    def _rows_of(self, patient_keys: Collection[str]) -> list[VolumeRow]:
        people = set(patient_keys)
        return [row for row in self._rows.all().values() if row.patient_key in people]

    def _num_labels(self, key: str) -> int:
        ((count,),) = self._catalogue.select("SELECT count(*) FROM labels WHERE key = ?", (key,))
        return int(count or 0)

    def _label_maps(self, key: str) -> list[str]:
        found = self._catalogue.select("SELECT name FROM label_maps WHERE key = ?", (key,))
        return [str(name) for (name,) in found]

    def _refusals(self, keys: Collection[str]) -> Iterator[str]:
        """Yield refusals that stand for one of these volumes: copies, and later states of it."""
        if not keys:
            return
        wanted = set(keys)
        for row in map(row_of, self._catalogue.select("SELECT * FROM refused")):
            if row.duplicate_of in wanted or any(
                row.key == displaced_key(key, row.fingerprint) for key in wanted
            ):
                yield row.key

    def _twin_patients(self, rows: Collection[VolumeRow]) -> tuple[str, ...]:
        contents = {row.content_sha256 for row in rows}
        people = {row.patient_key for row in rows}
        alike = (row for row in self._rows.all().values() if row.content_sha256 in contents)
        return tuple(sorted({row.patient_key for row in alike} - people))

    def _paths(self, row: VolumeRow) -> Iterator[Path]:
        yield from (one.path for one in files_of(row, self._files))
        for name in self._label_maps(row.key):
            yield self._files.label_map(name, row.key)


def _statements(
    people: Collection[str], rows: Collection[VolumeRow], found: Held
) -> Iterator[Statement]:
    for row in rows:
        for table in ("labels", "label_maps", "volumes"):
            yield f"DELETE FROM {table} WHERE key = ?", (row.key,)
        owner = _patient_fact(row.patient_key).removeprefix(FORGOTTEN_FACTS)
        yield _entry(_content_fact(row.content_sha256), owner)
    for key in found.refusals:
        yield "DELETE FROM refused WHERE key = ?", (key,)
    for key in people:
        yield _entry(_patient_fact(key), "-")


def _entry(fact: str, owner: str) -> Statement:
    return insert("meta", (fact, _sealed(fact, owner)), sealed=False)


def _sealed(fact: str, owner: str) -> str:
    return f"{owner} {seal([fact, owner])}"


def _patient_fact(patient_key: str) -> str:
    return _fact("patient", patient_key)


def _content_fact(content_sha256: str) -> str:
    return _fact("content", content_sha256)


def _fact(kind: str, word: str) -> str:
    """Return the name of an entry; it holds a hash, so that no list of keys stays behind."""
    digest = hashlib.sha256(f"forgotten {kind} {word}".encode()).hexdigest()[:32]
    return f"{FORGOTTEN_FACTS}{kind}:{digest}"
