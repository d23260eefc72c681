"""Files, headers and jobs as JSON, between the coordinator and processes that read hostile files.

JSON and not pickle: what a reading process says may be forged by the file it read, and must be
able to do no more than lie.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_args

from medcl.ingest.defacing import Defacing
from medcl.ingest.discovery import FoundFile
from medcl.ingest.file_facts import FileFacts
from medcl.ingest.jobs import Job, Plane
from medcl.io.dicom.series_options import SeriesOptions
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.images.medmnist_names import SplitFacts
from medcl.io.refusal import ReasonCode
from medcl.runtime.tools import ToolLimits
from medcl.volume import Modality

_MODALITIES: dict[Any, Modality] = {name: name for name in get_args(Modality)}
_HEADER_FIELDS = tuple(field.name for field in fields(SliceHeader))
_PLAIN_JOB_FIELDS = tuple(
    field.name
    for field in fields(Job)
    if field.name not in {"files", "planes", "copies", "series", "defacing"}
)


def header_to_json(header: SliceHeader) -> str:
    """Return a header as a list of its values.

    Example:
        >>> from medcl.io.dicom.header import slice_header
        >>> from medcl.io.dicom.file import Elements
        >>> from pydicom.dataset import FileDataset
        >>> header = slice_header(Elements(FileDataset("", {}), is_whole=True))
        >>> header_from_json(header_to_json(header)) == header
        True
    """
    return json.dumps(_header_values(header))


def header_from_json(text: str) -> SliceHeader:
    """Return the header that `header_to_json` wrote."""
    return _header(json.loads(text))


def facts_to_json(facts: FileFacts) -> str:
    """Return what a file is as text."""
    return json.dumps(
        {
            "kind": facts.kind,
            "headers": [_header_values(header) for header in facts.headers],
            "splits": [
                [split.split, split.num_images, split.image_bytes] for split in facts.splits
            ],
            "num_parts": facts.num_parts,
            "modality": facts.modality,
            "code": facts.code,
            "detail": facts.detail,
        }
    )


def facts_from_json(text: str) -> FileFacts:
    """Return what `facts_to_json` wrote."""
    found = json.loads(text)
    return FileFacts(
        kind=found["kind"],
        headers=tuple(map(_header, found["headers"])),
        splits=tuple(SplitFacts(*split) for split in found["splits"]),
        num_parts=int(found["num_parts"]),
        modality=_MODALITIES.get(found["modality"]),
        code=ReasonCode(found["code"]),
        detail=str(found["detail"]),
    )


def job_to_json(job: Job) -> str:
    """Return a job as text; it holds paths and headers, but no secret."""
    places: dict[Path, int] = {}
    files: list[list[object]] = []
    for found in (*job.files, *(plane.found for plane in _planes(job))):
        if found.path not in places:
            places[found.path] = len(files)
            files.append([str(found.path), found.size, found.mtime_ns])
    return json.dumps(
        {
            "job": {name: getattr(job, name) for name in _PLAIN_JOB_FIELDS},
            "series": [job.series.tilt, job.series.pet_unit],
            "defacing": None if job.defacing is None else asdict(job.defacing),
            "all_files": files,
            "files": [places[found.path] for found in job.files],
            "planes": [_plane_values(plane, places) for plane in job.planes],
            "copies": [[number, _plane_values(plane, places)] for number, plane in job.copies],
        }
    )


def job_from_json(text: str) -> Job:
    """Return the job that `job_to_json` wrote, without the names of files inside the archive."""
    found = json.loads(text)
    files = [FoundFile(Path(path), "", size, mtime) for path, size, mtime in found["all_files"]]
    words: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found["job"].items()
    }
    return replace(
        Job(**words),
        series=SeriesOptions(tilt=found["series"][0], pet_unit=found["series"][1]),
        defacing=None if found["defacing"] is None else _defacing(found["defacing"]),
        files=tuple(files[place] for place in found["files"]),
        planes=tuple(_plane(values, files) for values in found["planes"]),
        copies=tuple((number, _plane(values, files)) for number, values in found["copies"]),
    )


def _defacing(found: dict[str, Any]) -> Defacing:
    return Defacing(
        command=tuple(found["command"]),
        limits=ToolLimits(**found["limits"]),
        unknown_too=found["unknown_too"],
    )


def _planes(job: Job) -> list[Plane]:
    return [*job.planes, *(plane for _, plane in job.copies)]


def _plane_values(plane: Plane, places: dict[Path, int]) -> list[Any]:
    return [places[plane.found.path], _header_values(plane.header)]


def _plane(values: Sequence[Any], files: Sequence[FoundFile]) -> Plane:
    return Plane(found=files[values[0]], header=_header(values[1]))


def _header_values(header: SliceHeader) -> list[Any]:
    return [getattr(header, name) for name in _HEADER_FIELDS]


def _header(values: Sequence[Any]) -> SliceHeader:
    found = [tuple(value) if isinstance(value, list) else value for value in values]
    named: dict[str, Any] = dict(zip(_HEADER_FIELDS, found, strict=True))
    return SliceHeader(**named)
