"""`medcl ingest`: archive folders → volume store, every file accounted for.

This process finds files, plans, and writes the store; it opens no file of the archive itself. See
`medcl.stages.reading` for the processes that do.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from medcl.errors import MedclError
from medcl.fanout.executors import executor
from medcl.ingest import archive
from medcl.ingest.archive_index import ArchiveIndex
from medcl.ingest.discovery import FoundFile, require_sources
from medcl.ingest.identity import Keyring
from medcl.ingest.jobs import Job, refused_job
from medcl.ingest.options import IngestOptions
from medcl.ingest.outcome import Refused
from medcl.io.refusal import ReasonCode
from medcl.runtime.confinement import ChildLimits
from medcl.runtime.private_folders import remove_abandoned
from medcl.stages.ingest_tally import Tally, notes
from medcl.stages.progress import ProgressSink
from medcl.stages.reader_processes import warm_up
from medcl.stages.reading import (
    Ready,
    Task,
    inspected,
    inspection,
    packed,
    reading,
    run_task,
)
from medcl.stages.source_places import note_places
from medcl.stages.store import accounting
from medcl.stages.summary import StageSummary, Written
from medcl.store.refusals import FORGOTTEN_DETAIL
from medcl.store.store import Store

T = TypeVar("T")

_WAITING_PER_WORKER = 2
"""Tasks handed out ahead: enough to keep workers busy, few enough to bound memory."""

_FILES_PER_TASK = 256
_REFUSALS_PER_WRITE = 500


def run(
    sources: Sequence[Path],
    *,
    store: Path,
    key_file: Path,
    progress: ProgressSink,
    options: IngestOptions | None = None,
    limits: ChildLimits | None = None,
    workers: int = 1,
    scheduler: str | None = None,
) -> StageSummary:
    """Bring archive folders into a store; what is there already is left alone.

    Args:
        sources: Folders or files.
        store: Folder of the store, made if absent.
        key_file: The site's secret.
        progress: Shows how far it is.
        options: What the site decided; the defaults refuse whatever is doubtful.
        limits: Of each reading process, per file or series.
        workers: Reading processes.
        scheduler: Address of a Dask scheduler whose workers read instead.

    Returns:
        The accounting.

    Raises:
        InputError: A source does not exist, there is no file below the sources, or a source only
            bears the name of one that was ingested from elsewhere.
        RequestError: The program that removes faces is not there.
        MedclError: A file of the archive would be left without an outcome.
    """
    keyring = Keyring.from_file(key_file)
    # Before a store is made that a misspelt source would leave empty.
    require_sources(sources)
    options, limits = options or IngestOptions(), limits or ChildLimits()
    # The workers of a scheduler may have programs that this machine lacks.
    if options.defacing is not None and scheduler is None:
        options.defacing.require_program()
    if scheduler is None:
        warm_up(limits, count=workers)
    tally = Tally()
    with (
        # Threads suffice here: each only waits for a reading process. While they read, this one
        # writes. Several are a Dask cluster of this process, so that one machine and many run the
        # same code.
        executor(scheduler or "threads", workers=workers) as pool,
        ArchiveIndex() as index,
        Store.open_or_create(store, key_fingerprint=keyring.fingerprint) as opened,
    ):
        hands = _Hands(pool, workers, limits)
        opened.claim()
        # A run that was killed in the midst of removing a face cannot have tidied up.
        remove_abandoned()
        with progress.task("Finding", unit="files") as advance:
            archive.find(sources, index, besides=store, on_found=advance)
        refusals = _Refusals(opened, tally)
        refusals.take(archive.unopened(index, keyring))
        _survey(index, keyring, hands, refusals, progress)
        note_places(sources, opened, index, keyring, options)
        _settle(index, keyring, options, hands, opened, refusals, progress)
        _require_accounted(index.num_files, tally)
        counts, volumes = opened.counts(), len(opened.rows())
        num_files = index.num_files
    return StageSummary(
        stage="ingest",
        figures={
            "files_found": num_files,
            "files_discovered": counts.discovered.files,
            "files_accepted": counts.accepted.files,
            "files_refused": counts.refused.files,
            "volumes": volumes,
            "settled_before": tally.before,
            "files_without_patient": tally.unnamed,
        },
        tables=[accounting(counts)],
        notes=list(notes(tally, counts, has_pattern=bool(options.patient_pattern))),
        written=[Written("store", store)],
        next_command=f"medcl store show {store}",
    )


@dataclass(frozen=True, slots=True)
class _Hands:
    """Who does the reading."""

    pool: Executor
    workers: int
    limits: ChildLimits

    def work(self, asked: Iterable[T], task_of: Callable[[T], Task]) -> Iterator[tuple[T, bytes]]:
        """Yield each question with its answer, in order, with few of them in memory at once."""
        waiting: deque[tuple[T, Future[bytes]]] = deque()
        for one in asked:
            waiting.append((one, self.pool.submit(run_task, task_of(one))))
            if len(waiting) >= _WAITING_PER_WORKER * self.workers:
                yield _answered(waiting.popleft())
        while waiting:
            yield _answered(waiting.popleft())


def _answered(pair: tuple[T, "Future[bytes]"]) -> tuple[T, bytes]:
    return pair[0], pair[1].result()


class _Refusals:
    """Writes refusals, many in one transaction, unless the store knows them."""

    def __init__(self, store: Store, tally: Tally) -> None:
        self._store, self.tally = store, tally
        self._waiting: list[Refused] = []

    def take(self, refused: Iterable[Refused]) -> None:
        """Count refusals and write them now or later."""
        for one in refused:
            self.tally.count_refused(one)
            if self._store.is_done(one.key, one.fingerprint):
                self.tally.before += 1
                continue
            self._waiting.append(one)
            if len(self._waiting) >= _REFUSALS_PER_WRITE:
                self.write()

    def write(self) -> None:
        """Write what waits."""
        if self._waiting:
            self._store.refuse(*self._waiting)
            self._waiting = []


def _survey(
    index: ArchiveIndex,
    keyring: Keyring,
    hands: _Hands,
    refusals: _Refusals,
    progress: ProgressSink,
) -> None:
    """Look into every file."""
    batches = _batches((found for found in index.files() if found.refusal is None), _FILES_PER_TASK)
    with progress.task("Surveying", total=index.num_files, unit="files") as advance:
        advance(refusals.tally.accounted)
        for batch, answer in hands.work(
            batches, lambda batch: inspection([found.path for found in batch], hands.limits)
        ):
            for found, facts in zip(batch, inspected(answer), strict=True):
                refused = archive.note(found, facts, index, keyring)
                refusals.take([] if refused is None else [refused])
            advance(len(batch), refused=refusals.tally.refused)
    refusals.write()


def _batches(found: Iterable[FoundFile], size: int) -> Iterator[list[FoundFile]]:
    remaining = iter(found)
    while batch := list(islice(remaining, size)):
        yield batch


def _settle(
    index: ArchiveIndex,
    keyring: Keyring,
    options: IngestOptions,
    hands: _Hands,
    store: Store,
    refusals: _Refusals,
    progress: ProgressSink,
) -> None:
    """Write every outcome that is not in the store yet."""
    tally = refusals.tally
    with progress.task("Reading", total=index.num_files - tally.accounted, unit="files") as advance:

        def left() -> Iterator[Job]:
            for planned in archive.plan(index, keyring, options):
                if isinstance(planned, Refused):
                    refusals.take([planned])
                    advance(planned.num_files, refused=tally.refused)
                    continue
                if all(map(store.is_forgotten, planned.patient_keys)):
                    # Not even read: nobody looks into the scans of who withdrew.
                    kept_out = refused_job(planned, ReasonCode.FORGOTTEN, FORGOTTEN_DETAIL)
                    refusals.take([kept_out])
                    advance(planned.num_files, refused=tally.refused)
                    continue
                tally.count_job(planned)
                if all(store.is_done(key, planned.fingerprint) for key in planned.keys):
                    tally.before += 1
                    advance(planned.num_files)
                else:
                    yield planned

        with store.inbox() as inbox:
            for job, answer in hands.work(left(), lambda job: reading(job, hands.limits, inbox)):
                for outcome in packed(answer, job, inbox):
                    _keep(outcome, store, tally)
                advance(job.num_files, refused=tally.refused)
    refusals.write()


def _keep(outcome: Ready, store: Store, tally: Tally) -> None:
    if isinstance(outcome, Refused):
        store.refuse(outcome)
        tally.refused += 1
    else:
        store.add_packed(outcome)


def _require_accounted(num_files: int, tally: Tally) -> None:
    if tally.accounted != num_files:
        raise MedclError(
            f"Every file must be accepted or refused; {num_files} were found and "
            f"{tally.accounted} accounted for. This is a fault of medcl."
        )
