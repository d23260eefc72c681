"""The files of a store: named by key only, written whole, checked before they are read."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from medcl.errors import CorruptionError
from medcl.geometry.boxes import Box
from medcl.runtime.files import put_in_place, sync_folder, write_bytes
from medcl.store import frames
from medcl.store.coding import Values
from medcl.store.inbox import remove_inboxes

Content = bytes | memoryview | Path
"""Bytes, or the file of an inbox that holds them."""

Verify = Literal["first", "always", "never"]
"""When a file is hashed before it is read: first time in this process, every time, or not."""

_VOXELS, _MASK, _PART = ".b2nd", ".valid.b2nd", ".part"


class StoreFiles:
    """Finds, writes, checks and reads the files of one store."""

    def __init__(self, folder: Path, *, verify: Verify, mmap: bool) -> None:
        """Remember where the files are.

        Args:
            folder: The store's folder.
            verify: When to hash a file before reading it.
            mmap: Map files into memory instead of reading them.
        """
        self._folder = folder
        self._verify = verify
        self._mmap = mmap
        self._trusted: set[Path] = set()

    def voxels(self, key: str) -> Path:
        """Return the path of a volume's voxels."""
        return self._folder / "volumes" / key[:2] / (key + _VOXELS)

    def mask(self, key: str) -> Path:
        """Return the path of a volume's validity mask."""
        return self._folder / "volumes" / key[:2] / (key + _MASK)

    def label_map(self, name: str, key: str) -> Path:
        """Return the path of a volume's label map in a label set."""
        return self._folder / "label_maps" / name / key[:2] / (key + _VOXELS)

    def write(self, path: Path, content: Content) -> None:
        """Put a file in place, whole or not at all.

        Args:
            path: One of this store's files.
            content: What it shall hold, or a file of the store's inbox that holds it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._trusted.discard(path)
        if isinstance(content, Path):
            put_in_place(content, path, is_read_soon=False)
        else:
            write_bytes(path, content)

    def read_box(self, path: Path, sha256: str, box: Box | None) -> Values:
        """Return a box of a stored array, after its file was checked.

        Args:
            path: One of this store's files.
            sha256: What its content must hash to.
            box: Voxels to read; ``None`` reads all.

        Returns:
            Stored numbers, shape ``(C, X, Y, Z)`` of the box.

        Raises:
            CorruptionError: The file is missing, cut short or changed.
        """
        if self._verify == "always" or (self._verify == "first" and path not in self._trusted):
            if not is_intact(path, sha256):
                raise CorruptionError(_damaged(path))
            self._trusted.add(path)
        try:
            return frames.read_box(path, box, mmap=self._mmap)
        except (RuntimeError, OSError, ValueError):
            raise CorruptionError(_damaged(path)) from None

    def remove(self, paths: Iterable[Path]) -> None:
        """Unlink files, on disk when this returns; what is not there is no error."""
        folders: set[Path] = set()
        for path in paths:
            self._trusted.discard(path)
            path.unlink(missing_ok=True)
            folders.add(path.parent)
        for folder in sorted(folders):
            sync_folder(folder)

    def sweep(self, wanted: set[Path]) -> None:
        """Remove half-written files, files without a row, and what waits in inboxes."""
        remove_inboxes(self._folder)
        for path in list(self._all()):
            if path not in wanted:
                path.unlink(missing_ok=True)

    def _all(self) -> Iterator[Path]:
        for room in ("volumes", "label_maps"):
            yield from (path for path in (self._folder / room).rglob("*") if path.is_file())


def is_intact(path: Path, sha256: str) -> bool:
    """Return whether a file is there and its content hashes to ``sha256``."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _damaged(path: Path) -> str:
    key = path.name.split(".", maxsplit=1)[0]
    return (
        f"The stored bytes of volume {key} are not what was written. Nothing of it was read. "
        f"`medcl store verify` lists every damaged volume; ingest writes a file again once the "
        f"damaged one is removed."
    )
