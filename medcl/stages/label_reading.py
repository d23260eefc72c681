"""Label files are hostile too: a confined process parses them; requests and answers as bytes."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from medcl.errors import InputError
from medcl.io.images.nifti import read_label_map
from medcl.io.labels.drawing import describe, draw
from medcl.io.labels.grid import Grid
from medcl.io.labels.object import LabelObject, Segment
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.runtime.confinement import ChildDied, ChildLimits, Confined
from medcl.runtime.guard import run_guard
from medcl.shapes import Affine, LabelMap

PROGRAM = ("-m", "medcl.stages.label_reading")
_KINDS_OF_NUMBERS = "biu"


class LabelReader:
    """Reads label files in a process under limits; nothing is parsed here.

    What cannot be read is an `InputError` whose sentence holds geometry and counts only.
    """

    def __init__(self, limits: ChildLimits | None = None) -> None:
        """Say what one file may use; nothing is started yet.

        Args:
            limits: Of the reading process, per file or label map.
        """
        self._confined = Confined(PROGRAM, limits=limits)

    def __enter__(self) -> "LabelReader":
        """Return this."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the reading process."""
        self._confined.close()

    def describe(self, path: Path) -> LabelObject | None:
        """Return what a DICOM label object describes, or ``None`` for any other file."""
        found, _ = self._ask({"describe": str(path)})
        if found["object"] is None:
            return None
        words: dict[str, Any] = found["object"]
        return LabelObject(
            kind=words["kind"],
            series_uids=tuple(words["series_uids"]),
            segments=tuple(Segment(**segment) for segment in words["segments"]),
        )

    def draw(
        self,
        objects: Sequence[tuple[Path, Mapping[int, int]]],
        grid: Grid,
        classes: Sequence[int],
        *,
        later_covers_earlier: bool,
    ) -> LabelMap:
        """Return what `medcl.io.labels.drawing.draw` does."""
        request = {
            "draw": [[str(path), list(wanted.items())] for path, wanted in objects],
            "shape": grid.shape,
            "affine": grid.affine.tolist(),
            "classes": list(classes),
            "covers": later_covers_earlier,
        }
        return _array(*self._ask(request))

    def nifti(self, path: Path) -> tuple[LabelMap, Affine]:
        """Return what `medcl.io.images.nifti.read_label_map` does."""
        found, voxels = self._ask({"nifti": str(path)})
        return _array(found, voxels), np.array(found["affine"], np.float64)

    def _ask(self, request: Mapping[str, object]) -> tuple[dict[str, Any], bytes]:
        try:
            head, _, voxels = self._confined.ask(json.dumps(request).encode()).partition(b"\n")
        except ChildDied as died:
            code = ReasonCode.LIMIT_EXCEEDED
            raise InputError(f"{code}: The reading process was stopped: {died.reason}.") from None
        found: dict[str, Any] = json.loads(head)
        if "refused" in found:
            raise InputError(str(found["refused"]))
        return found, voxels


def _array(found: Mapping[str, Any], voxels: bytes) -> LabelMap:
    dtype, shape = np.dtype(str(found["dtype"])), tuple(map(int, found["shape"]))
    if dtype.kind not in _KINDS_OF_NUMBERS or len(voxels) != np.prod(shape) * dtype.itemsize:
        raise InputError(f"{ReasonCode.DECODE_FAILED}: The reading process gave no label map.")
    return np.frombuffer(voxels, dtype).reshape(shape)


def _serve(request: bytes) -> bytes:
    try:
        head, voxels = _answer(json.loads(request))
    except (RefusedSeries, InputError) as error:
        head, voxels = {"refused": str(error)}, b""
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (its text may hold a path or a header value)
        head, voxels = {"refused": f"{ReasonCode.DECODE_FAILED}: {type(error).__name__}."}, b""
    return json.dumps(head).encode() + b"\n" + voxels


def _answer(asked: Mapping[str, Any]) -> tuple[dict[str, object], bytes]:
    if "describe" in asked:
        found = describe(Path(asked["describe"]))
        return {"object": None if found is None else asdict(found)}, b""
    if "nifti" in asked:
        labels, affine = read_label_map(Path(asked["nifti"]))
        head = _head(labels) | {"affine": affine.tolist()}
    else:
        labels = draw(
            [(Path(path), dict(wanted)) for path, wanted in asked["draw"]],
            Grid(shape=tuple(asked["shape"]), affine=np.array(asked["affine"], np.float64)),
            asked["classes"],
            later_covers_earlier=asked["covers"],
        )
        head = _head(labels)
    return head, np.ascontiguousarray(labels).tobytes()


def _head(labels: LabelMap) -> dict[str, object]:
    return {"shape": labels.shape, "dtype": labels.dtype.str}


if __name__ == "__main__":
    os.umask(0o077)
    run_guard(_serve, sys.argv[1:])
