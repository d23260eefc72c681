"""An archive taken in from end to end in one process."""

from dataclasses import dataclass
from pathlib import Path

from medcl.ingest import archive
from medcl.ingest.archive_index import ArchiveIndex
from medcl.ingest.identity import Keyring
from medcl.ingest.inspection import inspect_file
from medcl.ingest.jobs import Job
from medcl.ingest.options import IngestOptions
from medcl.ingest.outcome import Outcome, Refused
from medcl.ingest.reading import read_job
from medcl.ingest.wire import facts_from_json, facts_to_json, job_from_json, job_to_json


@dataclass(frozen=True)
class Planned:
    """What the plan of an archive says."""

    jobs: list[Job]
    refused: list[Refused]
    num_files: int


def survey(sources: list[Path], keyring: Keyring, **options: object) -> Planned:
    """Find, inspect, plan; everything that crosses to another process goes through JSON."""
    with ArchiveIndex() as index:
        archive.find(sources, index)
        refused = list(archive.unopened(index, keyring))
        for found in index.files():
            if found.refusal is None:
                facts = facts_from_json(facts_to_json(inspect_file(found.path)))
                refusal = archive.note(found, facts, index, keyring)
                refused += [] if refusal is None else [refusal]
        planned = list(archive.plan(index, keyring, IngestOptions(**options)))  # type: ignore[arg-type]
        num_files = index.num_files
    jobs = [one for one in planned if isinstance(one, Job)]
    refused += [one for one in planned if isinstance(one, Refused)]
    return Planned(jobs, refused, num_files)


def outcomes(found: Planned) -> list[Outcome]:
    """Read every job."""
    read = [one for job in found.jobs for one in read_job(job_from_json(job_to_json(job)))]
    return [*found.refused, *read]


def ingest(source: Path, keyring: Keyring, **options: object) -> list[Outcome]:
    """Return every outcome, after checking that all files are accounted for."""
    found = survey([source], keyring, **options)
    results = outcomes(found)
    assert sum(outcome.num_files for outcome in results) == found.num_files
    assert len({outcome.key for outcome in results}) == len(results)
    return results
