"""Confined process that says what SimpleITK makes of files: the second opinion of the fuzz."""

import json
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from medcl.runtime.guard import run_guard

_TAGS = {"slope": "0028|1053", "intercept": "0028|1052", "photometric": "0028|0004"}
_TAGS |= {"bits": "0028|0101", "sop_class": "0008|0016"}


def serve(request: bytes) -> bytes:
    """Answer a list of paths with a list of what was read, one ``npz`` per file."""
    answer = BytesIO()
    arrays: dict[str, np.ndarray] = {}
    for number, path in enumerate(json.loads(request)):
        facts = _facts(Path(path), arrays, f"voxels{number}")
        arrays[f"facts{number}"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(answer, **arrays)
    return answer.getvalue()


def _facts(path: Path, arrays: dict[str, np.ndarray], name: str) -> dict[str, object] | None:
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        image = reader.Execute()
    except RuntimeError:
        return None
    if image.GetNumberOfComponentsPerPixel() != 1:
        return None
    arrays[name] = sitk.GetArrayFromImage(image).astype(np.float64)
    texts = {
        key: reader.GetMetaData(tag) for key, tag in _TAGS.items() if reader.HasMetaDataKey(tag)
    }
    return {
        "origin": image.GetOrigin(),
        "spacing": image.GetSpacing(),
        "direction": image.GetDirection(),
        **texts,
    }


if __name__ == "__main__":
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    run_guard(serve, sys.argv[1:])
