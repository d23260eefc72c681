"""`medcl ingest`: archive folders → volume store, every file accounted for."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

from medcl.errors import MedclError
from medcl.fanout.executors import executor
from medcl.ingest.archive import IngestOptions, Job, Survey, read_job, survey
from medcl.ingest.identity import Keyring
from medcl.ingest.outcome import Refused
from medcl.stages.progress import ProgressSink
from medcl.stages.store import accounting
from medcl.stages.summary import StageSummary, Written
from medcl.store.packing import Packed, pack
from medcl.store.store import Store
from medcl.volume import Modality

Ready = Packed | Refused

_WAITING_PER_WORKER = 2
"""Jobs handed out ahead: enough to keep workers busy, few enough to bound memory."""


def run(
    sources: Sequence[Path],
    *,
    store: Path,
    key_file: Path,
    progress: ProgressSink,
    modality: Modality = "MR",
    patient_pattern: str | None = None,
    workers: int = 1,
    scheduler: str | None = None,
) -> StageSummary:
    """Bring archive folders into a store; what is there already is left alone.

    Args:
        sources: Folders or files.
        store: Folder of the store, made if absent.
        key_file: The site's secret.
        progress: Shows how far it is.
        modality: Of files without a header that says it (NIfTI).
        patient_pattern: Regular expression that finds the patient in the path of such a file.
        workers: Processes that read; 1 reads in this process.
        scheduler: Address of a Dask scheduler whose workers read instead.

    Returns:
        The accounting.

    Raises:
        MedclError: A file of the archive would be left without an outcome.
    """
    keyring = Keyring.from_file(key_file)
    options = IngestOptions(nifti_modality=modality, patient_pattern=patient_pattern)
    where = scheduler or ("local" if workers > 1 else "serial")
    with executor(where, workers=workers) as pool:
        with progress.task("Surveying", unit="files") as advance:
            found = survey(
                sources,
                keyring,
                options=options,
                mapper=map if where == "serial" else pool.map,
                progress=lambda _done: advance(),
            )
        with Store.open_or_create(store, key_fingerprint=keyring.fingerprint) as opened:
            done_before = _settle(found, opened, keyring, pool, workers, progress)
            _require_accounted(found)
            counts, volumes = opened.counts(), len(opened.rows())
    return StageSummary(
        stage="ingest",
        figures={
            "files_found": found.num_files,
            "files_discovered": counts.discovered.files,
            "files_accepted": counts.accepted.files,
            "files_refused": counts.refused.files,
            "volumes": volumes,
            "settled_before": done_before,
        },
        tables=[accounting(counts)],
        notes=[f"{done_before} series were settled before and left alone."] if done_before else [],
        written=[Written("store", store)],
        next_command=f"medcl store show {store}",
    )


def read_and_pack(job: Job, keyring: Keyring) -> list[Ready]:
    """Read a job's volumes and make them ready for the store; runs in workers.

    Args:
        job: Piece of work from a survey.
        keyring: The site's keys.

    Returns:
        One outcome per volume.
    """
    return [
        outcome if isinstance(outcome, Refused) else pack(outcome)
        for outcome in read_job(job, keyring)
    ]


def _settle(
    found: Survey,
    store: Store,
    keyring: Keyring,
    pool: Executor,
    workers: int,
    progress: ProgressSink,
) -> int:
    """Write every outcome that is not in the store yet.

    Returns:
        Number of jobs and refusals that the store knew already.
    """
    refused = [one for one in found.refused if not store.is_done(one.key, one.fingerprint)]
    jobs = [
        job
        for job in found.jobs
        if not all(store.is_done(key, job.fingerprint) for key in job.keys)
    ]
    if refused:
        store.refuse(*refused)
    total = sum(len(job.keys) for job in jobs)
    num_refused = len(found.refused)
    with progress.task("Reading", total=total, unit="series") as advance:
        for outcomes in _read(jobs, keyring, pool, workers):
            for outcome in outcomes:
                if isinstance(outcome, Refused):
                    store.refuse(outcome)
                    num_refused += 1
                else:
                    store.add_packed(outcome)
                advance(1, refused=num_refused)
    return len(found.refused) - len(refused) + len(found.jobs) - len(jobs)


def _read(
    jobs: Sequence[Job], keyring: Keyring, pool: Executor, workers: int
) -> Iterator[list[Ready]]:
    """Yield outcomes in the order of jobs, with few of them in memory at once."""
    waiting: deque[Future[list[Ready]]] = deque()
    for job in jobs:
        waiting.append(pool.submit(read_and_pack, job, keyring))
        if len(waiting) >= _WAITING_PER_WORKER * workers:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _require_accounted(found: Survey) -> None:
    accounted = sum(job.num_files for job in found.jobs)
    accounted += sum(one.num_files for one in found.refused)
    if accounted != found.num_files:
        raise MedclError(
            f"Every file must be accepted or refused; {found.num_files} were found and "
            f"{accounted} accounted for. This is a fault of medcl."
        )
