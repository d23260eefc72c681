"""Planes of one CT, MR or PET series, classic or Enhanced → volume."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal, cast

import numpy as np

from medcl.io.dicom.checks import check_slice
from medcl.io.dicom.deshear import deshear
from medcl.io.dicom.geometry import Stack, stack_slices
from medcl.io.dicom.header import read_slice_headers
from medcl.io.dicom.pixels import padding_mask, stored_planes, values_of
from medcl.io.dicom.series_options import SeriesOptions
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.kinds import file_kind
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.values import settle
from medcl.volume import Unit, Volume


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SeriesReading:
    """A volume and how it was put together.

    Attributes:
        volume: Voxels of shape ``(1, columns, rows, planes)``.
        jitter_mm: Largest departure of a plane from the even grid, mm.
        tilt_degrees: Angle between the line of the plane corners and the normal, degrees.
        first: Place, among the input, of the first plane along the normal.
    """

    volume: Volume
    jitter_mm: float
    tilt_degrees: float
    first: int


def read_series(
    paths: Sequence[Path],
    *,
    accept: frozenset[ReasonCode] = frozenset(),
    options: SeriesOptions | None = None,
) -> SeriesReading:
    """Read the files of one CT, MR or PET series.

    Slices are ordered by position along the slice normal. A series with a gap, a repeated slice,
    a tilt or a second series mixed in is refused rather than repaired: a wrong spacing is silent
    downstream, a refusal is not.

    Args:
        paths: All files of the series and nothing else, in any order.
        accept: Reasons to overlook of those that `medcl.io.dicom.checks.check_slice` gives.
        options: What else the site decided.

    Returns:
        The volume: CT in HU, MR in arbitrary units, PET in SUVbw or Bq/ml; int16 or int32 where
        that is exact, else float32. Padded voxels hold -1024 HU, or the lowest valid value in MR
        and PET, and are False in the validity mask.

    Raises:
        RefusedSeries: With the first reason found.

    Example:
        >>> read_series([])
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: TOO_FEW_SLICES: 0 slices; at least 3 are needed.
    """
    planes = [
        (path, header)
        for path in paths
        for header in read_slice_headers(path, bare=file_kind(path) == "bare_dicom")
    ]
    for _, header in planes:
        refusal = check_slice(header, accept=accept)
        if refusal is not None:
            raise refusal
    headers = [header for _, header in planes]
    return read_planes([path for path, _ in planes], headers, options=options)


def read_planes(
    paths: Sequence[Path], headers: Sequence[SliceHeader], *, options: SeriesOptions | None = None
) -> SeriesReading:
    """Read planes whose headers are known and checked; each file is then opened once.

    Args:
        paths: The file of each plane.
        headers: Their headers, same order.
        options: What the site decided.

    Returns:
        As `read_series`.

    Raises:
        RefusedSeries: The planes make no volume, or a file cannot be read.
    """
    options = options or SeriesOptions()
    _check_one_series(headers)
    stack = stack_slices(headers, may_tilt=options.tilt != "refuse")
    modality = cast(Literal["CT", "MR", "PT"], headers[0].modality)
    array, padded = _assembled(paths, headers, stack)
    units: dict[str, Unit] = {"CT": "HU", "MR": "a.u.", "PT": options.pet_unit}
    if modality == "PT":
        # Here, because it takes pydicom.
        from medcl.io.dicom.pet_units import to_unit

        array = to_unit(array, [paths[place] for place in stack.order], options.pet_unit)
    volume = Volume(
        array=array[np.newaxis],
        affine=stack.affine,
        modality=modality,
        unit=units[modality],
        validity=settle(array, padded, modality=modality),
    )
    return SeriesReading(
        volume=deshear(volume) if options.tilt == "deshear" else volume,
        jitter_mm=stack.jitter_mm,
        tilt_degrees=stack.tilt_degrees,
        first=stack.order[0],
    )


def _check_one_series(headers: Sequence[SliceHeader]) -> None:
    num_series = len({header.series_uid for header in headers})
    num_modalities = len({header.modality for header in headers})
    if max(num_series, num_modalities) > 1:
        raise RefusedSeries(
            ReasonCode.MIXED_SERIES, f"{num_series} series, {num_modalities} modalities."
        )


def _assembled(
    paths: Sequence[Path], headers: Sequence[SliceHeader], stack: Stack
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return values and padding, both ``(columns, rows, planes)``, columns fastest in memory."""
    rows, columns = headers[0].rows, headers[0].columns
    array = np.zeros((len(headers), rows, columns), np.int16)
    padded: np.ndarray | None = None
    for index, stored in _in_order(paths, headers, stack):
        header = headers[stack.order[index]]
        plane = values_of(stored, header)
        array = array.astype(_common_type(array, plane), copy=False)
        array[index] = plane
        mask = padding_mask(stored, header)
        if mask is not None:
            padded = np.zeros(array.shape, bool) if padded is None else padded
            padded[index] = mask
    return array.transpose(2, 1, 0), None if padded is None else padded.transpose(2, 1, 0)


def _in_order(
    paths: Sequence[Path], headers: Sequence[SliceHeader], stack: Stack
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each plane's index in the volume and its stored integers, file by file."""
    indices = sorted(range(len(paths)), key=lambda index: str(paths[stack.order[index]]))
    for path, group in groupby(indices, key=lambda index: paths[stack.order[index]]):
        members = list(group)
        wanted = [headers[stack.order[index]] for index in members]
        yield from zip(members, stored_planes(path, wanted), strict=True)


def _common_type(array: np.ndarray, plane: np.ndarray) -> np.dtype:
    """Return the first of int16, int32, float32 that both fit into."""
    if "f" in (array.dtype.kind, plane.dtype.kind):
        return np.dtype(np.float32)
    return np.promote_types(array.dtype, plane.dtype)
