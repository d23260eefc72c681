"""Who may change a store, and since when: from the first change until the store is closed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from medcl.errors import PrivacyError
from medcl.store.disk import disk_errors_as_sentences
from medcl.store.files import StoreFiles
from medcl.store.inventory import expected_files
from medcl.store.label_sets import LabelSets
from medcl.store.row_cache import RowCache
from medcl.store.writer_lock import WriterLock


class Writer:
    """The right of this process to change one store. Safe to use from any thread."""

    def __init__(
        self,
        folder: Path,
        files: StoreFiles,
        rows: RowCache,
        labels: LabelSets,
        *,
        may_add: bool,
    ) -> None:
        """Take nothing yet.

        Args:
            folder: Of the store.
            files: Its files.
            rows: Its volumes.
            labels: Its label sets.
            may_add: Whether the fingerprint of the secret was at hand when the store was opened.
        """
        self._folder, self._files, self._rows, self._labels = folder, files, rows, labels
        self._may_add = may_add
        self._lock: WriterLock | None = None
        self._guard = threading.RLock()

    @contextmanager
    def writing(self, *, adding: bool = False) -> Iterator[None]:
        """Hold the writer lock from here on; the first time, remove what a killed writer left.

        Args:
            adding: Whether volumes or refusals are going to be added.

        Raises:
            InputError: Another process is writing, or the disk is full.
            PrivacyError: The store was opened without the fingerprint of the secret.
        """
        if adding and not self._may_add:
            raise PrivacyError(
                "To add to a store, open it with the fingerprint of the secret that makes the keys."
            )
        with self._guard, disk_errors_as_sentences():
            if self._lock is None:
                self._lock = WriterLock(self._folder)
                rows = self._rows.all().values()
                expected = expected_files(rows, self._labels, self._files)
                self._files.sweep({one.path for one in expected})
            yield

    def release(self, *, first: Callable[[], None]) -> None:
        """Give the lock back; the next change takes it again.

        Args:
            first: What has to end while the lock is still held.
        """
        with self._guard:
            first()
            if self._lock is not None:
                self._lock.release()
                self._lock = None
