"""An archive, step by step: find its files, look into each, plan the reading.

```
find ──▶ ArchiveIndex ──▶ inspect (reading processes) ──▶ ArchiveIndex ──▶ plan ──▶ jobs, refusals
```

Every file ends in exactly one outcome, and nothing here holds more than one series in memory.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from medcl.errors import InputError
from medcl.ingest.archive_index import ArchiveIndex
from medcl.ingest.discovery import FoundFile, discover
from medcl.ingest.file_facts import FileFacts
from medcl.ingest.identity import Keyring
from medcl.ingest.jobs import Job
from medcl.ingest.lone_files import plan_file, refused_file, unopened_file
from medcl.ingest.options import IngestOptions
from medcl.ingest.outcome import Refused
from medcl.ingest.series_plan import plan_series


def find(
    sources: Sequence[Path],
    index: ArchiveIndex,
    *,
    besides: Path | None = None,
    on_found: Callable[[], None] | None = None,
) -> None:
    """Put every file below the sources into the index.

    Args:
        sources: Folders or files; links in them are not followed.
        index: Empty.
        besides: A folder that is no part of the archive: the store, where it lies in a source.
        on_found: Called for each new file.

    Raises:
        InputError: A source is missing or there is no file below the sources.
    """
    for found in discover(sources, besides=besides):
        if index.add_file(found) and on_found is not None:
            on_found()
    if not index.num_files:
        raise InputError(f"No file was found below {len(sources)} sources.")


def note(
    found: FoundFile, facts: FileFacts, index: ArchiveIndex, keyring: Keyring
) -> Refused | None:
    """Put what was found in one file into the index.

    Args:
        found: The file.
        facts: What `medcl.ingest.inspection.inspect_file` says of it.
        index: Of the archive.
        keyring: The site's keys.

    Returns:
        The refusal, where the file is turned away at once.
    """
    if facts.kind == "metadata":
        index.add_metadata(found, facts.modality)
    if facts.kind in {"metadata", "refused"}:
        return refused_file(found, keyring, facts)
    if facts.kind == "dicom":
        index.add_headers(found, facts.headers)
    else:
        index.add_lone(found, facts)
    return None


def unopened(index: ArchiveIndex, keyring: Keyring) -> Iterator[Refused]:
    """Yield the refusals of entries that cannot be opened."""
    for found in index.files():
        if found.refusal is not None:
            yield unopened_file(found, keyring)


def plan(index: ArchiveIndex, keyring: Keyring, options: IngestOptions) -> Iterator[Job | Refused]:
    """Yield the work that gives the volumes, and what is refused without reading pixels.

    Args:
        index: Of the archive, every file noted.
        keyring: The site's keys.
        options: What the site decided; defaults refuse whatever is doubtful.

    Yields:
        Jobs and refusals, in an order that does not depend on the disk.

    Raises:
        InputError: Files that are volumes by themselves bear the same folder and name below two
            sources; they would have one key, and labels could not tell them apart.
    """
    if alike := index.num_alike():
        raise InputError(
            f"Files without a header are known by the folder they are in and their name, and "
            f"{alike} share both with one of another source. Name the folder above the sources, or "
            f"give the sources different names."
        )
    for found, facts in index.lone_files():
        yield from plan_file(found, facts, keyring, options, metadata_in=index.metadata_in)
    for planes in index.series():
        yield from plan_series(planes, keyring, options)
