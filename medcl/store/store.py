"""The volume store: volumes in, boxes of voxels out, everything accounted for.

```
STORE/catalogue.sqlite            one row per volume and per refused series or file; labels
STORE/volumes/ab/abcd….b2nd       voxels of one volume, compressed in blocks
STORE/volumes/ab/abcd….valid.b2nd which voxels were measured, where not all were
STORE/label_maps/NAME/ab/….b2nd   one map of a label set
STORE/incoming/                   while it is written to: what waits to be put in place
STORE/writer.lock                 held by the one writer
```

A file is written beside its place, flushed to disk, renamed, and only then gets its row. A file
without a row does not exist; the next writer removes it.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from medcl.errors import InputError, PrivacyError
from medcl.ingest.outcome import Accepted, Refused
from medcl.shapes import Affine, LabelMap
from medcl.store import refusals
from medcl.store.catalogue import SOURCE_FACTS, insert
from medcl.store.files import Verify
from medcl.store.forgetting import Held
from medcl.store.founding import CATALOGUE, found_store
from medcl.store.inbox import Inbox, make_inbox, remove_inboxes
from medcl.store.intake import Added, Intake
from medcl.store.packing import Packed, check_keys, content_hash, pack
from medcl.store.reading import StoreReading
from medcl.store.rows import LabelRow, require_key
from medcl.store.writer import Writer


class Store(StoreReading):
    """An opened store. Reading is safe from any thread and any number of processes.

    The first change takes the store's writer lock, which `close`, the end of a ``with`` block, or
    the end of the process gives back. A store can be sent to worker processes, which open it anew.

    Attributes:
        folder: Where it is.
        key_fingerprint: Of the secret its keys were made with.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "store"
        >>> with Store.create(folder, key_fingerprint="0" * 16) as store:
        ...     store.counts().discovered.files
        0
        >>> Store.open(folder).rows()
        []
    """

    def __init__(self, folder: Path, *, may_add: bool, verify: Verify, mmap: bool) -> None:
        """Use `Store.create` or `Store.open`."""
        super().__init__(folder, verify=verify, mmap=mmap)
        self._verify: Verify = verify
        self._mmap = mmap
        self._intake = Intake(
            self._catalogue, self._files, self._rows, self._labels, self._forgetting
        )
        self._writer = Writer(self.folder, self._files, self._rows, self._labels, may_add=may_add)

    @classmethod
    def create(cls, folder: Path, *, key_fingerprint: str) -> "Store":
        """Make an empty store and open it.

        Args:
            folder: Absent or empty; its parents are made.
            key_fingerprint: Of the secret that makes the keys.

        Returns:
            The opened store.

        Raises:
            InputError: The folder is not empty.
        """
        found_store(folder, key_fingerprint=key_fingerprint)
        return cls(folder, may_add=True, verify="first", mmap=False)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        key_fingerprint: str | None = None,
        verify: Verify = "first",
        mmap: bool = False,
    ) -> "Store":
        """Open a store.

        Args:
            folder: A folder that `create` made.
            key_fingerprint: Of the secret at hand; needed to add volumes and refusals.
            verify: Hash a file before its ``first`` reading in this process, ``always``, ``never``.
            mmap: Map files into memory; for local disks only.

        Returns:
            The opened store.

        Raises:
            InputError: There is no store, or one of another version.
            PrivacyError: Its keys were made with another secret.
        """
        if not (folder / CATALOGUE).is_file():
            raise InputError(
                f"There is no store here: a store must hold {CATALOGUE}, and the folder that was "
                "named holds none. `medcl ingest SOURCE --store STORE` makes one."
            )
        store = cls(folder, may_add=key_fingerprint is not None, verify=verify, mmap=mmap)
        if key_fingerprint not in {None, store.key_fingerprint}:
            raise PrivacyError(
                f"The keys of this store were made with the secret of fingerprint "
                f"{store.key_fingerprint}, the one at hand has {key_fingerprint}. With another "
                f"secret, one patient would become two. Use the secret the store was made with."
            )
        return store

    @classmethod
    def open_or_create(cls, folder: Path, *, key_fingerprint: str) -> "Store":
        """Open the store of a folder, or make one where there is none.

        Returns:
            The opened store.
        """
        if (folder / CATALOGUE).is_file():
            return cls.open(folder, key_fingerprint=key_fingerprint)
        return cls.create(folder, key_fingerprint=key_fingerprint)

    def __reduce__(self) -> tuple[object, ...]:
        """Return how another process opens this store for reading."""
        return partial(Store.open, self.folder, verify=self._verify, mmap=self._mmap), ()

    def __enter__(self) -> "Store":
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self.close()

    def __del__(self) -> None:
        """Give the writer lock back."""
        if hasattr(self, "_writer"):
            self.close()

    def close(self) -> None:
        """Give the writer lock back; the store can still be read, and written to again."""
        self._writer.release(first=self._catalogue.close)

    def claim(self) -> None:
        """Take the writer lock now: a long run should not learn at its end that it may not write.

        Raises:
            InputError: Another process is writing.
            PrivacyError: The store was opened without the fingerprint of the secret.
        """
        with self._writer.writing(adding=True):
            pass

    def tidy(self) -> None:
        """Remove what a killed writer left, as every first change does.

        Raises:
            InputError: Another process is writing.
        """
        with self._writer.writing():
            pass

    def add(self, accepted: Accepted, *, accept_duplicates: bool = False) -> Added:
        """Store a volume, its row, and the label it came with.

        Args:
            accepted: Outcome of ingest.
            accept_duplicates: Store it although another key has the same content.

        Returns:
            ``unchanged`` if the store holds the same content under this key: no file is written.
            ``refused`` if it holds other content under this key, or the same under another: that
            stays, and a refusal is recorded. Of equal volumes the first to come is kept. Refused
            too is what belongs to a patient who was forgotten.

        Raises:
            InputError: Another process is writing, the disk is full, or a value is none that the
                store may hold.
            PrivacyError: The store was opened without the fingerprint of the secret.
        """
        check_keys(accepted)
        if self._rows.find(accepted.key) is not None and accepted.label is None:
            with self._writer.writing(adding=True):
                done = self._intake.settle(
                    key=accepted.key,
                    content=content_hash(accepted.volume),
                    num_files=accepted.num_files,
                    fingerprint=accepted.fingerprint,
                )
            if done is not None:
                return done
        return self.add_packed(pack(accepted), accept_duplicates=accept_duplicates)

    def add_packed(self, packed: Packed, *, accept_duplicates: bool = False) -> Added:
        """Store a volume that a worker packed.

        Args:
            packed: The volume.
            accept_duplicates: Store it although another key has the same content.

        Returns:
            As `add`, whose errors it raises too.
        """
        try:
            with self._writer.writing(adding=True):
                return self._intake.take(packed, accept_duplicates=accept_duplicates)
        finally:
            packed.discard()

    @contextmanager
    def inbox(self) -> Iterator[Inbox]:
        """Give a folder where other processes leave files for `add_packed`.

        Yields:
            It is removed after the block, with all that was not taken.

        Raises:
            InputError: Another process is writing, or the disk is full.
            PrivacyError: The store was opened without the fingerprint of the secret.
        """
        with self._writer.writing(adding=True):
            made = make_inbox(self.folder)
        try:
            yield made
        finally:
            remove_inboxes(self.folder)

    def refuse(self, *refused: Refused) -> None:
        """Record refusals, all of them in one transaction.

        A refusal replaces an earlier one under its key. Where a volume is stored under its key,
        that stays, and the refusal stands under a key of its own.

        Args:
            refused: Outcomes of ingest.
        """
        rows = [refusals.checked(one) for one in refused]
        with self._writer.writing(adding=True):
            self._intake.refuse(rows)

    def forget(self, patient_keys: Collection[str]) -> Held:
        """Remove everything of patients, and refuse their scans from now on.

        Interrupted at any moment it can be repeated; see `medcl.store.forgetting` for what stays.

        Args:
            patient_keys: 32 hex characters each.

        Returns:
            What was removed.

        Raises:
            InputError: As for `add`, or another program keeps the catalogue's log.
        """
        with self._writer.writing():
            return self._forgetting.forget(patient_keys)

    def readmit(self, patient_keys: Collection[str]) -> int:
        """Take scans of patients again who were forgotten.

        Args:
            patient_keys: 32 hex characters each.

        Returns:
            How many of them had been kept out.

        Raises:
            InputError: As for `add`.
        """
        with self._writer.writing():
            return self._forgetting.readmit(patient_keys)

    def is_done(self, key: str, fingerprint: str, *, accept_duplicates: bool = False) -> bool:
        """Return whether a series or file of this key was settled in exactly this state.

        Args:
            key: Of the volume or refusal.
            fingerprint: Of the files it comes from.
            accept_duplicates: Whether a refusal as a duplicate leaves it to be stored after all.

        Returns:
            False too for a duplicate of a volume that is no longer there.
        """
        return self._intake.is_done(key, fingerprint, accept_duplicates=accept_duplicates)

    def add_source_place(self, name: str, place: str) -> None:
        """Record from where a source was ingested.

        Args:
            name: Key of its name, 32 hex characters.
            place: Key of its place, 32 hex characters.

        Raises:
            InputError: One is no key, or as for `add`.
        """
        fact = (f"{SOURCE_FACTS}{require_key(name)}:{require_key(place)}", "")
        with self._writer.writing(adding=True):
            self._catalogue.write([insert("meta", fact, sealed=False)])

    def add_labels(self, name: str, rows: Iterable[LabelRow]) -> None:
        """Add labels to a set of classes; labels it holds already are left alone.

        Args:
            name: Of the set, which is made where needed: a-z, 0-9, dash, underscore.
            rows: Key, class index, split.

        Raises:
            InputError: A label is of an unknown volume or contradicts another, or as for `add`.
        """
        with self._writer.writing():
            known = set(self._rows.all())
            self._catalogue.write(list(self._labels.put_labels(name, rows, known)))

    def add_label_map(
        self, name: str, key: str, labels: LabelMap, *, affine: Affine, split: str | None = None
    ) -> None:
        """Add the label map of a volume to a set of maps.

        Args:
            name: Of the set, which is made where needed.
            key: Of the volume.
            labels: Class of every voxel, whole numbers, shape ``(X, Y, Z)`` of the volume.
            affine: The map's own, which must be the volume's to 0.01 mm at every corner.
            split: Split the map came with.

        Raises:
            InputError: The volume is unknown or its grid another, or as for `add`.
        """
        with self._writer.writing():
            row = self.row(key)
            self._catalogue.write(self._labels.put_map(name, row, labels, affine, split))
