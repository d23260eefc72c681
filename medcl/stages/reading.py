"""Requests to the processes that read hostile files, and their answers, as bytes.

```
coordinator ──executor──▶ a thread, or a process ──pipe──▶ `medcl.stages.reader` under limits
```

`run_task` runs where the executor puts it (a thread here, a Dask worker elsewhere) and passes bytes
on to a confined process of its own; only that one parses, decodes and compresses. A file that
kills it costs one outcome, with LIMIT_EXCEEDED. What `run_task` runs in also owns the folder in
which a program removes faces, so that no head is left there when the reading process is killed.
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medcl.ingest.file_facts import FileFacts
from medcl.ingest.jobs import Job, refused_job
from medcl.ingest.outcome import Refused
from medcl.ingest.wire import facts_from_json, facts_to_json, job_to_json
from medcl.io.refusal import ReasonCode
from medcl.runtime.confinement import ChildDied, ChildLimits
from medcl.runtime.private_folders import private_folder
from medcl.stages.reader_processes import lent
from medcl.store.columns import row_of
from medcl.store.files import Content
from medcl.store.inbox import Inbox
from medcl.store.packing import Packed, checked_technical
from medcl.store.rows import LabelRow

Ready = Packed | Refused


@dataclass(frozen=True, slots=True)
class Task:
    """A request on its way to a reading process.

    Attributes:
        request: What it is asked.
        limits: What it may use.
        is_private: Whether it needs a folder for files that nobody else may see.
    """

    request: bytes
    limits: ChildLimits
    is_private: bool = False


def inspection(paths: Sequence[Path], limits: ChildLimits) -> Task:
    """Return the request to look into files."""
    return Task(json.dumps({"inspect": [str(path) for path in paths]}).encode(), limits)


def reading(job: Job, limits: ChildLimits, inbox: Inbox | None = None) -> Task:
    """Return the request to read a job.

    Args:
        job: What to read.
        limits: What the reading process may use.
        inbox: Where it leaves what it packed, if it finds that folder; else it sends the bytes.

    Returns:
        The request.
    """
    request: dict[str, object] = {"read": job_to_json(job), "threads": limits.threads}
    if inbox is not None:
        request["inbox"] = {"folder": str(inbox.folder), "mode": inbox.mode}
    return Task(json.dumps(request).encode(), limits, is_private=job.defacing is not None)


def run_task(task: Task) -> bytes:
    """Pass a request on to this process's reading process; runs in workers.

    Returns:
        The answer. Where the reading process died it says so for each file that killed it.
    """
    if not task.is_private:
        return _asked(task)
    with ExitStack() as held:
        try:
            folder = held.enter_context(private_folder())
        except OSError:
            return _refusal(ReasonCode.DEFACING_FAILED, "No private folder can be made for it.")
        request = json.loads(task.request) | {"within": str(folder)}
        return _asked(Task(json.dumps(request).encode(), task.limits))


def _asked(task: Task) -> bytes:
    try:
        with lent(task.limits) as reader:
            return reader.ask(task.request)
    except ChildDied as died:
        paths = json.loads(task.request).get("inspect", [])
        if len(paths) > 1:
            parts = (run_task(inspection([Path(path)], task.limits)) for path in paths)
            return b"[" + b",".join(part.strip()[1:-1] for part in parts) + b"]"
        return _death(died.reason, is_inspection=bool(paths))


def inspected(answer: bytes) -> list[FileFacts]:
    """Return what a reading process found in files."""
    return [facts_from_json(text) for text in json.loads(answer)]


def packed(answer: bytes, job: Job, inbox: Inbox | None = None) -> list[Ready]:
    """Return what a reading process made of a job.

    Args:
        answer: Of `run_task`.
        job: What was asked; keys and counts are taken from it, whatever the answer says.
        inbox: That was named with the job.

    Returns:
        One outcome per volume; where an inbox took what was packed, with paths instead of bytes.

    Raises:
        InputError: What is said to be in the inbox is not there.
    """
    end = answer.index(b"\n")
    # Cut without copying: an answer is as large as what it holds.
    buffers = memoryview(answer)[end + 1 :]
    outcomes: list[Ready] = []
    for number, found in enumerate(json.loads(answer[:end])):
        if "code" in found:
            outcomes.append(refused_job(job, ReasonCode(found["code"]), str(found["detail"])))
            continue
        contents: list[Content] = []
        for part in found["parts"]:
            if inbox is not None and "left" in part:
                contents.append(inbox.found(part["left"], part["bytes"]))
            else:
                contents.append(buffers[: part["bytes"]])
                buffers = buffers[part["bytes"] :]
        voxels, *masks = contents
        outcomes.append(_packed(found, voxels, masks[0] if masks else None, job, number))
    return outcomes


def _packed(
    found: dict[str, Any], voxels: Content, mask: Content | None, job: Job, number: int
) -> Packed:
    row, label = row_of(found["row"]), found["label"]
    return Packed(
        row=replace(
            row,
            key=job.keys[number],
            patient_key=job.patient_keys[number],
            study_key=job.study_key,
            series_key=job.series_key,
            frame_key=job.frame_key,
            technical=checked_technical(row.technical),
            num_files=job.num_files if number == 0 else 0,
            fingerprint=job.fingerprint,
        ),
        voxels=voxels,
        mask=mask,
        label_set=None if label is None else job.label_set,
        label=None if label is None else LabelRow(job.keys[number], int(label), job.split),
    )


def _death(reason: str, *, is_inspection: bool) -> bytes:
    detail = f"The reading process was stopped: {reason}."
    if is_inspection:
        facts = FileFacts(kind="refused", code=ReasonCode.LIMIT_EXCEEDED, detail=detail)
        return json.dumps([facts_to_json(facts)]).encode()
    return _refusal(ReasonCode.LIMIT_EXCEEDED, detail)


def _refusal(code: ReasonCode, detail: str) -> bytes:
    return json.dumps([{"code": code, "detail": detail}]).encode() + b"\n"
