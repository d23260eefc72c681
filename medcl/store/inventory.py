"""What a store must hold: every file that has a row, and the sum of all of them."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from medcl.store.files import StoreFiles
from medcl.store.label_sets import LabelSets
from medcl.store.refusals import tally
from medcl.store.rows import Counts, RefusalRow, Tally, VolumeRow


class ExpectedFile(NamedTuple):
    """A file that has a row: the volume it belongs to, where it is, what it hashes to."""

    key: str
    path: Path
    sha256: str


def files_of(row: VolumeRow, files: StoreFiles) -> Iterator[ExpectedFile]:
    """Yield the files of one volume."""
    yield ExpectedFile(row.key, files.voxels(row.key), row.sha256)
    if row.mask_sha256 is not None:
        yield ExpectedFile(row.key, files.mask(row.key), row.mask_sha256)


def expected_files(
    rows: Iterable[VolumeRow], labels: LabelSets, files: StoreFiles
) -> Iterator[ExpectedFile]:
    """Yield the files of all volumes and of all label maps."""
    for row in rows:
        yield from files_of(row, files)
    for found in labels.names():
        if found.kind == "map":
            for one in labels.maps(found.name):
                yield ExpectedFile(one.key, files.label_map(found.name, one.key), one.sha256)


def count(rows: Iterable[VolumeRow], refused: Iterable[RefusalRow]) -> Counts:
    """Return what became of every discovered series and file."""
    num_files = [row.num_files for row in rows]
    return Counts(Tally(len(num_files), sum(num_files)), tally(refused))


def digest(rows: Iterable[VolumeRow]) -> str:
    """Return a SHA-256 over key, file hash and content hash of all rows, sorted by key.

    Example:
        >>> digest([])[:8]
        'e3b0c442'
    """
    lines = sorted(f"{row.key} {row.sha256} {row.content_sha256}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
