"""The program of a reading process: `python -m medcl.stages.reader`, run confined.

It looks into files, reads jobs and packs what it read; see `medcl.stages.reading` for who asks.
"""

import json
import os
import sys
from pathlib import Path

from medcl.ingest.inspection import inspect_file
from medcl.ingest.outcome import Refused
from medcl.ingest.reading import read_job
from medcl.ingest.wire import facts_to_json, job_from_json
from medcl.io.quiet import quiet
from medcl.runtime.confinement import run_guard
from medcl.runtime.pipes import Content
from medcl.store.columns import cells_of
from medcl.store.packing import pack


def serve(request: bytes) -> list[Content]:
    """Answer a request.

    Args:
        request: As `medcl.stages.reading` puts it.

    Returns:
        Facts, or outcomes and what was packed, in pieces; bad files never raise.
    """
    asked = json.loads(request)
    if "inspect" in asked:
        facts = [inspect_file(Path(path)) for path in asked["inspect"]]
        return [json.dumps([facts_to_json(one) for one in facts]).encode()]
    heads: list[dict[str, object]] = []
    buffers: list[Content] = []
    within = Path(asked["within"]) if "within" in asked else None
    for outcome in read_job(job_from_json(asked["read"]), within=within):
        if isinstance(outcome, Refused):
            heads.append({"code": outcome.code, "detail": outcome.detail})
            continue
        ready = pack(outcome)
        heads.append(
            {
                "row": cells_of(ready.row),
                "voxels": len(ready.voxels),
                "mask": None if ready.mask is None else len(ready.mask),
                "label": None if ready.label is None else ready.label.value,
            }
        )
        buffers += [ready.voxels] if ready.mask is None else [ready.voxels, ready.mask]
    return [json.dumps(heads).encode(), b"\n", *buffers]


if __name__ == "__main__":
    os.umask(0o077)
    with quiet():
        run_guard(serve, sys.argv[1:])
