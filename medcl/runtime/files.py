"""Files that are whole or absent: write beside, fsync, rename, fsync the folder."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a path beside ``target`` to write to, and put it in place once the block ends well.

    On any failure the half-written file is removed and ``target`` stays as it was. A reader sees
    the old file or the new one, never a part; after a power cut too.

    Args:
        target: The file to make or replace. Its folder must exist.

    Yields:
        A path in the same folder.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_path(folder / "note.txt") as path:
        ...     _ = path.write_text("whole")
        >>> (folder / "note.txt").read_text()
        'whole'
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield beside
        put_in_place(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def put_in_place(written: Path, target: Path, *, is_read_soon: bool = True) -> None:
    """Move a file that was written whole to its place, so that a power cut leaves all or nothing.

    Args:
        written: The file; on the file system of ``target``.
        target: Where it belongs; what stands there is replaced.
        is_read_soon: Leave its content in the system's memory. A file that is not gives its pages
            to the next one, so that writing much pushes nothing else out.
    """
    descriptor = os.open(written, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        if not is_read_soon:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    written.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` durable.

    Args:
        folder: An existing folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(target: Path, content: bytes | memoryview) -> None:
    """Write a whole file atomically.

    Args:
        target: The file to make or replace.
        content: What it shall hold.
    """
    with atomic_path(target) as path:
        path.write_bytes(content)


def write_json(target: Path, content: Mapping[str, object] | Sequence[object]) -> None:
    """Write readable JSON atomically; NaN and infinity are refused because JSON has neither.

    Args:
        target: The file to make or replace.
        content: Dictionaries, lists, text, numbers, booleans, ``None``.
    """
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_bytes(target, (text + "\n").encode())
