"""Walk an archive: links are seen but never followed, and nothing piles up in memory."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medcl.errors import InputError
from medcl.io.refusal import ReasonCode


@dataclass(frozen=True, slots=True, repr=False)
class FoundFile:
    """One entry of an archive; its path may bear a name and is never printed.

    Attributes:
        path: Absolute path.
        relative: Name of the source folder and the path inside it: equal wherever the archive is
            mounted.
        size: Bytes.
        mtime_ns: Time of the last change, ns.
        refusal: Why the entry cannot be opened, or ``None``.
    """

    path: Path
    relative: str
    size: int
    mtime_ns: int
    refusal: ReasonCode | None = None

    @property
    def folder(self) -> str:
        """The relative path without the file name."""
        return self.relative.rpartition("/")[0]


def require_sources(sources: Sequence[Path]) -> None:
    """Refuse sources that are not there.

    Args:
        sources: Folders or files.

    Raises:
        InputError: A source does not exist.
    """
    for number, source in enumerate(sources, start=1):
        if not source.exists():
            raise InputError(f"Source {number} of {len(sources)} does not exist.")


def discover(sources: Sequence[Path], *, besides: Path | None = None) -> Iterator[FoundFile]:
    """Yield every file below the sources as the disk lists them.

    Folders are entered, symbolic links and special files are not opened, and a folder that cannot
    be read counts as one refused entry. A file below two sources is found twice.

    Args:
        sources: Folders or files.
        besides: A folder that is not entered: the store, where it lies in a source.

    Yields:
        Entries.

    Raises:
        InputError: A source does not exist.
    """
    require_sources(sources)
    left_out = None if besides is None else besides.resolve()
    for source in sources:
        root = source.resolve()
        if root.is_dir():
            yield from _walk(root, root.name, left_out)
        else:
            yield _entry(root, root.name)


def _walk(root: Path, name: str, left_out: Path | None) -> Iterator[FoundFile]:
    pending = [(root, name)]
    while pending:
        folder, relative = pending.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    below = f"{relative}/{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        if Path(entry.path) != left_out:
                            pending.append((Path(entry.path), below))
                    else:
                        yield _entry(Path(entry.path), below)
        except OSError:
            yield FoundFile(folder, relative, 0, 0, ReasonCode.UNREADABLE)


def _entry(path: Path, relative: str) -> FoundFile:
    try:
        status = path.lstat()
    except OSError:
        return FoundFile(path, relative, 0, 0, ReasonCode.UNREADABLE)
    refusal = None if stat.S_ISREG(status.st_mode) else ReasonCode.LINK_NOT_FOLLOWED
    return FoundFile(path, relative, status.st_size, status.st_mtime_ns, refusal)
