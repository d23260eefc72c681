"""Two folders of one name are not one archive, even where months lie between two calls.

A file without a header is known by the name of the source and its path inside, so that an archive
may move. The store therefore keeps, as keys, from which places sources of a name were ingested; a
store holds no path.
"""

from collections.abc import Sequence
from pathlib import Path

from medcl.errors import InputError
from medcl.ingest.archive_index import ArchiveIndex
from medcl.ingest.identity import Keyring
from medcl.ingest.jobs import Job
from medcl.ingest.lone_files import plan_file
from medcl.ingest.options import IngestOptions
from medcl.store.store import Store


def note_places(
    sources: Sequence[Path],
    store: Store,
    index: ArchiveIndex,
    keyring: Keyring,
    options: IngestOptions,
) -> None:
    """Write down where the sources lie, unless one only bears the name of another archive.

    Args:
        sources: Folders or files.
        store: Opened for writing.
        index: Of the archive, every file noted.
        keyring: The site's keys.
        options: What the site decided.

    Raises:
        InputError: A source bears the name of one from another place, files of both would have
            one key, and none of these is as it was when it was stored.
    """
    for number, source in enumerate(sources, start=1):
        name, place = keyring.source_keys(source.resolve())
        places = store.source_places(name)
        if place in places:
            continue
        changed = _num_changed(source.resolve(), store, index, keyring, options) if places else 0
        if changed:
            raise InputError(
                f"Source {number} of {len(sources)} bears the name of one that was ingested from "
                f"another place, and {changed} of its files the names of files there, with other "
                f"content or times. They would be taken for the same files. If it is another "
                f"archive, name the folder above it or give it another name. If it is the same one "
                f"that moved, keep the times of its files (cp -p) and the options of before."
            )
        store.add_source_place(name, place)


def require_ingested_place(source: Path, store: Store, keyring: Keyring) -> None:
    """Refuse a folder that only bears the name of one that was ingested.

    Args:
        source: Folder that labels name files of.
        store: That holds the files.
        keyring: The site's keys.

    Raises:
        InputError: What was ingested under that name lay elsewhere.
    """
    name, place = keyring.source_keys(source.resolve())
    places = store.source_places(name)
    if places and place not in places:
        raise InputError(
            "The folder of --source must be one that was ingested; one of its name was, from "
            "another place, and its volumes would get these labels. If the archive moved, ingest "
            "it once from where it is now: nothing is stored twice."
        )


def _num_changed(
    source: Path, store: Store, index: ArchiveIndex, keyring: Keyring, options: IngestOptions
) -> int:
    """Return how many files are stored in another state; 0 if any is stored in the same one."""
    held = {row.key: row.fingerprint for row in store.rows()}
    changed = 0
    for found, facts in index.lone_files():
        if not found.path.is_relative_to(source):
            continue
        jobs = plan_file(found, facts, keyring, options, metadata_in=index.metadata_in)
        for job in jobs:
            states = {held[key] for key in job.keys if key in held} if isinstance(job, Job) else ()
            if job.fingerprint in states:
                return 0
            changed += job.num_files if states else 0
    return changed
