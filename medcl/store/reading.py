"""Reading a store: from any thread, in any number of processes, beside its one writer."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped

from medcl.errors import InputError
from medcl.geometry.boxes import Box
from medcl.shapes import LabelMap, ValidityMask
from medcl.store import inventory, refusals
from medcl.store.catalogue import SOURCE_FACTS, Catalogue
from medcl.store.files import StoreFiles, Verify, is_intact
from medcl.store.forgetting import Forgetting, Held
from medcl.store.founding import CATALOGUE
from medcl.store.inventory import ExpectedFile, expected_files
from medcl.store.label_sets import LabelSets
from medcl.store.row_cache import RowCache
from medcl.store.rows import (
    Counts,
    LabelMapRow,
    LabelRow,
    LabelSetRow,
    RefusalRow,
    VolumeRow,
)
from medcl.volume import Modality, Volume


class StoreReading:
    """The half of a store that changes nothing; `medcl.store.store.Store` is the whole.

    Attributes:
        folder: Where it is.
        key_fingerprint: Of the secret its keys were made with.
    """

    def __init__(self, folder: Path, *, verify: Verify, mmap: bool) -> None:
        """Use `Store.open`."""
        self.folder = folder.absolute()
        self._catalogue = Catalogue(self.folder / CATALOGUE)
        self.key_fingerprint = self._catalogue.facts()["key_fingerprint"]
        self._files = StoreFiles(self.folder, verify=verify, mmap=mmap)
        self._labels = LabelSets(self._catalogue, self._files)
        self._rows = RowCache(self._catalogue)
        self._forgetting = Forgetting(self._catalogue, self._files, self._rows)

    def rows(self, modality: Modality | None = None) -> list[VolumeRow]:
        """Return all volumes, or those of a modality, by key."""
        rows = self._rows.all().values()
        return [row for row in rows if modality in {None, row.modality}]

    def source_places(self, name: str) -> set[str]:
        """Return keys of all places from which sources of a name were ingested.

        Args:
            name: Key of the name.
        """
        beginning = f"{SOURCE_FACTS}{name}:"
        found = self._catalogue.select(
            "SELECT name FROM meta WHERE name LIKE ?", (beginning + "%",)
        )
        return {str(fact).removeprefix(beginning) for (fact,) in found}

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

    def key_of_content(self, content_sha256: str) -> str | None:
        """Return the key of a volume with this content hash, the smallest of several, or ``None``.

        `medcl.store.packing.content_hash` makes it, so that one can ask before writing.
        """
        row = self._rows.with_content(content_sha256)
        return None if row is None else row.key

    def refusals(self) -> list[RefusalRow]:
        """Return everything that was turned away, by key."""
        found = self._catalogue.select("SELECT * FROM refused ORDER BY key")
        return [refusals.row_of(cells) for cells in found]

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
        return self.read_exact_box(key, box).astype(np.float32, copy=False)

    def read_exact_box(self, key: str, box: Box) -> Shaped[np.ndarray, "C X Y Z"]:
        """Return all channels of a box of a volume as `read_box`, in half the memory if possible.

        Returns:
            Values in the volume's unit, shape ``(C, X, Y, Z)`` of the box: int16 where that is what
            is stored, float32 otherwise.

        Raises:
            InputError: The store holds no such volume, or the box leaves it.
            CorruptionError: A stored byte is not what was written.
        """
        row = self.row(key)
        row.require_inside(box)
        stored = self._files.read_box(self._files.voxels(key), row.sha256, box)
        if row.coding.is_identity and stored.dtype == np.int16:
            return stored
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
        """Return the keys of volumes with a damaged file, label maps included.

        Raises:
            CorruptionError: The catalogue itself is not what was written.
        """
        self._catalogue.check()
        self.refusals()
        self._labels.check()
        self._forgetting.check()
        damaged = {one.key for one in self._expected() if not is_intact(one.path, one.sha256)}
        return sorted(damaged)

    def held_of(self, patient_keys: Collection[str]) -> Held:
        """Return what the store holds of patients."""
        return self._forgetting.held(patient_keys)

    def is_forgotten(self, patient_key: str) -> bool:
        """Return whether a patient was taken out and is kept out."""
        return self._forgetting.knows(patient_key)

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
        # Here, because whoever only fills a store needs no writer of NIfTI.
        from medcl.io.images.nifti import write_nifti

        write_nifti(self.read(key), path)

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

    def has_label_map(self, name: str, key: str) -> bool:
        """Return whether a set of label maps holds one of this volume."""
        return self._labels.has_map(name, key)

    def read_label_map(self, name: str, key: str) -> LabelMap:
        """Return the label map of a volume, whole numbers, shape ``(X, Y, Z)``."""
        return self._labels.read_map(name, key, None)

    def read_label_box(self, name: str, key: str, box: Box) -> LabelMap:
        """Return a box of the label map of a volume."""
        self.row(key).require_inside(box)
        return self._labels.read_map(name, key, box)

    def _expected(self) -> Iterator[ExpectedFile]:
        return expected_files(self.rows(), self._labels, self._files)
