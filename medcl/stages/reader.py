"""The program of a reading process: `python -m medcl.stages.reader`, run confined.

It looks into files, reads jobs and packs what it read; see `medcl.stages.reading` for who asks.
pydicom and nibabel take as long to load as everything else together. They are loaded when the first
file comes that is no plain DICOM file, by the guard, so that every later child has them.
"""

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from medcl.ingest.file_facts import FileFacts
from medcl.ingest.inspection import inspect_file, plain_facts
from medcl.ingest.outcome import Refused
from medcl.ingest.reading import is_plain, read_job
from medcl.ingest.wire import facts_to_json, job_from_json
from medcl.io.quiet import quiet
from medcl.runtime.guard import NotPreparedError, run_guard
from medcl.runtime.pipes import Content
from medcl.store.columns import cells_of
from medcl.store.inbox import Inbox
from medcl.store.packing import pack

_READERS = (
    "medcl.ingest.face_removal",
    "medcl.io.dicom.decoding",
    "medcl.io.dicom.enhanced",
    "medcl.io.dicom.pet_units",
    "medcl.io.images.medmnist",
    "medcl.io.images.nifti_file",
)
"""Modules that are imported where they are used, and take long to load."""


def serve(request: bytes) -> list[Content]:
    """Answer a request.

    Args:
        request: As `medcl.stages.reading` puts it.

    Returns:
        Facts, or outcomes and what was packed, in pieces; bad files never raise.
    """
    # Per request, because what is loaded in between would not be silenced.
    with quiet():
        return _answer(json.loads(request))


def _answer(asked: dict[str, Any]) -> list[Content]:
    if "inspect" in asked:
        facts = _inspected([Path(path) for path in asked["inspect"]])
        return [json.dumps([facts_to_json(one) for one in facts]).encode()]
    heads: list[dict[str, object]] = []
    buffers: list[Content] = []
    within = Path(asked["within"]) if "within" in asked else None
    inbox = _inbox(asked)
    job = job_from_json(asked["read"])
    _require_loaded(_is_loaded() or is_plain(job))
    for outcome in read_job(job, within=within):
        if isinstance(outcome, Refused):
            heads.append({"code": outcome.code, "detail": outcome.detail})
            continue
        ready = pack(outcome, beside=_beside() if asked.get("threads", 1) > 1 else None)
        label = None if ready.label is None else ready.label.value
        head: dict[str, object] = {"row": cells_of(ready.row), "label": label}
        head["parts"] = [
            _left(content, inbox, buffers)
            for content in (ready.voxels, ready.mask)
            if content is not None
        ]
        heads.append(head)
    return [json.dumps(heads).encode(), b"\n", *buffers]


def _inbox(asked: dict[str, Any]) -> Inbox | None:
    named = asked.get("inbox")
    return None if named is None else Inbox(Path(named["folder"]), named["mode"])


def _left(
    content: Content | Path, inbox: Inbox | None, buffers: list[Content]
) -> dict[str, object]:
    """Leave a file in the inbox, or its bytes among those that are sent.

    Returns:
        How long it is, and its name in the inbox.
    """
    assert not isinstance(content, Path), "what was just packed is bytes"
    name = None if inbox is None else inbox.leave(content)
    if name is not None:
        return {"bytes": len(content), "left": name}
    buffers.append(content)
    return {"bytes": len(content)}


@cache
def _beside() -> Executor:
    """Return a thread of this process; made after it was forked, since threads are not."""
    return ThreadPoolExecutor(1)


def load() -> None:
    """Load the readers that an archive of plain DICOM files does not need."""
    for name in _READERS:
        import_module(name)


def _inspected(paths: Sequence[Path]) -> list[FileFacts]:
    if _is_loaded():
        return [inspect_file(path) for path in paths]
    try:
        found = [plain_facts(path) for path in paths]
    except OSError:
        found = [None]
    _require_loaded(None not in found)
    return [facts for facts in found if facts is not None]


def _is_loaded() -> bool:
    return all(name in sys.modules for name in _READERS)


def _require_loaded(is_enough: bool) -> None:
    """Ask for a process with all readers, unless this one will do.

    Raises:
        NotPreparedError: It will not.
    """
    if not is_enough:
        raise NotPreparedError


if __name__ == "__main__":
    os.umask(0o077)
    with quiet():
        # Before the first child is forked, which cannot do without it.
        import_module("blosc2")
        run_guard(serve, sys.argv[1:], prepare=load)
