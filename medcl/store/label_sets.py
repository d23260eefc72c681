"""Label sets: one class per volume, or one label map per volume, under a short name."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from medcl.errors import CorruptionError, InputError
from medcl.geometry.boxes import Box
from medcl.shapes import Affine, LabelMap
from medcl.store.catalogue import Catalogue, Statement, insert
from medcl.store.columns import unseal
from medcl.store.files import StoreFiles
from medcl.store.frames import compress_map
from medcl.store.rows import LabelMapRow, LabelRow, LabelSetRow, VolumeRow, require_name

_SAME_GRID_MM = 0.01


class LabelSets:
    """The labels of one store."""

    def __init__(self, catalogue: Catalogue, files: StoreFiles) -> None:
        """Use the tables and files of a store.

        Args:
            catalogue: Its catalogue.
            files: Its files.
        """
        self._catalogue = catalogue
        self._files = files

    def names(self) -> list[LabelSetRow]:
        """Return every set with its kind and how many volumes it labels, by name."""
        found = self._catalogue.select(
            "SELECT name, kind, (SELECT count(*) FROM labels l WHERE l.name = s.name)"
            " + (SELECT count(*) FROM label_maps m WHERE m.name = s.name)"
            " FROM label_sets s ORDER BY name"
        )
        return [
            LabelSetRow(str(name), "class" if kind == "class" else "map", int(count or 0))
            for name, kind, count in found
        ]

    def labels(self, name: str) -> list[LabelRow]:
        """Return the labels of a set of classes, by key.

        Raises:
            InputError: There is no such set of classes.
        """
        self._require(name, "class")
        return list(self._stored_labels(name))

    def maps(self, name: str) -> list[LabelMapRow]:
        """Return the rows of a set of label maps, by key.

        Raises:
            InputError: There is no such set of maps.
        """
        self._require(name, "map")
        found = self._catalogue.select(
            "SELECT * FROM label_maps WHERE name = ? ORDER BY key", (name,)
        )
        return [_map_row(cells) for cells in found]

    def digest(self, name: str) -> str:
        """Return a SHA-256 over all labels of a set, independent of the order they came in."""
        kinds = {found.name: found.kind for found in self.names()}
        rows = self.maps(name) if kinds.get(name) == "map" else self.labels(name)
        text = "\n".join(json.dumps(row) for row in rows)
        return hashlib.sha256(text.encode()).hexdigest()

    def check(self) -> None:
        """Read every row of every set.

        Raises:
            CorruptionError: One is not what was written, or belongs to no set.
        """
        ((strays,),) = self._catalogue.select(
            "SELECT count(*) FROM (SELECT name, 'class' AS kind FROM labels"
            " UNION SELECT name, 'map' FROM label_maps"
            " EXCEPT SELECT name, kind FROM label_sets)"
        )
        if strays:
            raise CorruptionError(
                f"Every label must belong to a set; those of {strays} sets do not: "
                "catalogue.sqlite is damaged. Restore it, or ingest into a new store."
            )
        for found in self.names():
            self.digest(found.name)

    def contradicts(self, name: str, key: str, value: int) -> bool:
        """Return whether a set gives a volume another class than ``value``."""
        found = self._catalogue.select(
            "SELECT value FROM labels WHERE name = ? AND key = ?", (name, key)
        )
        return any(stored != value for (stored,) in found)

    def put_labels(
        self, name: str, rows: Iterable[LabelRow], known: set[str]
    ) -> Iterator[Statement]:
        """Return the statements that add labels to a set.

        Raises:
            InputError: A label is of a volume the store does not hold, or contradicts another.
        """
        wanted = [LabelRow(key, int(value), split) for key, value, split in rows]
        strangers = sum(row.key not in known for row in wanted)
        if strangers:
            raise InputError(
                f"Every label must name a volume of the store; {strangers} of {len(wanted)} "
                f"labels do not. The store holds {len(known)} volumes."
            )
        for split in {row.split for row in wanted if row.split is not None}:
            require_name(split, "A split")
        present = {row.key: row for row in self._stored_labels(name)}
        clashes = sum(present.setdefault(row.key, row) != row for row in wanted)
        if clashes:
            raise InputError(
                f"A volume has one label per set; {clashes} of {len(wanted)} labels contradict a "
                f"label of the same volume. Put them into a set of another name."
            )
        yield self._make(name, "class")
        for row in wanted:
            yield insert("labels", [name, *row])

    def put_map(
        self, name: str, row: VolumeRow, labels: LabelMap, affine: Affine, split: str | None
    ) -> list[Statement]:
        """Write the file of a label map.

        Returns:
            The statements that make it exist.

        Raises:
            InputError: The map does not lie on the volume's grid, or is no map of whole numbers.
        """
        _require_grid(labels, affine, row)
        make = self._make(name, "map")
        if split is not None:
            require_name(split, "A split")
        content = compress_map(_smallest(labels))
        sha256 = hashlib.sha256(content).hexdigest()
        present = self._map_or_none(name, row.key)
        if present is not None and present.sha256 != sha256:
            raise InputError(
                "The set holds another label map of this volume. Use a set of another name."
            )
        self._files.write(self._files.label_map(name, row.key), content)
        classes = json.dumps(np.unique(labels).tolist())
        return [make, insert("label_maps", [name, row.key, split, sha256, classes])]

    def has_map(self, name: str, key: str) -> bool:
        """Return whether a set holds a map of this volume."""
        return self._map_or_none(name, key) is not None

    def read_map(self, name: str, key: str, box: Box | None) -> LabelMap:
        """Return a box of a label map, shape ``(X, Y, Z)`` of the box; ``None`` reads all.

        Raises:
            InputError: The set holds no map of this volume.
        """
        row = self._map_or_none(name, key)
        if row is None:
            raise InputError("The store holds no such label map for this volume.")
        stored = self._files.read_box(self._files.label_map(name, key), row.sha256, box)
        return np.asarray(stored[0])

    def _map_or_none(self, name: str, key: str) -> LabelMapRow | None:
        found = self._catalogue.select(
            "SELECT * FROM label_maps WHERE name = ? AND key = ?", (name, key)
        )
        return _map_row(found[0]) if found else None

    def _stored_labels(self, name: str) -> Iterator[LabelRow]:
        found = self._catalogue.select("SELECT * FROM labels WHERE name = ? ORDER BY key", (name,))
        for cells in found:
            _, key, value, split = unseal(cells, "labels")
            yield LabelRow(str(key), int(value or 0), None if split is None else str(split))

    def _require(self, name: str, kind: Literal["class", "map"]) -> None:
        kinds = {found.name: found.kind for found in self.names()}
        if kinds.get(name) == kind:
            return
        there = Counter(kinds.values())
        raise InputError(
            f"The store must hold a label set of that name and of kind {kind!r}; it holds "
            f"{there['class']} of classes and {there['map']} of maps."
        )

    def _make(self, name: str, kind: Literal["class", "map"]) -> Statement:
        require_name(name, "A label set")
        present = {found.name: found.kind for found in self.names()}
        if present.get(name, kind) != kind:
            raise InputError(
                f"The label set is one of kind {present[name]!r} and cannot take a {kind!r}."
            )
        return insert("label_sets", [name, kind], sealed=False)


def _map_row(cells: tuple[object, ...]) -> LabelMapRow:
    _, key, split, sha256, classes = unseal(cells, "label maps")  # type: ignore[arg-type]
    return LabelMapRow(
        key=str(key),
        split=None if split is None else str(split),
        sha256=str(sha256),
        classes=tuple(json.loads(str(classes))),
    )


def _require_grid(labels: LabelMap, affine: Affine, row: VolumeRow) -> None:
    if labels.dtype.kind not in "iub":
        raise InputError(f"A label map must hold whole numbers, got {labels.dtype}.")
    if labels.shape != row.shape:
        raise InputError(
            f"A label map must have its volume's shape {row.shape}, got {labels.shape}."
        )
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in row.shape], [1.0]), -1).reshape(-1, 4)
    gap_mm = float(np.linalg.norm(corners @ (affine - row.affine).T, axis=1).max())
    if gap_mm > _SAME_GRID_MM:
        raise InputError(
            f"A label map must lie on its volume's grid; its corners are up to {gap_mm:.3f} mm "
            f"away, more than {_SAME_GRID_MM} mm."
        )


def _smallest(labels: LabelMap) -> LabelMap:
    """Return ``labels`` in the smallest integer type that holds them."""
    kind = np.result_type(np.min_scalar_type(labels.min()), np.min_scalar_type(labels.max()))
    return np.ascontiguousarray(labels, dtype=kind)
