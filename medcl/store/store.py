"""The volume store: volumes in, boxes of voxels out, everything accounted for.

```
STORE/catalogue.sqlite            one row per volume and per refused series or file; labels
STORE/volumes/ab/abcd….b2nd       voxels of one volume, compressed in blocks
STORE/volumes/ab/abcd….valid.b2nd which voxels were measured, where not all were
STORE/label_maps/NAME/ab/….b2nd   one map of a label set
STORE/writer.lock                 held by the one writer
```

A file is written beside its place, flushed to disk, renamed, and only then gets its row. A file
without a row does not exist; the next writer removes it.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from medcl.errors import InputError, PrivacyError
from medcl.geometry.boxes import Box
from medcl.ingest.outcome import Accepted, Refused
from medcl.io.nifti import write_nifti
from medcl.shapes import Affine, LabelMap, ValidityMask
from medcl.store import inventory, refusals
from medcl.store.catalogue import Catalogue
from medcl.store.disk import disk_errors_as_sentences
from medcl.store.files import StoreFiles, Verify, is_intact
from medcl.store.founding import CATALOGUE, found_store
from medcl.store.intake import Added, Intake
from medcl.store.inventory import ExpectedFile, expected_files
from medcl.store.label_sets import LabelSets
from medcl.store.packing import Packed, check_keys, content_hash, pack
from medcl.store.row_cache import RowCache
from medcl.store.rows import (
    Counts,
    LabelMapRow,
    LabelRow,
    LabelSetRow,
    RefusalRow,
    VolumeRow,
)
from medcl.store.writer_lock import WriterLock
from medcl.volume import Modality, Volume


class Store:
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
        self.folder = folder.absolute()
        self._may_add = may_add
        self._verify: Verify = verify
        self._mmap = mmap
        self._catalogue = Catalogue(self.folder / CATALOGUE)
        self.key_fingerprint = self._catalogue.facts()["key_fingerprint"]
        self._files = StoreFiles(self.folder, verify=verify, mmap=mmap)
        self._labels = LabelSets(self._catalogue, self._files)
        self._rows = RowCache(self._catalogue)
        self._intake = Intake(self._catalogue, self._files, self._rows, self._labels)
        self._lock: WriterLock | None = None
        self._guard = threading.RLock()

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
            raise InputError(f"There is no store here: the folder holds no {CATALOGUE}.")
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
        if hasattr(self, "_guard"):
            self.close()

    def close(self) -> None:
        """Give the writer lock back; the store can still be read, and written to again."""
        with self._guard:
            self._catalogue.close()
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def add(self, accepted: Accepted) -> Added:
        """Store a volume, its row, and the label it came with.

        Args:
            accepted: Outcome of ingest.

        Returns:
            ``unchanged`` if the store holds the same content under this key: no file is written.
            ``refused`` if it holds other content: that stays, and a refusal is recorded.

        Raises:
            InputError: Another process is writing, the disk is full, or a value is none that the
                store may hold.
            PrivacyError: The store was opened without the fingerprint of the secret.
        """
        check_keys(accepted)
        if self._rows.find(accepted.key) is None or accepted.label is not None:
            return self.add_packed(pack(accepted))
        with self._writing(adding=True):
            done = self._intake.settle(
                key=accepted.key,
                content=content_hash(accepted.volume),
                num_files=accepted.num_files,
                fingerprint=accepted.fingerprint,
            )
        return done or self.add_packed(pack(accepted))

    def add_packed(self, packed: Packed) -> Added:
        """Store a volume that a worker packed.

        Returns:
            As `add`, whose errors it raises too.
        """
        with self._writing(adding=True):
            return self._intake.take(packed)

    def refuse(self, *refused: Refused) -> None:
        """Record refusals, all of them in one transaction.

        A refusal replaces an earlier one under its key. Where a volume is stored under its key,
        that stays, and the refusal stands under a key of its own.

        Args:
            refused: Outcomes of ingest.

        """
        rows = [refusals.checked(one) for one in refused]
        with self._writing(adding=True):
            self._intake.refuse(rows)

    def is_done(self, key: str, fingerprint: str) -> bool:
        """Return whether a series or file of this key was settled in exactly this state."""
        return self._intake.is_done(key, fingerprint)

    def rows(self, modality: Modality | None = None) -> list[VolumeRow]:
        """Return all volumes, or those of a modality, by key."""
        rows = self._rows.all().values()
        return [row for row in rows if modality in {None, row.modality}]

    def row(self, key: str) -> VolumeRow:
        """Return the row of a volume.

        Raises:
            InputError: The store holds no such volume.
        """
        row = self._rows.find(key)
        if row is None:
            raise InputError(
                f"The store holds {len(self._rows.all())} volumes, and none of the key asked for."
            )
        return row

    def refusals(self) -> list[RefusalRow]:
        """Return everything that was turned away, by key."""
        return self._intake.refusals()

    def counts(self) -> Counts:
        """Return what became of every discovered series and file."""
        return inventory.count(self.rows(), self.refusals())

    @property
    def digest(self) -> str:
        """SHA-256 over key, file hash and content hash of all volumes; free of their order."""
        return inventory.digest(self.rows())

    def read(self, key: str) -> Volume:
        """Return a whole volume, every bit as it was accepted.

        Raises:
            InputError: The store holds no such volume.
            CorruptionError: A stored byte is not what was written.
        """
        row = self.row(key)
        stored = self._files.read_box(self._files.voxels(key), row.sha256, None)
        return Volume(
            array=row.coding.decode(stored),
            affine=np.array(row.affine),
            modality=row.modality,
            unit=row.unit,
            validity=self.read_validity(key, None),
        )

    def read_box(self, key: str, box: Box) -> Float32[np.ndarray, "C X Y Z"]:
        """Return all channels of a box of a volume.

        Args:
            key: Of a volume.
            box: Voxels to read; it must lie inside the volume.

        Returns:
            Values in the volume's unit, float32, shape ``(C, X, Y, Z)`` of the box.

        Raises:
            InputError: The store holds no such volume, or the box leaves it.
            CorruptionError: A stored byte is not what was written.
        """
        row = self.row(key)
        row.require_inside(box)
        stored = self._files.read_box(self._files.voxels(key), row.sha256, box)
        return row.coding.decode(stored).astype(np.float32, copy=False)

    def read_validity(self, key: str, box: Box | None) -> ValidityMask | None:
        """Return which voxels of a box were measured, or ``None`` if all of the volume were."""
        row = self.row(key)
        if box is not None:
            row.require_inside(box)
        if row.mask_sha256 is None:
            return None
        return np.asarray(self._files.read_box(self._files.mask(key), row.mask_sha256, box)[0])

    def verify(self) -> list[str]:
        """Return the keys of volumes with a damaged file, label maps included."""
        damaged = {one.key for one in self._expected() if not is_intact(one.path, one.sha256)}
        return sorted(damaged)

    def export_nifti(self, key: str, path: Path) -> None:
        """Write a volume as NIfTI, voxels and type unchanged, the affine rounded to float32.

        Args:
            key: Of the volume.
            path: Ends with ``.nii`` or ``.nii.gz``; replaced if it exists.

        Raises:
            InputError: The store holds no such volume, or the name has another ending.
            CorruptionError: A stored byte is not what was written.
        """
        if not path.name.endswith((".nii", ".nii.gz")):
            raise InputError("A NIfTI file must be named *.nii or *.nii.gz.")
        write_nifti(self.read(key), path)

    def add_labels(self, name: str, rows: Iterable[LabelRow]) -> None:
        """Add labels to a set of classes; labels it holds already are left alone.

        Args:
            name: Of the set, which is made where needed: a-z, 0-9, dash, underscore.
            rows: Key, class index, split.

        Raises:
            InputError: A label is of an unknown volume or contradicts another, or as for `add`.
        """
        with self._writing():
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
        with self._writing():
            row = self.row(key)
            self._catalogue.write(self._labels.put_map(name, row, labels, affine, split))

    def label_sets(self) -> list[LabelSetRow]:
        """Return name, kind and count of every label set."""
        return self._labels.names()

    def labels(self, name: str) -> list[LabelRow]:
        """Return the labels of a set of classes, by key; InputError if there is none."""
        return self._labels.labels(name)

    def label_maps(self, name: str) -> list[LabelMapRow]:
        """Return the rows of a set of label maps, by key; InputError if there is none."""
        return self._labels.maps(name)

    def label_digest(self, name: str) -> str:
        """Return a SHA-256 over all labels of a set."""
        return self._labels.digest(name)

    def read_label_map(self, name: str, key: str) -> LabelMap:
        """Return the label map of a volume, whole numbers, shape ``(X, Y, Z)``."""
        return self._labels.read_map(name, key, None)

    def read_label_box(self, name: str, key: str, box: Box) -> LabelMap:
        """Return a box of the label map of a volume."""
        self.row(key).require_inside(box)
        return self._labels.read_map(name, key, box)

    @contextmanager
    def _writing(self, *, adding: bool = False) -> Iterator[None]:
        """Hold the writer lock from here on; the first time, remove what a killed writer left.

        Raises:
            PrivacyError: The store was opened without the fingerprint of the secret.
        """
        if adding and not self._may_add:
            raise PrivacyError(
                "To add to a store, open it with the fingerprint of the secret that makes the keys."
            )
        with self._guard, disk_errors_as_sentences():
            if self._lock is None:
                self._lock = WriterLock(self.folder)
                self._files.sweep({one.path for one in self._expected()})
            yield

    def _expected(self) -> Iterator[ExpectedFile]:
        return expected_files(self.rows(), self._labels, self._files)
