"""Stored pixels → values of one plane."""

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from medcl.io.dicom_file import refusing
from medcl.io.dicom_header import SliceHeader, numbers
from medcl.io.refusal import ReasonCode, RefusedSeries

_NATIVE_SYNTAXES = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", ""}


def decode_plane(dataset: FileDataset, header: SliceHeader) -> np.ndarray:
    """Return the stored integers of a single-frame image.

    Args:
        dataset: A whole file.
        header: Its header.

    Returns:
        Shape ``(rows, columns)``, 8 to 32-bit integers.

    Raises:
        RefusedSeries: Pixels are missing, cut short or cannot be decoded.
    """
    with refusing("The pixels"):
        pixels = dataset.get("PixelData")
        if not pixels:
            raise RefusedSeries(ReasonCode.PIXEL_TRUNCATED, "A slice without pixels.")
        if header.syntax in _NATIVE_SYNTAXES:
            _check_length(len(pixels), dataset, header)
        if not header.syntax:
            dataset.file_meta.TransferSyntaxUID = UID(_guessed_syntax(dataset))
        plane = np.asarray(pixel_array(dataset, raw=True))
    if plane.shape != (header.rows, header.columns) or plane.dtype.kind not in "iu":
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"Pixels of shape {plane.shape} and type {plane.dtype} under a header of "
            f"{header.rows} x {header.columns}.",
        )
    return plane


def padding_mask(plane: np.ndarray, dataset: FileDataset) -> np.ndarray | None:
    """Return where a plane holds padding, or ``None`` if it declares none or has none.

    *Pixel Padding Value* is often written with the wrong sign (63536 for -2000); it is taken
    modulo the range of the stored integers.

    Args:
        plane: Stored integers, shape ``(rows, columns)``.
        dataset: The file they came from.

    Returns:
        True where padded, same shape.

    References:
        DICOM PS3.3, C.7.5.1.1.2.
    """
    value = numbers(dataset, "PixelPaddingValue", 1)
    if value is None:
        return None
    limit = numbers(dataset, "PixelPaddingRangeLimit", 1) or value
    bits = plane.dtype.itemsize * 8
    low, high = sorted(
        _wrap(int(number), bits, plane.dtype.kind == "i") for (number,) in (value, limit)
    )
    mask = np.asarray((plane >= low) & (plane <= high))
    return mask if mask.any() else None


def values_of(plane: np.ndarray, header: SliceHeader) -> np.ndarray:
    """Return the values of a plane: *Rescale Slope* and *Intercept* of this very slice applied.

    Arbitrary units stored as MONOCHROME1 (low is white) are turned around first, so that bright
    means much signal in every volume. HU and Bq/ml are not: there the value is a measurement and
    the photometric interpretation only says how to show it.

    Args:
        plane: Stored integers, shape ``(rows, columns)``.
        header: Header of the slice.

    Returns:
        Same shape; integers where slope and intercept are whole, else float32.

    References:
        DICOM PS3.3, C.7.6.3.1.2 (photometric interpretation), C.11.1 (rescale).
    """
    if header.photometric == "MONOCHROME1" and header.modality == "MR":
        plane = _turned(plane, header.bits_stored)
    slope = 1.0 if header.slope is None else header.slope
    intercept = 0.0 if header.intercept is None else header.intercept
    if slope == 1.0 and intercept == 0.0:
        return plane
    if slope.is_integer() and intercept.is_integer():
        exact = plane.astype(np.int64) * int(slope) + int(intercept)
        if abs(exact).max() < 2**31:
            return np.asarray(exact.astype(np.int32))
    return np.asarray((plane.astype(np.float64) * slope + intercept).astype(np.float32))


def _turned(plane: np.ndarray, bits_stored: int) -> np.ndarray:
    signed = plane.dtype.kind == "i"
    total = -1 if signed else 2**bits_stored - 1
    return np.asarray((total - plane.astype(np.int64)).astype(plane.dtype))


def _wrap(number: int, bits: int, signed: bool) -> int:
    number %= 2**bits
    return number - 2**bits if signed and number >= 2 ** (bits - 1) else number


def _check_length(num_bytes: int, dataset: FileDataset, header: SliceHeader) -> None:
    allocated = numbers(dataset, "BitsAllocated", 1) or (16.0,)
    expected = int(header.rows * header.columns * allocated[0]) // 8
    if num_bytes < expected:
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED, f"{num_bytes} of {expected} bytes of pixels."
        )


def _guessed_syntax(dataset: FileDataset) -> str:
    implicit, little = dataset.original_encoding
    if implicit:
        return "1.2.840.10008.1.2"
    return "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"
