"""A folder of the store where reading processes leave what they packed, for the writer to take.

The one writer would else move every byte twice, through a pipe and into a file, and be the limit
of how many processes can read. A file left here is only renamed. A process that does not find the
folder, since it runs on a machine without it, or cannot write there, sends the bytes instead.
"""

import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from medcl.errors import InputError
from medcl.store.founding import CATALOGUE

ROOM = "incoming"
"""Where inboxes lie in a store."""

_NAME = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class Inbox:
    """A folder of one run, whose name nobody else has: who finds it is on the same file system.

    Attributes:
        folder: Where it is.
        mode: Of the files in it, as the store's others have.

    Example:
        >>> import tempfile
        >>> inbox = Inbox(Path(tempfile.mkdtemp()), 0o600)
        >>> name = inbox.leave(b"voxels")
        >>> inbox.found(name, 6).read_bytes()
        b'voxels'
    """

    folder: Path
    mode: int

    def leave(self, content: bytes | memoryview) -> str | None:
        """Write a file; for reading processes.

        Args:
            content: What it shall hold.

        Returns:
            Its name; ``None`` where it cannot be written, and then nothing is left behind.
        """
        name = secrets.token_hex(16)
        path = self.folder / name
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            return None
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                left = memoryview(content)
                while left:
                    left = left[file.write(left) :]
                os.fchmod(descriptor, self.mode)
        except OSError:
            with suppress(OSError):
                path.unlink()
            return None
        return name

    def found(self, name: str, num_bytes: int) -> Path:
        """Return the path of a file that was left here; for the writer.

        Args:
            name: That `leave` returned, in another process.
            num_bytes: Of the file.

        Returns:
            A plain file in this folder.

        Raises:
            InputError: There is none of this name and length.
        """
        path = self.folder / name
        try:
            is_there = path.is_file() and not path.is_symlink()
            if _NAME.match(name) and is_there and path.stat().st_size == num_bytes:
                return path
        except OSError:
            pass
        raise InputError(
            f"A reading process must leave what it packed in the folder {ROOM!r} of the store; a "
            f"file of {num_bytes:,} bytes is not there. Nothing else may change that folder."
        )


def make_inbox(store: Path) -> Inbox:
    """Make an inbox for one run of its writer.

    Args:
        store: Folder of the store; its catalogue says what mode files have.

    Returns:
        The inbox.

    Raises:
        OSError: The disk is full, or the store is for reading only.
    """
    folder = store.resolve() / ROOM / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return Inbox(folder, (store / CATALOGUE).stat().st_mode & 0o666)


def remove_inboxes(store: Path) -> None:
    """Remove every inbox of a store and what was not taken; only its writer may."""
    shutil.rmtree(store / ROOM, ignore_errors=True)
