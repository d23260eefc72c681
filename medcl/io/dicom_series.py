"""Classic single-frame series → volume."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
from pydicom.dataset import FileDataset

from medcl.io.dicom_checks import check_slice
from medcl.io.dicom_file import read_whole
from medcl.io.dicom_geometry import Stack, stack_slices
from medcl.io.dicom_header import SliceHeader, read_slice_header, slice_header
from medcl.io.dicom_pixels import decode_plane, padding_mask, values_of
from medcl.io.kinds import file_kind
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.values import settle
from medcl.volume import Unit, Volume

_UNITS: dict[str, Unit] = {"CT": "HU", "MR": "a.u.", "PT": "Bq/ml"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SeriesReading:
    """A volume and the header it came with; the header holds PHI and never leaves the worker.

    Attributes:
        volume: Voxels of shape ``(1, columns, rows, slices)``.
        first: Elements of the first slice along the normal, pixels removed.
        jitter_mm: Largest departure of a slice from the even grid, mm.
    """

    volume: Volume
    first: FileDataset
    jitter_mm: float


def read_series(
    paths: Sequence[Path], *, accept: frozenset[ReasonCode] = frozenset()
) -> SeriesReading:
    """Read the files of one classic CT, MR or PET series.

    Slices are ordered by position along the slice normal. A series with a gap, a repeated slice,
    a tilt or a second series mixed in is refused rather than repaired: a wrong spacing is silent
    downstream, a refusal is not.

    Args:
        paths: All files of the series and nothing else, in any order.
        accept: Reasons to overlook, out of `medcl.io.dicom_checks.ACCEPTABLE`.

    Returns:
        The volume: CT in HU, MR in arbitrary units, PET in Bq/ml; int16 or int32 where that is
        exact, else float32. Padded voxels hold -1024 HU, or the lowest valid value in MR and PET,
        and are False in the validity mask.

    Raises:
        RefusedSeries: With the first reason found.

    Example:
        >>> read_series([])
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: TOO_FEW_SLICES: 0 slices; at least 3 are needed.
    """
    headers = [read_slice_header(path, bare=file_kind(path) == "bare_dicom") for path in paths]
    for header in headers:
        refusal = check_slice(header, accept=accept)
        if refusal is not None:
            raise refusal
    return read_slices(paths, headers)


def read_slices(paths: Sequence[Path], headers: Sequence[SliceHeader]) -> SeriesReading:
    """Read a series whose headers are known and checked; each file is then opened once.

    Args:
        paths: The files.
        headers: Their headers, same order.

    Returns:
        As `read_series`.

    Raises:
        RefusedSeries: The slices make no volume, or a file no longer holds the header given.
    """
    _check_one_series(headers)
    stack = stack_slices(headers)
    columns, rows = headers[0].columns, headers[0].rows
    array = np.zeros((columns, rows, len(paths)), np.int16)
    padded: np.ndarray | None = None
    first: FileDataset | None = None
    for index, place in enumerate(stack.order):
        dataset, plane, mask = _read_plane(paths[place], headers[place])
        array = _wide_enough(array, plane)
        array[:, :, index] = plane.T
        if mask is not None:
            padded = np.zeros(array.shape, bool) if padded is None else padded
            padded[:, :, index] = mask.T
        first = dataset if first is None else first
    return SeriesReading(
        _volume(array, padded, stack, headers[0].modality),
        cast(FileDataset, first),
        stack.jitter_mm,
    )


def _check_one_series(headers: Sequence[SliceHeader]) -> None:
    num_series = len({header.series_uid for header in headers})
    num_modalities = len({header.modality for header in headers})
    if max(num_series, num_modalities) > 1:
        raise RefusedSeries(
            ReasonCode.MIXED_SERIES, f"{num_series} series, {num_modalities} modalities."
        )


def _read_plane(
    path: Path, header: SliceHeader
) -> tuple[FileDataset, np.ndarray, np.ndarray | None]:
    dataset = read_whole(path, bare=header.is_bare)
    if "PixelData" not in dataset:
        raise RefusedSeries(ReasonCode.PIXEL_TRUNCATED, "A slice without pixels.")
    found = slice_header(dataset, is_whole=header.is_whole, is_bare=header.is_bare)
    if found != header:
        raise RefusedSeries(ReasonCode.CHANGED_CONTENT, "A header changed since it was surveyed.")
    stored = decode_plane(dataset, header)
    mask = padding_mask(stored, dataset)
    del dataset.PixelData
    return dataset, values_of(stored, header), mask


def _wide_enough(array: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Return the array in the first of int16, int32, float32 that holds the plane too."""
    if plane.dtype.kind == "f" or array.dtype.kind == "f":
        return array.astype(np.float32, copy=False)
    low, high = int(plane.min()), int(plane.max())
    for dtype in (np.int16, np.int32):
        limits = np.iinfo(dtype)
        if array.dtype.itemsize <= limits.bits // 8 and limits.min <= low and high <= limits.max:
            return array.astype(dtype, copy=False)
    return array.astype(np.float32)


def _volume(array: np.ndarray, padded: np.ndarray | None, stack: Stack, modality: str) -> Volume:
    validity = settle(array, padded, modality=modality)
    return Volume(
        array=array[np.newaxis],
        affine=stack.affine,
        modality=cast(Literal["CT", "MR", "PT"], modality),
        unit=_UNITS[modality],
        validity=validity,
    )
