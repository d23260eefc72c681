"""Stored pixels → values of one plane."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from medcl.io.dicom.sign_bits import with_sign
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.refusing import refusing

_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_PLAIN_SYNTAXES = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", _BIG_ENDIAN}


def stored_planes(path: Path, headers: Sequence[SliceHeader]) -> Iterator[np.ndarray]:
    """Yield the stored integers of some planes of one file.

    Plain pixels are read from their place; only encapsulated or deflated ones take a decoder.

    Args:
        path: The file.
        headers: Of the planes wanted, at least one.

    Yields:
        Shape ``(rows, columns)``, 8 to 32-bit integers, in the order of ``headers``.

    Raises:
        RefusedSeries: Pixels are missing, cut short or cannot be decoded.
    """
    first = headers[0]
    _check_length(first)
    if has_plain_pixels(first):
        with refusing("The pixels"), path.open("rb") as file:
            for header in headers:
                plane_bytes = header.rows * header.columns * header.bits_allocated // 8
                file.seek(header.pixels_at + header.frame * plane_bytes)
                yield _settled(_plain(file.read(plane_bytes), header), header)
    else:
        # Here, because it takes pydicom, and plain pixels need it never.
        from medcl.io.dicom.decoding import decoded_planes

        decoded = decoded_planes(path, headers)
        for header, plane in zip(headers, decoded, strict=True):
            with refusing("The pixels"):
                yield _settled(plane, header)


def has_plain_pixels(header: SliceHeader) -> bool:
    """Return whether the pixels of a plane stand in its file as they are."""
    return header.pixels_at > 0 and header.syntax in _PLAIN_SYNTAXES


def padding_mask(plane: np.ndarray, header: SliceHeader) -> np.ndarray | None:
    """Return where a plane holds padding, or ``None`` if it declares none or has none.

    *Pixel Padding Value* is often written with the wrong sign (63536 for -2000); it is taken
    modulo the range of the stored integers.

    Args:
        plane: Stored integers, shape ``(rows, columns)``.
        header: Its header.

    Returns:
        True where padded, same shape.

    References:
        DICOM PS3.3, C.7.5.1.1.2.
    """
    if header.padding is None:
        return None
    limit = header.padding if header.padding_limit is None else header.padding_limit
    bits = plane.dtype.itemsize * 8
    low, high = sorted(
        _wrap(int(number), bits, plane.dtype.kind == "i") for number in (header.padding, limit)
    )
    mask = np.asarray(plane == low if low == high else (plane >= low) & (plane <= high))
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
        Same shape; int16 or int32 where slope and intercept are whole, else float32.

    References:
        DICOM PS3.3, C.7.6.3.1.2 (photometric interpretation), C.11.1 (rescale).
    """
    if header.photometric == "MONOCHROME1" and header.modality == "MR":
        plane = _turned(plane, header.bits_stored)
    slope = 1.0 if header.slope is None else header.slope
    intercept = 0.0 if header.intercept is None else header.intercept
    if slope.is_integer() and intercept.is_integer():
        whole = _whole_values(plane, int(slope), int(intercept))
        if whole is not None:
            return whole
    return np.asarray((plane.astype(np.float64) * slope + intercept).astype(np.float32))


def _whole_values(plane: np.ndarray, slope: int, intercept: int) -> np.ndarray | None:
    """Return ``plane * slope + intercept`` in int16 or int32, or ``None`` if neither holds it."""
    if slope == 1 and intercept == 0 and plane.dtype == np.int16:
        return plane
    ends = sorted(int(end) * slope + intercept for end in (plane.min(), plane.max()))
    for dtype in (np.int16, np.int32):
        limits = np.iinfo(dtype)
        if limits.min <= ends[0] and ends[1] <= limits.max:
            if slope != 1:
                return np.asarray((plane.astype(np.int64) * slope + intercept).astype(dtype))
            # What overflows on the way comes back in the sum, which fits.
            shift = np.int64(intercept).astype(dtype)
            return np.asarray(np.add(plane.astype(dtype, copy=False), shift))
    return None


def _plain(content: bytes, header: SliceHeader) -> np.ndarray:
    letter = "i" if header.is_signed else "u"
    order = ">" if header.syntax == _BIG_ENDIAN else "<"
    stored = np.frombuffer(content, f"{order}{letter}{header.bits_allocated // 8}")
    return stored.reshape(header.rows, header.columns).astype(
        f"{letter}{stored.itemsize}", copy=False
    )


def _settled(plane: np.ndarray, header: SliceHeader) -> np.ndarray:
    """Return a plane of the promised shape, without the bits that are not stored values.

    Raises:
        RefusedSeries: It has another shape, or is of no integers.

    References:
        DICOM PS3.5, 8.1.1 (bits beyond *Bits Stored* once held overlays).
    """
    if plane.shape != (header.rows, header.columns) or plane.dtype.kind not in "iu":
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"Pixels of shape {plane.shape} and type {plane.dtype} under a header of "
            f"{header.rows} x {header.columns}.",
        )
    return with_sign(plane, header.bits_stored)


def _turned(plane: np.ndarray, bits_stored: int) -> np.ndarray:
    signed = plane.dtype.kind == "i"
    total = -1 if signed else 2**bits_stored - 1
    return np.asarray((total - plane.astype(np.int64)).astype(plane.dtype))


def _wrap(number: int, bits: int, signed: bool) -> int:
    number %= 2**bits
    return number - 2**bits if signed and number >= 2 ** (bits - 1) else number


def _check_length(header: SliceHeader) -> None:
    """Refuse plain pixels that are fewer than rows, columns and frames say.

    Raises:
        RefusedSeries: They are.
    """
    expected = header.rows * header.columns * header.bits_allocated * header.num_frames // 8
    if has_plain_pixels(header) and header.pixel_bytes < expected:
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED, f"{header.pixel_bytes} of {expected} bytes of pixels."
        )
