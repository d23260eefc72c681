"""MedMNIST 3D archives (npz): many small volumes and their labels in one file.

The format tells neither spacing nor orientation nor patient. Voxels are taken as 1 mm cubes with
the array axes as X, Y, Z; modality OT, unit a.u.; every image counts as a patient of its own.

References:
    Yang et al., "MedMNIST v2", Scientific Data 2023, arXiv:2110.14795; keys ``train_images``,
    ``train_labels`` and so on.
"""

import zipfile
from pathlib import Path
from typing import cast

import numpy as np
from numpy.lib import format as npy

from medcl.io.dicom.geometry import MIN_SLICES
from medcl.io.images.medmnist_names import SplitFacts
from medcl.io.limits import MAX_FILE_BYTES
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.refusing import refusing
from medcl.io.values import narrowed
from medcl.volume import Volume

SPLITS = ("train", "val", "test")
_CHUNK_BYTES = 2**22


def read_facts(path: Path) -> list[SplitFacts]:
    """Return what an archive holds; every byte of it is read once and its checksums verified.

    Args:
        path: An npz file.

    Returns:
        One entry per split.

    Raises:
        RefusedSeries: The file is damaged, too large, or no archive of 3D images.
    """
    with refusing("The archive"), zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_FILE_BYTES:
            raise RefusedSeries(
                ReasonCode.LIMIT_EXCEEDED, f"More than {MAX_FILE_BYTES} bytes once unpacked."
            )
        facts = [_facts(archive, split) for split in SPLITS if _has(archive, f"{split}_images")]
        if not facts:
            raise RefusedSeries(ReasonCode.NOT_IMAGE, "An archive of arrays without images.")
        if archive.testzip() is not None:
            raise RefusedSeries(ReasonCode.DECODE_FAILED, "A checksum is wrong.")
    return facts


def read_images(
    path: Path, *, split: str, start: int, stop: int
) -> tuple[list[Volume], list[int | None]]:
    """Return some volumes of a split and their labels, without holding the rest.

    Args:
        path: An npz file that `read_facts` accepts.
        split: ``train``, ``val`` or ``test``.
        start: First image.
        stop: One past the last image.

    Returns:
        Volumes; and the class index of each, ``None`` where the archive has no single label.

    Raises:
        RefusedSeries: The file is damaged.
    """
    with refusing("The archive"), zipfile.ZipFile(path) as archive:
        images = _rows(archive, f"{split}_images", start, stop)
        labels: list[int | None] = [None] * len(images)
        if _has(archive, f"{split}_labels"):
            table = _rows(archive, f"{split}_labels", start, stop).reshape(len(images), -1)
            if table.shape[1] == 1 and table.dtype.kind in "iu":
                labels = [int(label) for label in table[:, 0]]
        return [_volume(image) for image in images], labels


def _volume(image: np.ndarray) -> Volume:
    array = narrowed(image) if image.dtype != np.uint8 else image.copy()
    return Volume(array=array[np.newaxis], affine=np.eye(4), modality="OT", unit="a.u.")


def _has(archive: zipfile.ZipFile, name: str) -> bool:
    return f"{name}.npy" in archive.namelist()


def _facts(archive: zipfile.ZipFile, split: str) -> SplitFacts:
    with archive.open(f"{split}_images.npy") as member:
        shape, dtype = _array_header(cast(zipfile.ZipExtFile, member))
    if len(shape) != 4 or min(shape[1:]) < MIN_SLICES or shape[3] in (3, 4):
        raise RefusedSeries(ReasonCode.NOT_3D, f"Images of shape {shape[1:]}.")
    return SplitFacts(split, shape[0], int(np.prod(shape[1:])) * dtype.itemsize)


def _array_header(member: zipfile.ZipExtFile) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    version = npy.read_magic(member)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, is_fortran, dtype = read(member)
    if is_fortran or dtype.kind not in "iuf":
        raise RefusedSeries(ReasonCode.UNSUPPORTED_SYNTAX, "Arrays must be plain C-order numbers.")
    return shape, dtype


def _rows(archive: zipfile.ZipFile, name: str, start: int, stop: int) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        shape, dtype = _array_header(cast(zipfile.ZipExtFile, member))
        stop = min(stop, shape[0])
        row_bytes = int(np.prod(shape[1:])) * dtype.itemsize
        _skip(cast(zipfile.ZipExtFile, member), start * row_bytes)
        content = member.read((stop - start) * row_bytes)
    return np.frombuffer(content, dtype).reshape(stop - start, *shape[1:])


def _skip(member: zipfile.ZipExtFile, num_bytes: int) -> None:
    while num_bytes > 0:
        chunk = member.read(min(num_bytes, _CHUNK_BYTES))
        if not chunk:
            raise RefusedSeries(ReasonCode.PIXEL_TRUNCATED, "The archive ends too early.")
        num_bytes -= len(chunk)
