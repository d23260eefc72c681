"""Making the folder of a new store."""

from pathlib import Path

from medcl.errors import InputError
from medcl.runtime.files import sync_folder
from medcl.store.catalogue import Catalogue
from medcl.store.disk import disk_errors_as_sentences
from medcl.store.rows import require_mark
from medcl.store.writer_lock import WriterLock

CATALOGUE = "catalogue.sqlite"
"""Name of the file that makes a folder a store."""

_BESIDE = CATALOGUE + ".part"


def found_store(folder: Path, *, key_fingerprint: str) -> None:
    """Make an empty store, whole or not at all.

    Args:
        folder: Absent or empty; its parents are made.
        key_fingerprint: Of the secret that makes the keys.

    Raises:
        InputError: The folder is not empty, is a file, or cannot be written to.
    """
    require_mark(key_fingerprint)
    _require_empty(folder)
    with disk_errors_as_sentences():
        folder.mkdir(parents=True, exist_ok=True)
        lock = WriterLock(folder)
        try:
            for left_over in folder.glob(_BESIDE + "*"):
                left_over.unlink()
            Catalogue(folder / _BESIDE).make(key_fingerprint=key_fingerprint)
            (folder / _BESIDE).replace(folder / CATALOGUE)
            sync_folder(folder)
        finally:
            lock.release()


def _require_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError("A store must be a folder; there is a file of its name.")
    present = list(folder.iterdir()) if folder.is_dir() else []
    if any(not path.name.startswith((_BESIDE, "writer.")) for path in present):
        held = "a store already" if (folder / CATALOGUE).exists() else f"{len(present)} entries"
        raise InputError(f"A new store needs an empty folder; this one holds {held}.")
