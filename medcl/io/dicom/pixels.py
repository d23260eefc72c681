"""Stored pixels → values of one plane."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID

from medcl.io.dicom.codestream import codestream_of
from medcl.io.dicom.file import read_whole, refusing
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.refusal import ReasonCode, RefusedSeries

_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_PLAIN_SYNTAXES = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", _BIG_ENDIAN}
_COMPRESSED = "1.2.840.10008.1.2.4."
_DECODERS = {
    **dict.fromkeys((_COMPRESSED + end for end in ("50", "57", "70", "90", "91")), "gdcm"),
    **dict.fromkeys((_COMPRESSED + end for end in ("80", "81")), "pyjpegls"),
    **dict.fromkeys((_COMPRESSED + end for end in ("201", "202", "203")), "pylibjpeg"),
    "1.2.840.10008.1.2.5": "pylibjpeg",
}
"""One decoder per coding. Tried in turn, a second one would read what the first one found damaged,
and which are there would depend on what else is installed."""


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
    if first.pixels_at and first.syntax in _PLAIN_SYNTAXES:
        with refusing("The pixels"), path.open("rb") as file:
            for header in headers:
                plane_bytes = header.rows * header.columns * header.bits_allocated // 8
                file.seek(header.pixels_at + header.frame * plane_bytes)
                yield _settled(_plain(file.read(plane_bytes), header), header)
    else:
        yield from _decoded(path, headers)


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
    ends = sorted(int(end) * slope + intercept for end in (plane.min(), plane.max()))
    for dtype in (np.int16, np.int32):
        limits = np.iinfo(dtype)
        if limits.min <= ends[0] and ends[1] <= limits.max:
            if slope != 1:
                return np.asarray((plane.astype(np.int64) * slope + intercept).astype(dtype))
            if intercept == 0:
                return np.asarray(plane.astype(dtype, copy=False))
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


def _decoded(path: Path, headers: Sequence[SliceHeader]) -> Iterator[np.ndarray]:
    """Yield planes that take a decoder.

    Raises:
        RefusedSeries: There are no pixels, or they cannot be decoded.
    """
    dataset = read_whole(path, bare=headers[0].is_bare)
    with refusing("The pixels"):
        if not dataset.get("PixelData"):
            raise RefusedSeries(ReasonCode.PIXEL_TRUNCATED, "A slice without pixels.")
        if not headers[0].syntax:
            dataset.file_meta.TransferSyntaxUID = UID(_guessed_syntax(dataset))
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        precisions = [_precision(dataset, syntax, header) for header in headers]
        frames = [header.frame for header in headers]
        decoded = iter_pixels(
            dataset,
            indices=None if headers[0].num_frames == 1 else frames,
            raw=True,
            decoding_plugin=_DECODERS.get(syntax, ""),
            # Signs and unused bits are taken care of below, for plain and decoded pixels alike.
            correct_unused_bits=False,
            apply_j2k_sign_correction=False,
            apply_jls_sign_correction=False,
        )
        for plane, precision, header in zip(decoded, precisions, headers, strict=True):
            yield _settled(_with_sign(np.array(plane), precision), header)


def _precision(dataset: FileDataset, syntax: str, header: SliceHeader) -> int:
    """Return the bits of a compressed plane; 0 where its coding does not say.

    Raises:
        RefusedSeries: The compressed plane is of another size than the header says.
    """
    if not syntax.startswith(_COMPRESSED):
        return 0
    content = get_frame(
        dataset.PixelData,
        header.frame,
        number_of_frames=header.num_frames,
        extended_offsets=_extended_offsets(dataset),
    )
    found = codestream_of(content)
    if found is None:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "Compressed pixels without a head.")
    if (found.rows, found.columns, found.num_samples) != (header.rows, header.columns, 1):
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"Compressed pixels of {found.rows} x {found.columns} with {found.num_samples} samples "
            f"under a header of {header.rows} x {header.columns}.",
        )
    return found.precision


def _extended_offsets(dataset: FileDataset) -> tuple[bytes, bytes] | None:
    offsets, lengths = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    return (offsets, lengths) if offsets and lengths else None


def _with_sign(plane: np.ndarray, precision: int) -> np.ndarray:
    """Return integers whose bits above the precision are those of their sign.

    JPEG-LS knows no sign, and in many JPEG 2000 files it is not that of the header: the bits are
    right, but those above the precision are not.
    """
    unused = plane.dtype.itemsize * 8 - precision
    return plane if not precision or unused <= 0 else np.asarray((plane << unused) >> unused)


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
    return _with_sign(plane, header.bits_stored)


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
    if header.pixels_at and header.syntax in _PLAIN_SYNTAXES and header.pixel_bytes < expected:
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED, f"{header.pixel_bytes} of {expected} bytes of pixels."
        )


def _guessed_syntax(dataset: FileDataset) -> str:
    implicit, little = dataset.original_encoding
    if implicit:
        return "1.2.840.10008.1.2"
    return "1.2.840.10008.1.2.1" if little else _BIG_ENDIAN
