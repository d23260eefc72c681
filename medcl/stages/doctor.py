"""`medcl doctor`: what this machine has, what is missing, in plain words."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
import torch

from medcl.errors import MedclError
from medcl.ingest.identity import Keyring

State = Literal["good", "note", "missing"]

_GIB = 2**30

_CODECS = {
    "gdcm": "JPEG, JPEG-LS, JPEG 2000, RLE (python-gdcm)",
    "jpeg_ls": "JPEG-LS (pyjpegls)",
    "openjpeg": "JPEG 2000 and HTJ2K (pylibjpeg-openjpeg)",
    "rle": "RLE (pylibjpeg-rle)",
}

_PARTS = ("torch", "monai", "lightning-fabric", "pydicom", "nibabel", "blosc2", "mlflow")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        subject: What was looked at.
        state: ``good``, ``note`` (works, with a limit), or ``missing`` (something will not work).
        sentence: What was found and what follows.
    """

    subject: str
    state: State
    sentence: str


def examine(*, folder: Path, key_file: Path | None = None) -> list[Finding]:
    """Return what was found on this machine; nothing is changed.

    Args:
        folder: Where runs will be written; its free space is looked at.
        key_file: The site's secret, if its permissions are to be looked at.

    Returns:
        Findings in reading order.

    Example:
        >>> {finding.state for finding in examine(folder=Path("."))} <= {"good", "note", "missing"}
        True
    """
    looks: list[Callable[[], list[Finding]]] = [
        _python,
        _packages,
        _codecs,
        _processor,
        _accelerator,
        _compiler,
        lambda: _disk(folder),
    ]
    if key_file is not None:
        looks.append(lambda: _secret(key_file))
    return [finding for look in looks for finding in look()]


def _python() -> list[Finding]:
    return [Finding("Python", "good", f"Python {platform.python_version()}.")]


def _packages() -> list[Finding]:
    findings = []
    for name in _PARTS:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            sentence = f"{name} is not installed; install medcl again with pip."
            findings.append(Finding(name, "missing", sentence))
        else:
            findings.append(_version(name, version))
    return findings


def _version(name: str, version: str) -> Finding:
    if name == "torch" and version.startswith("2.9."):
        sentence = f"torch {version} is about 4 x slower in 3D mixed precision; take 2.10 or newer."
        return Finding(name, "missing", sentence)
    return Finding(name, "good", f"{name} {version}.")


def _codecs() -> list[Finding]:
    missing = [text for name, text in _CODECS.items() if importlib.util.find_spec(name) is None]
    if missing:
        sentence = f"Compressed DICOM cannot be read in: {'; '.join(missing)}."
        return [Finding("DICOM codecs", "missing", sentence)]
    sentence = "All lossless transfer syntaxes can be read."
    return [Finding("DICOM codecs", "good", sentence)]


def _processor() -> list[Finding]:
    memory = psutil.virtual_memory()
    sentence = (
        f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads; "
        f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB memory free."
    )
    return [Finding("Processor", "good" if memory.available > 4 * _GIB else "note", sentence)]


def _accelerator() -> list[Finding]:
    if not torch.cuda.is_available():
        sentence = "No CUDA device: training runs on the processor, for small networks only."
        return [Finding("GPU", "note", sentence)]
    findings = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        has_bf16 = torch.cuda.is_bf16_supported()
        sentence = (
            f"{properties.name}, {properties.total_memory / _GIB:.0f} GiB, "
            f"{'bf16 in hardware' if has_bf16 else 'no bf16: training runs in float32'}."
        )
        findings.append(Finding(f"GPU {index}", "good" if has_bf16 else "note", sentence))
    return findings


def _compiler() -> list[Finding]:
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        sentence = "No C++ compiler: torch.compile is not available, views run uncompiled."
        return [Finding("Compiler", "note", sentence)]
    return [Finding("Compiler", "good", "A C++ compiler is there: torch.compile can be used.")]


def _disk(folder: Path) -> list[Finding]:
    existing = next(place for place in [folder, *folder.absolute().parents] if place.exists())
    free = shutil.disk_usage(existing).free / _GIB
    sentence = f"{free:.0f} GiB free where runs are written."
    return [Finding("Disk", "good" if free > 10 else "note", sentence)]


def _secret(key_file: Path) -> list[Finding]:
    try:
        keyring = Keyring.from_file(key_file)
    except MedclError as error:
        return [Finding("Secret", "missing", str(error))]
    sentence = (
        f"The secret is readable by its owner only; its fingerprint is {keyring.fingerprint}."
    )
    return [Finding("Secret", "good", sentence)]
